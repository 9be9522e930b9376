"""One run: training on its budget, then the attacks of its part."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from arena import costs, training
from arena.data import Parts, Source
from arena.methods import Method
from arena.records import Job, Record, packed
from jhrun.attacks import APGD, FGSM, PGD, APGDTargeted, Attack
from jhrun.config.objects import keep_freed_memory
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.evaluation import evaluate

SELECTING = 20
"""Steps of each APGD that chooses a setting; ``quick`` takes 100."""
COLLAPSED = 0.5
"""Clean accuracy below which a run counts as collapsed."""

Right = dict[str, NDArray[np.bool_]]
"""Which examples are right, by column."""


def quick(epsilon: float) -> dict[str, Attack]:
    """``attack=quick`` with PGD-20 first, so that its own accuracy is known although later attacks are spared."""
    return {
        "pgd20": PGD(epsilon, steps=20, relative_step=0.1),
        "fgsm": FGSM(epsilon),
        "apgd_ce": APGD(epsilon, steps=100),
        "apgd_dlr": APGDTargeted(epsilon, steps=100, targets=4),
    }


def selecting(epsilon: float) -> dict[str, Attack]:
    """What chooses a setting: never cross-entropy PGD, which favours gradients that vanish."""
    return {
        "apgd_ce": APGD(epsilon, steps=SELECTING),
        "apgd_dlr": APGDTargeted(epsilon, steps=SELECTING, targets=4),
    }


def columns(part: str, source: Source) -> list[str]:
    """Names of a run's figures: shares of right examples.

    Args:
        part: ``select`` or ``test``.
        source: whose radii they are.

    Returns:
        ``clean``, and by radius ``worst ε`` and, of the test part, ``pgd20 ε``.
    """
    if part == "select":
        return ["clean", f"worst {source.selected_at:g}"]
    return ["clean", *(f"{what} {epsilon:g}" for epsilon in source.epsilons for what in ("pgd20", "worst"))]


def run(job: Job, method: Method, source: Source, parts: Parts, table: costs.Costs) -> Record:
    """Train and attack.

    Args:
        job: the run.
        method: of its name.
        source: what is compared.
        parts: the images.
        table: the cost of each kind of pass.

    Returns:
        The figures; a network that did not stay finite is right nowhere.
    """
    begun = time.process_time()
    part = parts.select if job.part == "select" else parts.test
    figures: Record = {"n": len(part)}
    try:
        started = training.trainer(method.terms(job.strength), parts.dataset, job.setting, job.seed)
        trained = training.train(started, job.budget, table)
        figures |= {"steps": trained.steps, "spent": round(trained.spent, 3), "passes": trained.counts}
        figures["train_seconds"] = round(time.process_time() - begun, 2)
        right = attacked(trained.model, part, job, source)
    except NumericalError as error:
        right = {name: np.zeros(len(part), bool) for name in columns(job.part, source)}
        figures["failed"] = str(error)
    figures["accuracy"] = {name: float(each.mean()) for name, each in right.items()}
    figures["collapsed"] = figures["accuracy"]["clean"] < COLLAPSED
    figures["right"] = {name: packed(each) for name, each in right.items()}
    figures["seconds"] = round(time.process_time() - begun, 2)
    return figures


def attacked(model: nn.Module, part: Part, job: Job, source: Source) -> Right:
    """Which examples of a part are right, clean and under attack."""
    made: Right = {}
    radii: Sequence[float] = [source.selected_at] if job.part == "select" else source.epsilons
    for epsilon in radii:
        attacks: Mapping[str, Attack] = selecting(epsilon) if job.part == "select" else quick(epsilon)
        found = evaluate(model, part, attacks, seed=job.seed, cascade=True)
        made["clean"] = (found.clean == found.targets).numpy()
        if "pgd20" in attacks:
            made[f"pgd20 {epsilon:g}"] = found.robust("pgd20").numpy()
        made[f"worst {epsilon:g}"] = found.robust().numpy()
    return made


def prepare() -> None:
    """One thread, so that a run repeats bit for bit on one kind of machine, and memory as ``jhrun`` has it."""
    torch.set_num_threads(1)
    keep_freed_memory()
