"""Costs of training steps: time, memory, truth, waits and phases of each method, beside the plain step's."""

import gc
import statistics
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from gpu import steps, watching
from gpu.part import Part, Row, run
from gpu.steps import Case
from jhrun.benchmark.contest import truth
from jhrun.benchmark.norms import spectral_norms
from jhrun.data import Dataset
from jhrun.objectives import CrossEntropy
from jhrun.records import Batch, Spread
from jhrun.training import Trainer

Step = Callable[[], object]


def in_turns(steps: list[Step], rounds: int, device: torch.device) -> list[list[float]]:
    """Seconds of each step in each round, after one round that is not counted.

    Args:
        steps: made in turns, each waited for, so that a slow spell of the machine meets all.
        rounds: how many.
        device: where.

    Returns:
        For each step, its seconds.
    """
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for place, step in enumerate(steps):
            begun = now(device)
            step()
            if number:
                times[place].append(now(device) - begun)
    return times


def compared(times: list[float], base: list[float]) -> Row:
    """Medians of two steps that were made in turns, and the median and quartiles of their ratio."""
    low, middle, high = statistics.quantiles((t / b for t, b in zip(times, base, strict=True)), n=4)
    ratio = {"ratio": middle, "quartiles": [low, high]}
    return {"seconds": statistics.median(times), "base_seconds": statistics.median(base), **ratio}


def now(device: torch.device) -> float:
    """The clock, when the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def take(trainer: Trainer, batch: Batch) -> Step:
    """One step, and the epoch's cursor put back."""

    def step() -> None:
        trainer.take_step(batch)
        trainer.step = 0

    return step


class Bench:
    """What the rows of a part have in common."""

    def __init__(self, part: Part) -> None:
        """Make the images.

        Args:
            part: with ``width``, ``batch``, ``shape``, ``rounds``, ``truth`` (how many examples measure it).
        """
        given = part.order.arguments
        self.part, self.device = part, part.device
        self.width, self.batch, self.shape = given["width"], given["batch"], given["shape"]
        self.rounds, self.examples = given["rounds"], given["truth"]
        self.data: Dataset = steps.images(self.shape, self.batch, self.device)
        self.first = next(self.data.epoch(0, self.batch, seed=0))

    def row(self, case: Case) -> Row:
        """Time, memory and truth of a case, in turns with the plain step of the same precision and layout."""
        case.apply()
        plain = steps.trainer(Case("plain", case.precision, case.layout), self.data, self.width, self.batch)
        base = take(plain, self.first)
        if case.method == "taylor":
            backend = "aot_eager" if self.part.order.rehearse else "inductor"
            step = steps.taylor_step(case, self.data, self.width, self.batch, backend)
            begun = now(self.device)
            step()
            extra: Row = {"first_call": now(self.device) - begun}
        else:
            trainer = steps.trainer(case, self.data, self.width, self.batch)
            step = take(trainer, self.first)
            step()
            extra = {"phases": watching.phases(trainer, step, self.device)}
        taken, beside = in_turns([step, base], self.rounds, self.device)
        figures = compared(taken, beside) | extra
        figures |= {"peak": watching.peak(step, self.device), "base_peak": watching.peak(base, self.device)}
        figures["waits"] = watching.waits(step, self.device)
        if case.matrix is not None and case.method != "taylor":
            figures |= self.truth(case)
        return figures

    def truth(self, case: Case) -> Row:
        """‖vᵀA‖/σ_max on a few images: its mean and its 10 % quantile."""
        assert case.matrix is not None
        model, batch, norms = self.norms(case.matrix, case.layout)
        who = steps.contender(case, model, len(batch))
        penalty = steps.PENALTIES[case.matrix]()
        found, products = truth(model, CrossEntropy(), penalty, who, [batch], [norms])
        spread = Spread.of(found)
        return {"truth": spread.mean, "truth_p10": spread.p10, "products": products}

    @cache  # noqa: B019 - one bench is made for a process
    def norms(self, matrix: str, layout: str) -> tuple[nn.Module, Batch, torch.Tensor]:
        """A network, a few images and σ_max of each of their matrices, without TF32."""
        exactly = Case("plain", "float32", layout)
        exactly.apply()
        model, batch = steps.network(self.data, self.width, exactly, self.device), self.first[: self.examples]
        batch = Batch(batch.inputs, batch.targets, index=torch.arange(len(batch), device=self.device))
        return model, batch, spectral_norms(model, CrossEntropy(), steps.PENALTIES[matrix](), batch)

    def epoch(self, case: Case, examples: int) -> Row:
        """Seconds of a whole epoch: batches, crops and flips, steps, and the meetings of host and device."""
        case.apply()
        data = steps.images(self.shape, examples, self.device, augmented=True)
        trainer = steps.trainer(case, data, self.width, self.batch)
        batches = data.epoch(0, self.batch, seed=0)
        trainer.take_step(next(batches))
        begun = now(self.device)
        for batch in batches:
            trainer.take_step(batch)
            if trainer.step % trainer.options.log_steps == 0:
                trainer.meet()
        share = (trainer.steps - 1) / trainer.steps
        return {"seconds": (now(self.device) - begun) / share, "steps": trainer.steps, "examples": examples}


def work(part: Part) -> str:
    """Each setting's rows in their order, then the epochs, until the time is up."""
    bench, given = Bench(part), part.order.arguments
    cases = [Case(row, *setting.split()) for setting in given["settings"] for row in given["rows"]]
    todo = [(case, "step") for case in cases]
    todo += [(Case(row, *given["settings"][0].split()), "epoch") for row in given.get("epochs", [])]
    for case, what in todo:
        key = {"what": what, "row": case.row, "precision": case.precision, "layout": case.layout}
        if part.known(**key):
            continue
        if part.left <= 0:
            return "part"
        if what == "step":
            part.measured(key, lambda case=case: bench.row(case))
        else:
            part.measured(key, lambda case=case: bench.epoch(case, given["epoch_examples"]))
        gc.collect()
        if part.device.type == "cuda":
            torch.cuda.empty_cache()
    return "done"


if __name__ == "__main__":
    run(work)
