"""What is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from jhrun.attacks import Attack
from jhrun.data import Part
from jhrun.evaluation.evaluate import Evaluation
from jhrun.records import CurveRecord


@dataclass(frozen=True)
class Subject:
    """A network, what was claimed of it, and what is known about both.

    Attributes:
        model: images → logits, in whatever mode.
        part: the examples that were attacked, perhaps a random subset of the test set.
        evaluation: what the attacks did to them.
        attacks: the attacks by name, the same as in ``evaluation.records``.
        seed: of everything that the checks draw.
        selection: how the checkpoint was chosen: ``{"rule": "last epoch"}``, or
            ``{"rule": "highest validation accuracy", "part": "validation"}``; empty where the run says nothing.
        claimed: clean accuracy of the same checkpoint on the same examples, as another evaluation recorded it.
        epsilon: the ℓ∞ radius of the claim, in pixel units.
        curve: robust accuracy against ε, if it was measured.
        twin: an undefended network for the same task.
    """

    model: nn.Module
    part: Part
    evaluation: Evaluation
    attacks: Mapping[str, Attack]
    seed: int
    selection: Mapping[str, Any]
    claimed: float | None = None
    epsilon: float = 0.0
    curve: CurveRecord | None = None
    twin: nn.Module | None = None
