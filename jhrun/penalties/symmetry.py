"""How far a square Jacobian is from a symmetric matrix, that is a vector field from a gradient."""

from typing import ClassVar

from jhrun.autodiff import JacobianOperator
from jhrun.linalg import Operator
from jhrun.penalties.jacobian import Jacobian
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.records.evidence import Evidence, Reproduction


class JacobianSymmetry(Penalty):
    """A = J − Jᵀ: a smooth vector field is conservative if and only if it is 0 everywhere.

    Its nonzero singular values come in equal pairs; the gradient with v held constant is right all the same, for
    every v of the pair's plane (maths: arXiv 2212.00311, section 3).
    """

    title: ClassVar[str] = "the difference between the input-output Jacobian and its transpose"
    bibtex: ClassVar[str] = Jacobian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311, figure 1",
        mark="read in the paper",
        closed_form="tests/penalties/test_matrices.py::test_operator_is_its_dense_twin",
        state="effect shown",
        reproduction=Reproduction(
            effect="‖J − Jᵀ‖_F of a learned field falls, 3.4 times in the published figure",
            ours="N = 64: 0.2565 without, 0.0225 with it, at skills of 0.984 and 0.988",
            command=(
                "scripts/run train experiment=conservative_field dataset.dimension=64 "
                "regularizer=jacobian_symmetry solver.image=false threads=1"
            ),
            date="2026-11-21",
            n=16,
        ),
    )

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
