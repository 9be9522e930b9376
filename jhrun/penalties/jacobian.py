"""The Jacobian of the outputs."""

from torch import Tensor

from jhrun.autodiff import JacobianOperator
from jhrun.penalties.penalty import Penalty


class Jacobian(Penalty):
    """A = ∂f(x)/∂x, C×D: how far the logits move for a step in pixel space."""

    def operator(self, inputs: Tensor, outputs: Tensor, losses: Tensor) -> JacobianOperator:  # noqa: ARG002
        """J of the outputs."""
        return JacobianOperator(outputs, inputs)
