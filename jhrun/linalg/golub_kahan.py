"""Golub and Kahan's bidiagonalisation: singular triplets without squaring the condition.

Source: G. Golub and W. Kahan (1965), in the lower form that C. Paige and M. Saunders (1982) use for LSQR.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction, norm, unit_start, whole_number
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction


class Bidiagonal(NamedTuple):
    """AᵀU = V Bᵀ and A V = U B + β u eᵀ, with orthonormal rows in ``left`` (Uᵀ) and ``right`` (Vᵀ).

    Attributes:
        left: (B, k, m); zero from an example's breakdown on.
        right: (B, k, n), likewise.
        matrix: B, (B, k, k), lower bidiagonal.
        remainder: β u, (B, m).
    """

    left: Tensor
    right: Tensor
    matrix: Tensor
    remainder: Tensor


def bidiagonalise(operator: Operator, start: Tensor, iterations: int) -> Bidiagonal:
    """The recurrence, with both bases reorthogonalised twice.

    Step i makes α v = Aᵀu − β v' and β u = A v − α u, u being the last left vector and v' the right one before.
    What is below 100·eps of the largest entry so far counts as 0: the example's spaces are exhausted.

    Args:
        operator: m×n.
        start: unit vectors (B, m).
        iterations: k, from 1 to min(m, n + 1); two products each.

    Returns:
        The bases and B.
    """
    batch, m, n = operator.shape
    left, right = start.new_zeros(batch, iterations, m), start.new_zeros(batch, iterations, n)
    matrix = start.new_zeros(batch, iterations, iterations)
    scale = start.new_zeros(batch)
    u, remainder = start, start
    for i in range(iterations):
        left[:, i] = u
        v, alpha, scale = _unit(_without(operator.rmv(u), right[:, :i]), scale)
        right[:, i], matrix[:, i, i] = v, alpha
        remainder = _without(operator.mv(v), left[:, : i + 1])
        u, beta, scale = _unit(remainder, scale)
        if i + 1 < iterations:
            matrix[:, i + 1, i] = beta
    return Bidiagonal(left, right, matrix, remainder)


class GolubKahan:
    """The best left singular vector that n steps find: the top one of B, carried back.

    On a symmetric A a Rayleigh-Ritz step on span{u, v} follows, at no product: where ±λ are both eigenvalues, u
    and v are mixtures of the two eigenvectors, and the step separates them.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> M = DenseOperator(torch.diag(torch.tensor([2.0, -2.0, 1.0])), symmetric=True)
        >>> found = GolubKahan(iterations=3)(M, start=torch.ones(1, 3))
        >>> round(found.value.abs().item(), 4), bool(found.residual < 1e-5)
        (2.0, True)
    """

    title: ClassVar[str] = "the leading left singular vector of A, approximated by Golub-Kahan bidiagonalisation"
    bibtex: ClassVar[str] = """@article{golub1965calculating,
  author = {Golub, Gene and Kahan, William},
  title = {Calculating the Singular Values and Pseudo-Inverse of a Matrix},
  journal = {Journal of the Society for Industrial and Applied Mathematics, Series B: Numerical Analysis},
  volume = {2},
  number = {2},
  year = {1965},
}
@article{paige1982lsqr,
  author = {Paige, Christopher C. and Saunders, Michael A.},
  title = {{LSQR}: An Algorithm for Sparse Linear Equations and Sparse Least Squares},
  journal = {ACM Transactions on Mathematical Software},
  volume = {8},
  number = {1},
  year = {1982},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Golub and Kahan 1965; Paige and Saunders 1982",
        mark="recalled",
        closed_form="tests/linalg/test_solvers.py::test_golub_kahan_does_not_square_the_condition",
        state="effect shown",
        reproduction=Reproduction(
            effect="at as many products it sees as much as Lanczos' method",
            ours="n = 4: Jacobian 0.986 and 0.988 of σ_max at 8 products each; Hessian 0.973 at 8",
            command=(
                "scripts/run bench model=resnet18 model.width=32 'shape=[3,32,32]' batch_size=16 batches=1 "
                "rounds=4 'iterations=[4]' 'solvers=[lanczos,golub_kahan]' regularizer=M"
            ),
            date="2026-11-28",
            n=16,
        ),
        cost=(5.34, 14.88),
        network=HALF_RESNET,
    )

    def __init__(self, iterations: int) -> None:
        """Set the number of steps, at least 1; no more than the spaces hold are made."""
        whole_number("iterations", iterations)
        self.iterations = int(iterations)

    @torch.no_grad()
    def __call__(
        self, operator: Operator, start: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Direction:
        """Find a direction for every matrix of the batch.

        Args:
            operator: any.
            start: (B, m); random without it, and where a row is zero.
            generator: of the random start.

        Returns:
            The direction; its value and residual come from the recurrence.
        """
        _, m, n = operator.shape
        # a start outside of A's range needs one step more than there are columns
        iterations = min(self.iterations, m, n + 1)
        found = bidiagonalise(operator, unit_start(operator, start, generator), iterations)
        scale = found.matrix.abs().amax((1, 2))
        scale = torch.where(scale > 0, scale, 1)
        p, s, q = torch.linalg.svd(found.matrix / scale[:, None, None])
        sigma = s[:, 0] * scale
        first = torch.zeros_like(p[:, :, 0])
        first[:, 0] = 1
        # of a zero matrix every vector is a singular one, but the start is one of length 1
        coefficients = torch.where(sigma[:, None] > 0, p[:, :, 0], first)
        u = torch.einsum("bkm,bk->bm", found.left, coefficients)
        u = u / norm(u)[:, None]
        rest = found.remainder * q[:, 0, -1:]
        if operator.symmetric:
            v = torch.einsum("bkn,bk->bn", found.right, q[:, 0])
            vector, value, residual = _rayleigh_ritz(u, v, sigma, rest)
            return Direction(vector, value, residual, 2 * iterations)
        return Direction(u, sigma.square(), sigma * norm(rest), 2 * iterations)


def _rayleigh_ritz(u: Tensor, v: Tensor, sigma: Tensor, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The eigenpair of largest modulus in span{u, v}, given Au = σv and Av = σu + rest."""
    overlap = (u * v).sum(1, keepdim=True)
    w = v - overlap * u
    length = norm(w)[:, None]
    apart = length > 100 * torch.finfo(u.dtype).eps
    w = torch.where(apart, w / length, 0)
    image_u = sigma[:, None] * v
    image_w = torch.where(apart, (sigma[:, None] * u + rest - overlap * image_u) / length, 0)
    scale = torch.where(sigma > 0, sigma, 1)[:, None, None]
    basis, images = torch.stack([u, w], 1), torch.stack([image_u, image_w], 1)
    projected = torch.einsum("bim,bjm->bij", basis, images) / scale
    values, vectors = torch.linalg.eigh((projected + projected.mT) / 2)
    top = values.abs().argmax(1)
    c = vectors.gather(2, top[:, None, None].expand(-1, 2, 1))[:, :, 0]
    # without a second direction, or with a zero matrix, u it is
    alone = (~apart[:, 0]) | (sigma == 0)
    c = torch.where(alone[:, None], torch.tensor([1.0, 0.0], dtype=c.dtype, device=c.device), c)
    vector = torch.einsum("bim,bi->bm", basis, c)
    image = torch.einsum("bim,bi->bm", images, c)
    length = norm(vector)[:, None]
    vector, image = vector / length, image / length
    value = (vector * image).sum(1)
    return vector, value, norm(image - value[:, None] * vector)


def _without(x: Tensor, rows: Tensor) -> Tensor:
    for _ in range(2):
        x = x - torch.einsum("bkd,bk->bd", rows, torch.einsum("bkd,bd->bk", rows, x))
    return x


def _unit(x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x/‖x‖ and ‖x‖, both 0 where x is rounding, and the scale that now counts."""
    length = norm(x)
    scale = torch.maximum(scale, length)
    there = length > 100 * torch.finfo(x.dtype).eps * scale
    return torch.where(there[:, None], x / length[:, None], 0), torch.where(there, length, 0), scale
