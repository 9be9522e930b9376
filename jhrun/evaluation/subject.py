"""What an analysis is given: a network, what attacks did to it, and what is known of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from torch import nn

from jhrun.attacks import Attack
from jhrun.data import Part
from jhrun.evaluation.curvature import Estimator
from jhrun.evaluation.evaluate import Evaluation
from jhrun.objectives import CrossEntropy, Objective
from jhrun.records import CurveRecord, Remedy

T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """A network under evaluation, what is claimed of it, and what is known of both.

    Attributes:
        model: images → logits, in whatever mode.
        part: the examples that were attacked, perhaps a random subset of the test set.
        evaluation: what the attacks did to them.
        attacks: the attacks by name, the same as in ``evaluation.records``.
        seed: of everything that is drawn.
        selection: how the checkpoint was chosen: ``{"rule": "last epoch"}``, or
            ``{"rule": "highest validation accuracy", "part": "validation"}``; empty where the run says nothing.
        classes: their names.
        total: how many examples the test set has; None for those of the part.
        epsilon: the ℓ∞ radius of the claim, in pixel units.
        claimed: clean accuracy of the same checkpoint on the same examples, as another evaluation recorded it.
        twin: an undefended network for the same task.
        objective: makes the task's loss; asked only by those who need it.
        estimator: makes the run's penalty and solver of the last epoch, None where there is none; likewise.
        records: those of the analyses that were made before, by name; plain values of those from an earlier call.
        remedy: makes the call that makes the checks that a verdict lacks; None where none does.
        progress: told the share of the work that is done, in [0, 1].
    """

    model: nn.Module
    part: Part
    evaluation: Evaluation
    attacks: Mapping[str, Attack]
    seed: int
    selection: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    total: int | None = None
    epsilon: float = 0.0
    claimed: float | None = None
    twin: nn.Module | None = None
    objective: Callable[[], Objective] = CrossEntropy
    estimator: Callable[[], Estimator | None] = lambda: None
    records: Mapping[str, Any] = field(default_factory=dict)
    remedy: Callable[[], Remedy | None] = lambda: None
    progress: Callable[[float], None] = lambda _: None

    @property
    def whole(self) -> int:
        """How many examples the test set has."""
        return len(self.part) if self.total is None else self.total

    @property
    def curve(self) -> CurveRecord | None:
        """Robust accuracy against ε, if it was measured before."""
        return self.record("curve", CurveRecord)

    def record(self, name: str, kind: type[T]) -> T | None:
        """The record of an analysis that was made before, in this call or an earlier one.

        Args:
            name: of the analysis.
            kind: its dataclass.

        Returns:
            The record; None where the analysis was not made.

        Raises:
            ValueError: it is of another kind.
        """
        found = self.records.get(name)
        if found is None or isinstance(found, kind):
            return found
        try:
            return msgspec.convert(found, kind)
        except msgspec.ValidationError as error:
            raise ValueError(f"the record of analysis {name} is no {kind.__name__}: {error}") from error
