"""The Jacobian of the outputs."""

from jhrun.autodiff import JacobianOperator
from jhrun.penalties.penalty import Forward, Penalty


class Jacobian(Penalty):
    """A = J = ∂f(x)/∂x, C×D: how far the logits move for a step in pixel space."""

    frame = "outputs"

    def operator(self, forward: Forward) -> JacobianOperator:
        """J of the outputs."""
        return JacobianOperator(forward.outputs, forward.inputs)
