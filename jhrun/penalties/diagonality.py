"""How far a square matrix is from a diagonal one (arXiv 2212.00311, theorem 1).

For an N×N matrix A and D(A1), the diagonal matrix of its row sums:
(1/N)·‖A − D(A1)‖_F² ≤ Σ_{i≠j} A_ij² ≤ ‖A − D(A1)‖_F².
"""

from typing import ClassVar

from torch import Tensor

from jhrun.linalg import Operator
from jhrun.penalties.hessian import Hessian, Of
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.penalties.symmetry import square_jacobian
from jhrun.records.evidence import Evidence, Reproduction


class HessianDiagonality(Penalty):
    """A = H − D(H1), symmetric as H is."""

    title: ClassVar[str] = "the difference between the input Hessian and the diagonal matrix of its row sums"
    bibtex: ClassVar[str] = Hessian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311, theorem 1 and figure 1",
        mark="read in the paper",
        closed_form="tests/penalties/test_matrices.py::test_theorem_1",
        state="effect shown",
        reproduction=Reproduction(
            effect=(
                "off-diagonal squares of a learned function's Hessian fall, five times in the published figure"
            ),
            ours="N = 64: 8.07 without, 0.49 with it, at skills of 0.991 and 0.985",
            command=(
                "scripts/run train experiment=disentanglement dataset.dimension=64 "
                "regularizer=hessian_diagonality solver.image=false threads=1"
            ),
            date="2026-11-21",
            n=16,
        ),
    )

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

    title: ClassVar[str] = (
        "the difference between the input-output Jacobian and the diagonal matrix of its row sums"
    )
    bibtex: ClassVar[str] = Hessian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311, theorem 1",
        mark="read in the paper",
        closed_form="tests/penalties/test_matrices.py::test_theorem_1",
        state="closed form only",
    )

    def operator(self, forward: Forward) -> Operator:
        """J − D(J1)."""
        jacobian = square_jacobian(forward, "J − D(J1)")
        return jacobian - jacobian.row_sums()
