"""How far a square Jacobian is from a symmetric matrix, that is a vector field from a gradient."""

from jhrun.autodiff import JacobianOperator
from jhrun.linalg import Operator
from jhrun.penalties.penalty import Forward, Penalty


class JacobianSymmetry(Penalty):
    """A = J − Jᵀ: a smooth vector field is conservative if and only if it is 0 everywhere.

    Its nonzero singular values come in equal pairs; the gradient with v held constant is right all the same, for
    every v of the pair's plane (maths: arXiv 2212.00311, section 3).
    """

    def operator(self, forward: Forward) -> Operator:
        """J − Jᵀ.

        Args:
            forward: of a network with as many outputs as inputs.

        Returns:
            A batch of antisymmetric matrices.

        Raises:
            ValueError: J is not square.
        """
        jacobian = square_jacobian(forward, "J − Jᵀ")
        return jacobian - jacobian.T


def square_jacobian(forward: Forward, what: str) -> JacobianOperator:
    """J, if it is square.

    Args:
        forward: of the network.
        what: needs it, for the message.

    Returns:
        The operator.

    Raises:
        ValueError: it is not, naming both sides.
    """
    jacobian = JacobianOperator(forward.outputs, forward.inputs)
    _, m, n = jacobian.shape
    if m != n:
        raise ValueError(
            f"{what} needs a square Jacobian: J is {m}×{n} and Jᵀ is {n}×{m}; use a field such as R^N → R^N"
        )
    return jacobian
