"""No iteration: the small side formed and decomposed."""

from typing import ClassVar

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction, norm, whole_number
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction


class Exact:
    """The top direction itself, up to rounding, for min(m, n) products.

    A symmetric A is written out and decomposed; else the smaller of AAᵀ and AᵀA is, and in the second case
    v = Aw/‖Aw‖ for its top eigenvector w. A C×D Jacobian costs C products.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> A = DenseOperator(torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
        >>> found = Exact()(A)
        >>> round(found.value.item(), 4), found.products
        (16.0, 2)
    """

    title: ClassVar[str] = "the leading left singular vector of A, by an exact decomposition"

    evidence: ClassVar[Evidence] = Evidence(
        source="of our own: the Gram matrix of the small side",
        mark="derived",
        closed_form="tests/linalg/test_solvers.py::test_a_complete_solver_finds_the_top_left_singular_vector",
        state="effect shown",
        reproduction=Reproduction(
            effect="σ_max itself for C products",
            ours="Jacobian: truth 1.000 at 5.60 plain steps, where the published algorithm takes 10.52 (n = 8)",
            command=(
                "scripts/run bench model=resnet18 model.width=32 'shape=[3,32,32]' batch_size=16 batches=1 "
                "rounds=4 'iterations=[8]' 'solvers=[paper,exact]' regularizer=jacobian"
            ),
            date="2026-11-21",
            n=16,
        ),
        cost=5.6,
        network=HALF_RESNET,
    )

    def __init__(self, limit: int = 512) -> None:
        """Set the largest small side that is formed, a guard against a mistyped solver."""
        whole_number("limit", limit)
        self.limit = int(limit)

    @torch.no_grad()
    def __call__(
        self,
        operator: Operator,
        start: Tensor | None = None,  # noqa: ARG002 - nothing is iterated
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Direction:
        """Decompose every matrix of the batch.

        Args:
            operator: any whose smaller side is at most ``limit``.
            start: not used.
            generator: not used.

        Returns:
            The direction with the residual that rounding leaves.

        Raises:
            ValueError: the smaller side is above the limit.
        """
        _, m, n = operator.shape
        if min(m, n) > self.limit:
            raise ValueError(
                f"exact would form matrices of {m}×{n}, whose smaller side is above limit={self.limit}: "
                "use lanczos, or raise the limit"
            )
        a = operator.dense()
        # the decomposition squares: at unit scale it can neither vanish nor overflow
        scale = a.abs().amax((1, 2))
        scale = torch.where(scale > 0, scale, 1)
        finite = a.isfinite().all(2).all(1)
        # a decomposition must not meet what is not finite; the answer is then not a number
        unit = torch.where(finite[:, None, None], a / scale[:, None, None], 0)
        scale = torch.where(finite, scale, torch.nan)
        if operator.symmetric:
            values, vectors = torch.linalg.eigh(unit)
            top = values.abs().argmax(1)
            v = vectors.gather(2, top[:, None, None].expand(-1, m, 1))[:, :, 0]
            image = _product(unit, v)
        elif m <= n:
            v = torch.linalg.eigh(unit @ unit.mT)[1][:, :, -1]
            image = _product(unit, _product(unit.mT, v))
        else:
            v = _product(unit, torch.linalg.eigh(unit.mT @ unit)[1][:, :, -1])
            length = norm(v)[:, None]
            v = torch.where(length > 0, v / length, torch.eye(m, dtype=v.dtype, device=v.device)[0])
            image = _product(unit, _product(unit.mT, v))
        value = (image * v).sum(1)
        power = scale if operator.symmetric else scale.square()
        residual = power * norm(image - value[:, None] * v)
        return Direction(v, power * value, residual, min(m, n), _product(a.mT, v))


def _product(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[:, :, None])[:, :, 0]
