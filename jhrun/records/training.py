"""What training writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from jhrun.records.evaluation import TaskRecord


@dataclass(frozen=True)
class EpochRecord:
    """One line of ``metrics.jsonl``: an epoch of training.

    Attributes:
        epoch: counted from 1.
        steps: parameter updates made so far in the run.
        seconds: wall time of the epoch's training.
        loss: mean of what was minimised, the weighted sum of the terms.
        task_loss: mean of the objective over the epoch's training batches.
        accuracy: on the training batches as they came, augmented and before each update; None without classes.
        penalty: mean of the regularizer over the examples that it was taken of; None without one.
        validation_loss: mean task loss on the validation part; None where it is empty.
        validation_accuracy: likewise.
        lr: learning rate at the epoch's last step.
        weight: of the regularizer, at the epoch's last step.
        task_weight: of the objective, at the epoch's last step.
        task: figures of a regression task on the validation part (``jhrun.evaluation.task``); None otherwise.
        memory: the most bytes held so far, of a GPU's tensors or else of the process; None where it is not known.
        skipped: batches of the epoch that were left out, since something in them was not finite; they count as
            steps, and their examples in no mean.
        figures: further figures of the loss's terms, ``regularizer.NAME`` and ``objective.NAME``; ``terms.json``
            has their meaning.
        cost: of the epoch's last step, in plain steps: those on the task's loss alone; None where it was not
            measured.
    """

    epoch: int
    steps: int
    seconds: float
    loss: float
    task_loss: float
    accuracy: float | None
    penalty: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    weight: float
    task_weight: float = 1.0
    task: TaskRecord | None = None
    memory: int | None = None
    skipped: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    cost: float | None = None


@dataclass(frozen=True)
class TermRecord:
    """An entry of ``terms.json``: a term of the loss in its own words, for those who do not execute its code.

    Attributes:
        name: ``objective`` or ``regularizer``.
        kind: dotted path of its class.
        title: two or three words.
        meaning: a sentence on its mean value, under ``value``, and on each of its figures, under theirs.
        confirmed: how far the method is, as in ``Jacobian: effect shown``; empty where there is nothing to say.
    """

    name: str
    kind: str
    title: str
    meaning: Mapping[str, str]
    confirmed: str

    @property
    def value(self) -> str:
        """The sentence on its mean value."""
        return self.meaning["value"]

    def __post_init__(self) -> None:
        """Refuse a term that says nothing of its value.

        Raises:
            ValueError: the meaning lacks it.
        """
        if "value" not in self.meaning:
            raise ValueError("the entry of a term lacks meaning.value")


@dataclass(frozen=True)
class WatchRecord:
    """One line of ``validation.jsonl`` or ``selected.jsonl``: what an epoch's network would have done.

    Attributes:
        epoch: counted from 1.
        clean: share that is right.
        pgd20: share that is right clean and at PGD-20's last iterate, as is published; None in an epoch before
            those that are attacked.
        n: of so many examples.
    """

    epoch: int
    clean: float
    pgd20: float | None
    n: int


@dataclass(frozen=True)
class Measured:
    """One way to find a direction, tried on a few batches.

    Attributes:
        solver: ``exact``; ``lanczos``; or without a search ``tracked``, the kept vector, and ``start``, the one
            that the matrix offers.
        n: iterations of ``lanczos``, else 0.
        cost: of the search, in plain training steps: passes made times what each costs.
        truth: mean of ‖vᵀA‖/σ over the examples, σ being the largest value that was met, plus its residual.
        truth_p10: its 10 % quantile.
    """

    solver: str
    n: int
    cost: float
    truth: float
    truth_p10: float


@dataclass(frozen=True)
class Decision:
    """One line of ``decisions.jsonl``: what ``solver=auto`` took from an epoch on, and why.

    Attributes:
        epoch: before which it was made, counted from 1.
        penalty: its number.
        matrix: the penalty's name.
        solver: taken, as in ``Measured``.
        n: likewise.
        wanted: the truth asked for.
        examples: how many were measured.
        measured: what was tried.
        costs: of a pass of each kind, in plain training steps.
    """

    ORDER: ClassVar = ("epoch", "penalty")
    """By which the lines are in order."""

    epoch: int
    penalty: int
    matrix: str
    solver: str
    n: int
    wanted: float
    examples: int
    measured: tuple[Measured, ...]
    costs: Mapping[str, float]

    @property
    def taken(self) -> Measured:
        """The measurement of what was taken."""
        return next(m for m in self.measured if (m.solver, m.n) == (self.solver, self.n))

    @property
    def name(self) -> str:
        """As in ``lanczos, n = 4``."""
        return self.solver if not self.n else f"{self.solver}, n = {self.n}"
