"""The Lanczos method for a batch of symmetric matrices at once.

Source: the recurrence is that of C. Lanczos (1950) as arXiv 2212.00311, algorithm 1, uses it; full
reorthogonalisation and the relative breakdown test follow B. N. Parlett, *The Symmetric Eigenvalue Problem*.
"""

from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction, Start, known_start, norm, unit_start, whole_number
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction

Which = Literal["max", "min", "abs"]


class Tridiagonal(NamedTuple):
    """A Krylov basis and the matrix's projection on it: M Q = Q T + β q eᵀ, with QᵀQ = I.

    Attributes:
        basis: Qᵀ, (B, k, d), rows; zero from an example's breakdown on.
        diagonal: of T, (B, k).
        off_diagonal: of T, (B, k − 1); zero from the breakdown on.
        size: (B,), int64: how many rows of the basis are there.
        beta: (B,): the norm of the remainder after the last row.
        remainder: βq, (B, d).
    """

    basis: Tensor
    diagonal: Tensor
    off_diagonal: Tensor
    size: Tensor
    beta: Tensor
    remainder: Tensor


def tridiagonalise(operator: Operator, start: Tensor, iterations: int) -> Tridiagonal:
    """Lanczos' recurrence with full two-pass reorthogonalisation.

    With q₀ the start, step i makes ω = M qᵢ, aᵢ = ω·qᵢ, takes all qⱼ, j ≤ i, out of ω twice (Gram-Schmidt), and
    sets bᵢ₊₁ = ‖ω‖, qᵢ₊₁ = ω/bᵢ₊₁. An example breaks down where bᵢ₊₁ ≤ 100·eps·scale, scale being the largest
    entry of T so far: its Krylov space is exhausted and its later rows are zero. Its neighbours go on.

    Args:
        operator: symmetric, d×d.
        start: unit vectors (B, d).
        iterations: k, from 1 to d: the number of products.

    Returns:
        The basis and T.
    """
    batch, d, _ = operator.shape
    basis = start.new_zeros(batch, iterations, d)
    diagonal, off_diagonal = start.new_zeros(batch, iterations), start.new_zeros(batch, iterations)
    alive = torch.ones(batch, dtype=torch.bool, device=start.device)
    size = alive.long()
    beta, scale = start.new_zeros(batch), start.new_zeros(batch)
    remainder = torch.zeros_like(start)
    tolerance = 100 * torch.finfo(start.dtype).eps
    q = start
    for i in range(iterations):
        basis[:, i] = q
        omega = operator.mv(q)
        a = (omega * q).sum(1)
        rows = basis[:, : i + 1]
        for _ in range(2):
            omega = omega - torch.einsum("bkd,bk->bd", rows, torch.einsum("bkd,bd->bk", rows, omega))
        b = norm(omega)
        scale = torch.maximum(scale, torch.maximum(a.abs(), b))
        diagonal[:, i] = a
        beta = torch.where(alive, b, beta)
        remainder = torch.where(alive[:, None], omega, remainder)
        alive = alive & (b > tolerance * scale)
        if i + 1 < iterations:
            off_diagonal[:, i] = torch.where(alive, b, 0)
            q = torch.where(alive[:, None], omega / b[:, None], 0)
            size = size + alive
    return Tridiagonal(basis, diagonal, off_diagonal[:, : iterations - 1], size, beta, remainder)


def ritz_pair(t: Tridiagonal, which: Which) -> tuple[Tensor, Tensor, Tensor]:
    """The wanted eigenpair of T, carried back to the full space.

    Rows beyond an example's size are padded with a number below every eigenvalue of T (Gershgorin), so that the
    padding's eigenvectors stay apart, and they are never chosen.

    Args:
        t: from ``tridiagonalise``.
        which: the eigenvalue that is largest, smallest, or largest in modulus.

    Returns:
        Ritz vectors (B, d), Ritz values (B,) and residuals β·|last entry of T's eigenvector| (B,); where T is not
        finite, not a number.
    """
    k = t.diagonal.shape[1]
    # half precision has no eigensolver; T is tiny, so single costs nothing
    work = torch.promote_types(t.diagonal.dtype, torch.float32)
    diagonal, off = t.diagonal.to(work), t.off_diagonal.to(work)
    scale = diagonal.abs().amax(1)
    if k > 1:
        scale = scale + 2 * off.abs().amax(1)
    scale = torch.where(scale > 0, scale, 1)[:, None]
    position = torch.arange(k, device=diagonal.device)
    padding = position >= t.size[:, None]
    matrix = torch.diag_embed(torch.where(padding, -2, diagonal / scale))
    if k > 1:
        # eigh reads the lower triangle alone
        matrix = matrix + torch.diag_embed(off / scale, offset=-1)
    finite = matrix.isfinite().all(2).all(1)
    # a decomposition must not meet what is not finite
    values, vectors = torch.linalg.eigh(torch.where(finite[:, None, None], matrix, 0))
    score = {"max": values, "min": -values, "abs": values.abs()}[which]
    of_padding = (vectors.square() * padding[:, :, None]).sum(1) > 0.5
    chosen = score.masked_fill(of_padding, -torch.inf).argmax(1)
    q = vectors.gather(2, chosen[:, None, None].expand(-1, k, 1))[:, :, 0]
    q = torch.where(finite[:, None], q, torch.nan)
    value = torch.where(finite, values.gather(1, chosen[:, None])[:, 0] * scale[:, 0], torch.nan)
    last = q.gather(1, (t.size - 1)[:, None])[:, 0].abs()
    vector = torch.einsum("bkd,bk->bd", t.basis, q.to(t.basis.dtype))
    vector = vector / torch.linalg.vector_norm(vector, dim=1, keepdim=True)
    return vector, value.to(t.diagonal.dtype), (last * t.beta.to(work)).to(t.diagonal.dtype)


