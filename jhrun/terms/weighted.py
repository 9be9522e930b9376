"""The loss: a list of terms, each with its weight by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from jhrun.linalg import Solver
from jhrun.penalties import Penalty
from jhrun.records import TermRecord
from jhrun.schedules import Schedule
from jhrun.terms.spectral import Spectral
from jhrun.terms.task import Task
from jhrun.terms.term import Term

OBJECTIVE, REGULARIZER = "objective", "regularizer"
"""Names of the two terms that a configuration has."""


@dataclass(frozen=True)
class Weighted:
    """A term of the loss Σ weight(epoch)·term.

    Attributes:
        name: of its figures in the records, and of its state in a checkpoint.
        term: itself.
        weight: by epoch with fractions; at 0 the term is not looked at, but for the first of a list.
        fraction: the share of each batch, drawn at random, that the term is taken of: an unbiased estimate of its
            mean over the batch.
    """

    name: str
    term: Term
    weight: Schedule
    fraction: float = 1.0

    def record(self) -> TermRecord:
        """The term's own words.

        Returns:
            An entry of ``terms.json``.

        Raises:
            ValueError: the term's class has no title, or does not say what its value means.
        """
        kind = type(self.term)
        title, meaning = (getattr(self.term, key, None) for key in ("title", "meaning"))
        states = ", ".join(f"{name}: {state}" for name, state in self.term.confirmed().items())
        words = {"name": self.name, "kind": f"{kind.__module__}.{kind.__qualname__}", "confirmed": states}
        try:
            return msgspec.convert({**words, "title": title, "meaning": meaning}, TermRecord)
        except msgspec.ValidationError as error:
            what = "needs title = 'two or three words' and meaning = {'value': 'A sentence.'}, texts all of them"
            raise ValueError(f"{kind.__name__} {what}") from error


def convex(
    objective: Term | None = None,
    regularizer: Term | None = None,
    w: Schedule | float = 0.0,
    fraction: float = 1.0,
) -> list[Weighted]:
    """(1 − w)·objective + w·regularizer.

    Args:
        objective: what is learned; the task's own loss without it.
        regularizer: what is added; None for nothing.
        w: in [0, 1], a number or by epoch.
        fraction: the share of each batch that the regularizer is taken of.

    Returns:
        The terms.
    """
    task = objective or Task()
    if regularizer is None:
        return [Weighted(OBJECTIVE, task, lambda _: 1.0)]

    def weight(epoch: float) -> float:
        value = w(epoch) if callable(w) else float(w)
        if not 0 <= value <= 1:
            raise ValueError(f"the weight is {value:g} at epoch {epoch:g}: it must lie in [0, 1]")
        return value

    return [
        Weighted(OBJECTIVE, task, lambda epoch: 1 - weight(epoch)),
        Weighted(REGULARIZER, regularizer, weight, fraction),
    ]


def added(objective: Term | None, regularizer: Term, strength: Schedule, fraction: float = 1.0) -> list[Weighted]:
    """Objective + λ·regularizer.

    Args:
        objective: what is learned; the task's own loss without it.
        regularizer: what is added.
        strength: λ, at least 0, by epoch.
        fraction: the share of each batch that the regularizer is taken of.

    Returns:
        The terms.
    """
    return [
        Weighted(OBJECTIVE, objective or Task(), lambda _: 1.0),
        Weighted(REGULARIZER, regularizer, strength, fraction),
    ]


def penalised(
    penalties: Sequence[Penalty], solver: Solver, weight: Schedule | float, fraction: float = 1.0
) -> list[Weighted]:
    """(1 − w)·task + w·penalty, of the spectral norms of some matrices.

    Args:
        penalties: averaged; none for ordinary training.
        solver: finds the directions.
        weight: w in [0, 1], a number or by epoch.
        fraction: the share of each batch that is penalised.

    Returns:
        The terms.
    """
    if not penalties:
        return convex()
    return convex(None, Spectral(penalties, solver), weight, fraction)
