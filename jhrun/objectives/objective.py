"""What a loss is given and what it returns."""

from typing import Protocol

from torch import Tensor


class Objective(Protocol):
    """(outputs, targets) → (B,), smooth in the outputs."""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """One loss for each example."""