def ritz_image(t: Tridiagonal, vector: Tensor, value: Tensor) -> Tensor:
    """M v of a Ritz vector v = Qy, at no product: M Q = Q T + β q eᵀ and T y = θ y make it θ v + β q (eᵀy).

    Args:
        t: from ``tridiagonalise``.
        vector: v, (B, d).
        value: θ, (B,).

    Returns:
        (B, d).
    """
    final = t.basis.gather(1, (t.size - 1)[:, None, None].expand(-1, 1, t.basis.shape[2]))[:, 0]
    return value[:, None] * vector + (final * vector).sum(1, keepdim=True) * t.remainder


class Lanczos:
    """The best direction that n products can find from one start.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> M = DenseOperator(torch.diag(torch.tensor([1.0, -5.0, 3.0])), symmetric=True)
        >>> found = Lanczos(iterations=3)(M, start=torch.ones(1, 3))
        >>> round(found.value.item(), 4), bool(found.residual < 1e-4)
        (-5.0, True)
    """

    title: ClassVar[str] = "the leading left singular vector of A, approximated by the Lanczos method"
    bibtex: ClassVar[str] = """@article{lanczos1950iteration,
  author = {Lanczos, Cornelius},
  title = {An Iteration Method for the Solution of the Eigenvalue Problem of Linear Differential and Integral
    Operators},
  journal = {Journal of Research of the National Bureau of Standards},
  volume = {45},
  number = {4},
  year = {1950},
}
@book{parlett1980symmetric,
  author = {Parlett, Beresford N.},
  title = {The Symmetric Eigenvalue Problem},
  publisher = {Prentice-Hall},
  year = {1980},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311, algorithm 1; Parlett 1980",
        mark="read in the paper",
        closed_form="tests/linalg/test_lanczos.py::test_recurrence_M_Q_is_Q_T_plus_beta_q_e",
        state="effect shown",
        reproduction=Reproduction(
            effect="a few iterations see nearly all of the norm",
            ours="Hessian, n = 2, 4, 8, 16: 0.735, 0.886, 0.983, 1.000 of σ_max; a random probe 0.140",
            command=(
                "scripts/run bench model=resnet18 model.width=32 'shape=[3,32,32]' batch_size=16 batches=1 "
                "rounds=4 'iterations=[2,4,8,16]' 'solvers=[lanczos,hutchinson]' regularizer=hessian"
            ),
            date="2026-11-21",
            n=16,
        ),
        cost=(3.45, 18.51),
        network=HALF_RESNET,
    )

    def __init__(
        self, iterations: int, which: Which = "abs", start: Start = "offered", image: bool = False
    ) -> None:
        """Set the number of iterations.

        Args:
            iterations: n ≥ 1; no more than the dimension are made.
            which: the eigenvalue wanted of the matrix iterated on, A if symmetric, else AAᵀ: ``max``, ``min``, or
                ``abs`` for the largest in modulus, which is the spectral norm.
            start: ``offered`` takes the start vector that it is given, ``random`` a random one all the same.
            image: give Mv/‖Mv‖ in place of the Ritz vector v: a power step, which the recurrence has for nothing.
                ‖Mv‖/‖v‖ never falls by it (Cauchy and Schwarz). Value and residual remain the Ritz vector's.

        Raises:
            ValueError: an argument outside its range, or ``image`` for one end of the spectrum alone.
        """
        whole_number("iterations", iterations)
        if which not in get_args(Which):
            raise ValueError(f"which={which!r}: must be one of {', '.join(get_args(Which))}")
        if image and which != "abs":
            raise ValueError(f"which={which} needs image=false: a power step goes to the largest modulus")
        known_start(start)
        self.iterations, self.which, self.start, self.image = int(iterations), which, start, image

    @torch.no_grad()
    def __call__(
        self,
        operator: Operator,
        start: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Direction:
        """Find a direction for every matrix of the batch.

        Args:
            operator: any; where it is not symmetric, AAᵀ is iterated on.
            start: (B, m); random without it, and where a row is zero.
            generator: of the random start.

        Returns:
            The Ritz vector, its value and residual, and the products spent.
        """
        iterated = operator if operator.symmetric else operator.gram()
        iterations = min(self.iterations, iterated.shape[1])
        first = unit_start(iterated, start if self.start == "offered" else None, generator)
        t = tridiagonalise(iterated, first, iterations)
        vector, value, residual = ritz_pair(t, self.which)
        products = iterations if operator.symmetric else 2 * iterations
        image = ritz_image(t, vector, value)
        if self.image:
            length = norm(image)[:, None]
            return Direction(torch.where(length > 0, image / length, vector), value, residual, products)
        return Direction(vector, value, residual, products, image if operator.symmetric else None)
