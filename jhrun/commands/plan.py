"""What a sweep will take, before it begins: hours, from a few timed steps of each configuration, and disk."""

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from jhrun.attacks import PGD
from jhrun.commands.prepare import prepared
from jhrun.commands.progress import Progress
from jhrun.commands.session import tell
from jhrun.commands.watch import STEPS, examples
from jhrun.config import objects
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
        attacks: seconds at most: no example falls early.
        disk: bytes.
    """

    training: float
    attacks: float
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
    rows: list[tables.Row] = [("configuration", "jobs", "training", "attacks, at most", "disk")]
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
            times = duration(found.training), duration(found.attacks)
            rows.append((of_one[0].label, str(len(of_one)), *times, f"{found.disk / 1e6:.0f} MB"))
    tell(f"\n{tables.plain(rows, width=room())}\n")
    training, attacks = (sum(getattr(e, part) for e in all_found) for part in ("training", "attacks"))
    disk = sum(e.disk for e in all_found) / 1e9
    tell(
        f"plan: {counted(len(jobs), 'job')}, one after another {duration(training)} of training and at most "
        f"{duration(attacks)} of attacks, {disk:.2f} GB on disk\n"
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
    radii = objects.radii(values)
    attacks = objects.attacks(values, radii, values["plugins"]) if values["evaluate"] else {}
    seconds = _training(trainer)
    test = trainer.dataset.test[: values["subset"] or len(trainer.dataset.test)]
    attacked = expected_seconds(trainer.model, test, attacks.values()) if attacks else 0.0
    watched = values["watch"]["part"]
    if watched:
        part = examples(trainer, watched)
        part = part[: values["watch"]["examples"] or len(part)]
        epochs = min(values["watch"]["epochs"] or trainer.options.epochs, trainer.options.epochs)
        attacked += epochs * expected_seconds(trainer.model, part, [PGD(radii["inf"], steps=STEPS)])
    kept = trainer.checkpoint()
    tensors = [*kept.weights.values(), *kept.state.values()]
    if len(trainer.dataset.validation):
        # the best one too, which keeps no directions
        tensors += [*kept.weights.values(), *optimizer_tensors(trainer.optimizer).values()]
    return Estimate(seconds, attacked, sum(t.numel() * t.element_size() for t in tensors) + _BESIDE)


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
