"""The fast gradient sign method."""

from typing import Any

import torchattacks
from torch import Tensor, nn

from jhrun.attacks.attack import Attack


class FGSM(Attack):
    """x + ε·sign(∂CE/∂x): one step (I. Goodfellow et al., arXiv 1412.6572)."""

    @property
    def parameters(self) -> dict[str, Any]:
        """None besides epsilon."""
        return {}

    def perturb(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """One step, by torchattacks."""
        return torchattacks.FGSM(model, eps=self.epsilon)(inputs, targets)  # type: ignore[no-any-return]
