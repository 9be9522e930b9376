"""What a sweep will take, before it begins: hours, from a few timed steps of each configuration, and disk."""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch

from jhrun.attacks import PGD, Attack
from jhrun.commands.analysis import estimator
from jhrun.commands.prepare import prepared
from jhrun.commands.progress import Progress
from jhrun.commands.session import tell
from jhrun.commands.watch import STEPS, examples
from jhrun.config import loss, objects
from jhrun.data import Part
from jhrun.evaluation import Evaluation
from jhrun.evaluation.analyses import Subject
from jhrun.evaluation.estimate import expected_seconds
from jhrun.reporting import tables
from jhrun.reporting.words import counted, duration
from jhrun.sweeps import Job
from jhrun.terminal import room
from jhrun.training import Trainer
from jhrun.training.state import optimizer_tensors

TIMED = 2
"""Steps that are timed in each stage, after one that warms up."""

_FEW = 16
"""Examples that a CPU is timed with at most: there, time is proportional to their number."""

_BESIDE = 3_000_000
"""Bytes of a run besides its checkpoints: report, figures and evaluations."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        training: seconds.
        evaluation: seconds of attacks and analyses, at most: no example falls early.
        disk: bytes.
    """

    training: float
    evaluation: float
    disk: int


def say_estimate(jobs: Sequence[Job]) -> None:
    """Time a few steps of each configuration, in a process of their own, and print what all will take.

    Args:
        jobs: that are to be run; those that differ in their seed alone take the same.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        same = json.dumps(dict(job.config or {}) | {"seed": None}, default=str)
        groups.setdefault(same, []).append(job)
    rows: list[tables.Row] = [("configuration", "jobs", "training", "evaluation, at most", "disk")]
    all_found: list[Estimate] = []
    progress = Progress("timing a few steps", len(groups))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, progress:
        for number, of_one in enumerate(groups.values()):
            progress(number, f"timing a few steps of {of_one[0].label}")
            try:
                found = pool.submit(estimate, dict(of_one[0].config or {})).result()
            except Exception as error:
                # whatever it is, the job itself will say it
                rows.append((of_one[0].label, str(len(of_one)), "–", f"cannot be told ({error})"[:60], "–"))
                continue
            all_found += [found] * len(of_one)
            times = duration(found.training), duration(found.evaluation)
            rows.append((of_one[0].label, str(len(of_one)), *times, f"{found.disk / 1e6:.0f} MB"))
    tell(f"\n{tables.plain(rows, width=room())}\n")
    training, evaluation = (sum(getattr(e, part) for e in all_found) for part in ("training", "evaluation"))
    disk = sum(e.disk for e in all_found) / 1e9
    tell(
        f"plan: {counted(len(jobs), 'job')}, one after another {duration(training)} of training and at most "
        f"{duration(evaluation)} of attacks and analyses, {disk:.2f} GB on disk\n"
    )


def estimate(values: dict[str, Any]) -> Estimate:
    """From a few steps of each stage of a run, and a look at its network.

    Args:
        values: its configuration.

    Returns:
        What it will take.
    """
    device = objects.device(values["device"])
    trainer = prepared(values, device, values["plugins"])
    seconds = _training(trainer)
    evaluated = _watched(values, trainer)
    if values["evaluate"]:
        test = trainer.dataset.test[: values["subset"] or len(trainer.dataset.test)]
        attacks = objects.attacks(values, objects.radii(values), values["plugins"])
        if trainer.dataset.classes:
            evaluated += expected_seconds(trainer.model, test, attacks.values())
            evaluated += _analysed(values, trainer, test, attacks)
    kept = trainer.checkpoint()
    tensors = [*kept.weights.values(), *kept.state.values()]
    if len(trainer.dataset.validation):
        # the best one too, which keeps no directions
        tensors += [*kept.weights.values(), *optimizer_tensors(trainer.optimizer).values()]
    return Estimate(seconds, evaluated, sum(t.numel() * t.element_size() for t in tensors) + _BESIDE)


def _training(trainer: Trainer) -> float:
    """Seconds of all epochs, by the steps of the first epoch of each stage."""
    epochs = trainer.options.epochs
    firsts = sorted({0, *(stage for stage in trainer.stages if stage < epochs)})
    size = trainer.options.batch_size
    total = 0.0
    for first, after in zip(firsts, [*firsts[1:], epochs], strict=True):
        trainer.epoch, trainer.step = first, 0
        trainer.decide()
        batch = next(trainer.dataset.epoch(first, size, seed=trainer.seed))
        few = batch if batch.inputs.is_cuda else batch[:_FEW]
        times = []
        for _ in range(1 + TIMED):
            begun = time.perf_counter()
            trainer.take_step(few)
            # waits for the device
            trainer.ledger.columns.totals.cpu()
            times.append(time.perf_counter() - begun)
        total += (after - first) * trainer.steps * statistics.median(times[1:]) * len(batch) / len(few)
    trainer.epoch, trainer.step = 0, 0
    return total


def _watched(values: dict[str, Any], trainer: Trainer) -> float:
    """Seconds of the attacks during training."""
    watched = values["watch"]["part"]
    if not watched:
        return 0.0
    part = examples(trainer, watched)
    part = part[: values["watch"]["examples"] or len(part)]
    epochs = min(values["watch"]["epochs"] or trainer.options.epochs, trainer.options.epochs)
    attack = PGD(objects.radii(values)["inf"], steps=STEPS)
    return epochs * expected_seconds(trainer.model, part, [attack])


def _analysed(values: dict[str, Any], trainer: Trainer, test: Part, attacks: Mapping[str, Attack]) -> float:
    """Seconds of the analyses, as they tell them of an evaluation without any result."""
    targets, none = test.targets.cpu(), torch.empty(0)
    plugins, last = values["plugins"], trainer.options.epochs
    subject = Subject(
        trainer.model,
        test,
        Evaluation(targets, targets, {}, {}, {}, none, none, {}, {}),
        attacks,
        values["seed"],
        {},
        classes=tuple(trainer.dataset.classes),
        total=len(trainer.dataset.test),
        epsilon=objects.radii(values)["inf"],
        objective=lambda: loss.objective(values, plugins, max(last - 1, 0)),
        estimator=lambda: estimator(values, trainer.dataset, plugins, last),
    )
    return sum(analysis.seconds(subject) for analysis in objects.analyses(values, plugins).values())
