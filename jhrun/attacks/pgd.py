"""Projected gradient descent."""

from typing import Any

import torchattacks
from torch import Tensor, nn

from jhrun.attacks.attack import Attack


class PGD(Attack):
    """n signed gradient steps on the cross-entropy in the ℓ∞ ball, from a uniformly random point of it.

    Source: A. Madry et al., arXiv 1706.06083. The result is the last iterate, which is what is published.
    """

    def __init__(self, epsilon: float, steps: int = 20, relative_step: float | None = None) -> None:
        """Set radius and steps.

        Args:
            epsilon: radius of the ball, in pixel units.
            steps: n, at least 1.
            relative_step: length of a step, in units of epsilon; 2/n if not given.

        Raises:
            ValueError: an argument outside its range.
        """
        super().__init__(epsilon)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps={steps}: must be a whole number of at least 1")
        if relative_step is not None and not 0 < relative_step < float("inf"):
            raise ValueError(f"relative_step={relative_step}: must be a number above 0")
        self.steps = steps
        self.relative_step = 2 / steps if relative_step is None else relative_step

    @property
    def parameters(self) -> dict[str, Any]:
        """Number of steps, and their length in units of epsilon."""
        return {"steps": self.steps, "relative_step": self.relative_step}

    def perturb(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """The iteration, by torchattacks."""
        attack = torchattacks.PGD(
            model, eps=self.epsilon, alpha=self.relative_step * self.epsilon, steps=self.steps, random_start=True
        )
        return attack(inputs, targets)  # type: ignore[no-any-return]
