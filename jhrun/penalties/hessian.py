"""The Hessian of the loss."""

from torch import Tensor

from jhrun.autodiff import HessianOperator
from jhrun.penalties.penalty import Penalty


class Hessian(Penalty):
    """A = ∂²ℓ/∂x², D×D, symmetric: how fast the loss's gradient turns."""

    def operator(self, inputs: Tensor, outputs: Tensor, losses: Tensor) -> HessianOperator:  # noqa: ARG002
        """H of the losses."""
        return HessianOperator(losses, inputs)
