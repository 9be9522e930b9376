"""The fast gradient sign method."""

import torchattacks
from torch import Tensor

from jhrun.attacks.attack import Attack
from jhrun.attacks.watched import Watched


class FGSM(Attack):
    """x + ε·sign(∂CE/∂x): one step (I. Goodfellow et al., arXiv 1412.6572)."""

    kind = "gradient"
    search = "step"

    def __init__(self, epsilon: float) -> None:
        """Set the radius: there is nothing else to set.

        Args:
            epsilon: ε, ≥ 0.
        """
        super().__init__(epsilon)

    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:
        """One step, by torchattacks."""
        return torchattacks.FGSM(model, eps=self.epsilon)(inputs, targets)  # type: ignore[no-any-return]
