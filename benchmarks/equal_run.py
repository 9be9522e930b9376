"""One run of equal_time.py: what the methods are, so many seconds of training, the attack."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import torch
from published import Published
from torch import nn

from jhrun import seeds
from jhrun.attacks import PGD
from jhrun.config.objects import keep_freed_memory
from jhrun.data import Dataset, Part
from jhrun.data.torchvision import mnist
from jhrun.errors import NumericalError
from jhrun.evaluation import evaluate
from jhrun.linalg import Auto, Exact, Hutchinson, Lanczos, Power, Solver, Tracked
from jhrun.models import CNN
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.terms import Weighted, penalised
from jhrun.training import Interrupted, Trainer, TrainOptions

TRAIN, VALIDATION = 10_000, 1_000
LEARNING_RATE = 1e-3
BATCH = 64
ITERATIONS = 4
"""Of every method that iterates, as ``jhrun train`` has it."""
EPSILONS = (0.1, 0.2)


Penalties = Mapping[str, Callable[[], Penalty]]
OURS: Penalties = {"jacobian": Jacobian, "hessian": Hessian}
PUBLISHED: Penalties = {matrix: partial(Published, matrix, ITERATIONS) for matrix in OURS}


@dataclass(frozen=True)
class Method:
    """A way to find directions, and the penalty of each matrix that it is for."""

    solver: Solver
    penalties: Penalties = field(default_factory=lambda: OURS)


METHODS: dict[str, Method] = {
    "hutchinson": Method(Hutchinson(measured=False)),
    "power": Method(Power(ITERATIONS)),
    "paper": Method(Lanczos(ITERATIONS), PUBLISHED),
    "lanczos": Method(Lanczos(ITERATIONS, image=True)),
    # it refuses to form the Hessian, whose side is 784
    "exact": Method(Exact(), {"jacobian": Jacobian}),
    "tracked": Method(Tracked()),
    "auto": Method(Auto()),
}


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        seed: of data, weights, order, directions and attacks.
        matrix: what is penalised; None for ordinary training.
        method: a key of ``METHODS``, or ``normal``.
        weight: w of (1 − w)·CE + w·penalty.
        seconds: of processor time to train for.
        test: how many test images it is attacked on.
    """

    seed: int
    matrix: str | None
    method: str
    weight: float
    seconds: float
    test: int


def cut(data: Dataset, seed: int, test: int) -> Dataset:
    """The images of a run, drawn by its seed: training and validation from the one part, test from the other."""
    order, tests = (
        torch.randperm(len(part), generator=seeds.generator("cpu", seed, "cut", name))
        for name, part in (("train", data.train), ("test", data.test))
    )
    return replace(
        data,
        train=data.train[order[:TRAIN]],
        validation=data.train[order[TRAIN : TRAIN + VALIDATION]],
        test=data.test[tests[:test]],
    )


def terms(job: Job) -> list[Weighted]:
    """What is added to the loss: nothing, or the method's penalty of its matrix."""
    if job.matrix is None:
        return penalised((), Hutchinson(), 0.0)
    method = METHODS[job.method]
    return penalised([method.penalties[job.matrix]()], method.solver, job.weight)


def train(job: Job, data: Dataset) -> tuple[Trainer, float]:
    """Steps for as long as the job says.

    Args:
        job: the run.
        data: its images; the validation part is kept from the trainer, for a look at it would cost time.

    Returns:
        The trainer where it stopped, and the seconds of processor time spent.
    """
    torch.manual_seed(seeds.derive(job.seed, "weights"))
    spec = data.spec
    model = CNN(shape=spec.shape, outputs=spec.outputs, mean=spec.mean, std=spec.std)
    begun = time.process_time()

    def share() -> float:
        return (time.process_time() - begun) / job.seconds

    trainer = Trainer(
        model,
        replace(data, validation=data.train[:0]),
        CrossEntropy(),
        terms(job),
        torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=5e-4),
        lambda _: LEARNING_RATE * max(0.0, 1 - share()),
        TrainOptions(epochs=sys.maxsize, batch_size=BATCH),
        job.seed,
    )
    begun = time.process_time()
    with suppress(Interrupted):
        trainer.run(save=lambda *_: None, record=lambda _: None, stop=lambda: share() >= 1)
    return trainer, time.process_time() - begun


def score(model: nn.Module, part: Part, radii: Sequence[float], seed: int) -> dict[str, float]:
    """Accuracies in percent: clean and, by radius, under PGD-20."""
    attacks = {f"{epsilon}": PGD(epsilon, steps=20) for epsilon in radii}
    found = evaluate(model, part, attacks, seed=seed)
    right = {"clean": found.clean == found.targets} | {name: found.robust(name) for name in attacks}
    return {name: round(100 * float(each.double().mean()), 2) for name, each in right.items()}


def run(job: Job, root: str) -> dict[str, Any]:
    """Train and attack.

    Args:
        job: the run.
        root: folder of the data.

    Returns:
        The job and its figures; a network that did not stay finite is right nowhere.
    """
    data = cut(mnist(root=root, download=False, validation=0), job.seed, job.test)
    line: dict[str, Any] = asdict(job)
    try:
        trainer, spent = train(job, data)
        line |= {"steps": trainer.steps_done, "epochs": trainer.steps_done / trainer.steps, "trained": spent}
        begun = time.process_time()
        # to choose a weight takes the first radius alone
        line["validation"] = score(trainer.model, data.validation, EPSILONS[:1], job.seed)
        line["test_part"] = score(trainer.model, data.test, EPSILONS, job.seed)
        line["evaluated"] = time.process_time() - begun
    except NumericalError as error:
        nothing = dict.fromkeys(["clean", *map(str, EPSILONS)], 0.0)
        line |= {"steps": 0, "epochs": 0.0, "validation": nothing, "test_part": nothing, "failed": str(error)}
    return line


def prepare() -> None:
    """One thread, and memory as ``jhrun train`` has it."""
    torch.set_num_threads(1)
    keep_freed_memory()
