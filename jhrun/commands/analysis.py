"""``analysis=curvature``: what is measured after an evaluation's attacks, and where it is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from jhrun.commands.session import say
from jhrun.config import objects
from jhrun.data import Dataset
from jhrun.evaluation import load
from jhrun.evaluation.analysis import outcomes, record, save_analysis
from jhrun.evaluation.curvature import Estimator, curvature
from jhrun.evaluation.slices import slices
from jhrun.folder import RunFolder


def run_curvature(
    folder: RunFolder,
    model: nn.Module,
    data: Dataset,
    values: Mapping[str, Any],
    *,
    name: str,
    epoch: int,
    epsilon: float,
    seed: int,
    plugins: Sequence[str],
) -> None:
    """Measure the test part and keep the results beside those of the attacks.

    Args:
        folder: of the run.
        model: on its device.
        data: on the same device.
        values: the run's configuration.
        name: of the evaluation, whose attacks are done.
        epoch: how many epochs the network was trained for.
        epsilon: how far slices go, in halves.
        seed: of random starts and directions.
        plugins: packages that the configuration may name.
    """
    objective = objects.objective(values, plugins)
    place = folder.evaluation(name)
    _, each, images = load(place)
    with tqdm(
        total=len(data.test), desc="curvature", unit="example", disable=None, dynamic_ncols=True, leave=False
    ) as bar:

        def progress(done: int, _: int) -> None:
            bar.update(done - bar.n)

        found = curvature(
            model,
            objective,
            data.test,
            estimator=estimator(values, data, plugins, epoch),
            seed=seed,
            progress=progress,
        )
    lines = None
    if epsilon > 0:
        shown = torch.from_numpy(images["position"])
        lines = slices(model, objective, data.test, shown, epsilon, seed=seed)
    outcome = outcomes(each)
    figures = record(found, outcome)
    save_analysis(place, found, outcome, lines, figures)
    for warning in figures.warnings:
        say(f"warning: {warning}")
    say(
        f"curvature of {figures.n} examples in {figures.seconds:.1f} s; the relative residual of "
        f"{figures.tolerance:g} was missed by {figures.missed}"
    )


def estimator(values: Mapping[str, Any], data: Dataset, plugins: Sequence[str], epoch: int) -> Estimator | None:
    """How the run's penalty found its directions.

    Args:
        values: the run's configuration.
        data: the run's.
        plugins: packages that the configuration may name.
        epoch: how many epochs were trained; the last one's solver is meant.

    Returns:
        The first penalty and the solver; None without a penalty, and for a distance to a target, whose norm is not
        measured and which need not be loaded.
    """
    first = values["regularizer"]["penalties"][:1]
    if not first or "target" in first[0]:
        return None
    own = {**values, "regularizer": {**values["regularizer"], "penalties": first}}
    regularizer = objects.regularizer(own, data, plugins)
    return Estimator(regularizer.penalties[0], regularizer.solver(max(epoch - 1, 0)))
