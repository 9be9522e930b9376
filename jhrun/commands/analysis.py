"""``analysis=curvature``: what is measured after an evaluation's attacks, and where it is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from jhrun.commands.progress import Progress
from jhrun.commands.session import say
from jhrun.config import loss
from jhrun.data import Dataset, Part
from jhrun.evaluation import Evaluation
from jhrun.evaluation.analysis import outcomes, record, save_analysis
from jhrun.evaluation.curvature import Estimator, curvature
from jhrun.evaluation.slices import slices
from jhrun.linalg.auto import solver_named
from jhrun.records import Decision
from jhrun.terms import Spectral


def run_curvature(
    folder: Path,
    model: nn.Module,
    data: Dataset,
    part: Part,
    evaluation: Evaluation,
    values: Mapping[str, Any],
    *,
    epoch: int,
    epsilon: float,
    seed: int,
    plugins: Sequence[str],
    decisions: Sequence[Decision] = (),
) -> None:
    """Measure the examples that were attacked, and keep the results beside what the attacks did.

    Args:
        folder: of the evaluation.
        model: on its device.
        data: the run's.
        part: the examples, on the same device as the model.
        evaluation: what the attacks did to them.
        values: the run's configuration.
        epoch: how many epochs the network was trained for.
        epsilon: how far slices go, in halves.
        seed: of random starts and directions.
        plugins: packages that the configuration may name.
        decisions: of the run's ``solver=auto``.
    """
    objective = loss.objective(values, plugins, max(epoch - 1, 0))
    with Progress("curvature", len(part)) as progress:
        found = curvature(
            model,
            objective,
            part,
            estimator=estimator(values, data, plugins, epoch, decisions),
            seed=seed,
            progress=lambda done, _: progress(done),
        )
    lines = None
    if epsilon > 0:
        lines = slices(model, objective, part, evaluation.shown, epsilon, seed=seed)
    outcome = outcomes(evaluation)
    figures = record(found, outcome)
    save_analysis(folder, found, outcome, lines, figures)
    for warning in figures.warnings:
        say(f"warning: {warning}")
    say(
        f"curvature of {figures.n} examples in {figures.seconds:.1f} s; the relative residual of "
        f"{figures.tolerance:g} was missed by {figures.missed}"
    )


def estimator(
    values: Mapping[str, Any],
    data: Dataset,
    plugins: Sequence[str],
    epoch: int,
    decisions: Sequence[Decision] = (),
) -> Estimator | None:
    """How the run's penalty found its directions.

    Args:
        values: the run's configuration.
        data: the run's.
        plugins: packages that the configuration may name.
        epoch: how many epochs were trained; the last one's solver is meant.
        decisions: of ``solver=auto``; what was tracked begins anew, for no test image was met in training.

    Returns:
        The first penalty and the solver; None without a penalty, and for a distance to a target, whose norm is not
        measured and which need not be loaded.
    """
    first = (values["regularizer"].get("penalties") or [])[:1]
    if not first or "target" in first[0]:
        return None
    own = {**values, "regularizer": {**values["regularizer"], "penalties": first}}
    term, follows = loss.regularizer(own, data, plugins)
    if not isinstance(term, Spectral):
        return None
    last = max(epoch - 1, 0)
    for one in follows:
        one.at(last)
    decided = [d for d in decisions if d.penalty == 0 and d.epoch <= last + 1]
    solver = solver_named(decided[-1].solver, decided[-1].n) if decided else term.directions.solver
    return Estimator(term.penalties[0], solver)
