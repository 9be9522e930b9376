"""How far a square matrix is from a diagonal one (arXiv 2212.00311, theorem 1).

For an N×N matrix A and D(A1), the diagonal matrix of its row sums:
(1/N)·‖A − D(A1)‖_F² ≤ Σ_{i≠j} A_ij² ≤ ‖A − D(A1)‖_F².
"""

from torch import Tensor

from jhrun.linalg import Operator
from jhrun.penalties.hessian import Hessian, Of
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.penalties.symmetry import square_jacobian


class HessianDiagonality(Penalty):
    """A = H − D(H1), symmetric as H is."""

    def __init__(self, of: Of = "loss") -> None:
        """Choose the scalar that H belongs to: ``loss`` or ``output``."""
        self.hessian = Hessian(of)

    def operator(self, forward: Forward) -> Operator:
        """H − D(H1) of the losses or outputs."""
        hessian = self.hessian.operator(forward)
        return hessian - hessian.row_sums()

    def start(self, operator: Operator) -> Tensor | None:
        """The gradient, as for H."""
        return self.hessian.start(operator)


class JacobianDiagonality(Penalty):
    """A = J − D(J1) of a square Jacobian; not symmetric, so that solvers iterate on AAᵀ."""

    def operator(self, forward: Forward) -> Operator:
        """J − D(J1)."""
        jacobian = square_jacobian(forward, "J − D(J1)")
        return jacobian - jacobian.row_sums()
