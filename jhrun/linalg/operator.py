"""A batch of linear maps that are known by their products alone, and their algebra."""

from abc import ABC, abstractmethod
from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor


class Term(NamedTuple):
    """One summand leftᵀ A right of a bilinear form.

    Attributes:
        operator: A.
        left: (B, m).
        right: (B, n).
    """

    operator: "Operator"
    left: Tensor
    right: Tensor


class Operator(ABC):
    """B linear maps A_b: R^n → R^m, given by A v and Aᵀ u.

    Products follow torch's grad mode: under ``torch.no_grad()`` they cost one pass and keep no graph, else they
    are differentiable in whatever A depends on.

    Attributes:
        shape: (B, m, n).
        symmetric: whether every A_b equals its transpose; solvers then iterate on A itself.
        dtype: of the vectors.
        device: of the vectors.
        frozen: whether A is a constant, of which nothing is ever differentiated.
        passes: over a network, made so far by products with it, by kind; none where it is written out.
    """

    frozen = False

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        symmetric: bool,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Keep the shape and where the vectors live.

        Args:
            shape: (B, m, n).
            symmetric: whether A = Aᵀ.
            dtype: of the vectors.
            device: of the vectors.

        Raises:
            ValueError: symmetric, but not square.
        """
        if symmetric and shape[1] != shape[2]:
            raise ValueError(f"a symmetric operator must be square: its shape is {shape[1]}×{shape[2]}")
        self.shape, self.symmetric, self.dtype, self.device = shape, symmetric, dtype, device
        self.passes: Counter[str] = Counter()

    @abstractmethod
    def mv(self, v: Tensor) -> Tensor:
        """A v for every example: (B, n) → (B, m)."""

    @abstractmethod
    def rmv(self, u: Tensor) -> Tensor:
        """Aᵀ u, that is (uᵀA)ᵀ, for every example: (B, m) → (B, n)."""

    @property
    def T(self) -> "Operator":  # noqa: N802 - the transpose's name everywhere
        """The transposes Aᵀ."""
        return self if self.symmetric else _Transpose(self)

    def gram(self) -> "Operator":
        """A Aᵀ, symmetric, m×m: its top eigenvector is A's top left singular vector."""
        return _Gram(self)

    def row_sums(self) -> "Operator":
        """D(A1): the diagonal matrix of the row sums, so that A − D(A1) is 0 exactly where A is diagonal.

        Returns:
            A square operator; symmetric, as every diagonal one.

        Raises:
            ValueError: A is not square.
        """
        if self.shape[1] != self.shape[2]:
            raise ValueError(f"D(A1) needs a square matrix: A is {self.shape[1]}×{self.shape[2]}")
        return _RowSums(self)

    def leaves(self) -> list["Operator"]:
        """The operators that this one is an expression of, each once."""
        return [self]

    def spent(self) -> Counter[str]:
        """Passes that all the leaves have made so far, by kind."""
        return sum((leaf.passes for leaf in self.leaves()), Counter())

    def terms(self, left: Tensor, right: Tensor) -> list[Term]:
        """The bilinear form leftᵀ A right, as a sum over the operators that A is a linear expression of.

        Args:
            left: (B, m).
            right: (B, n).

        Returns:
            The summands.
        """
        return [Term(self, left, right)]

    def __neg__(self) -> "Operator":
        """−A."""
        return _Combination([(-1.0, self)])

    def __add__(self, other: "Operator") -> "Operator":
        """A + B."""
        return _Combination([(1.0, self), (1.0, other)])

    def __sub__(self, other: "Operator") -> "Operator":
        """A − B."""
        return _Combination([(1.0, self), (-1.0, other)])

    def dense(self) -> Tensor:
        """Every matrix written out, (B, m, n): min(m, n) products, for small sides and for checks."""
        batch, m, n = self.shape
        side, product = (n, self.mv) if n <= m else (m, self.rmv)
        units = torch.eye(side, dtype=self.dtype, device=self.device)
        columns = torch.stack([product(e.expand(batch, side)) for e in units], dim=2)
        return columns if n <= m else columns.mT


class DenseOperator(Operator):
    """Matrices that are written out.

    Example:
        >>> A = DenseOperator(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]))
        >>> A.mv(torch.tensor([[1.0, -1.0]]))
        tensor([[-1., -1., -1.]])
        >>> A.T.shape
        (1, 2, 3)
    """

    def __init__(self, matrix: Tensor, symmetric: bool = False) -> None:
        """Wrap a tensor.

        Args:
            matrix: (B, m, n), or (m, n) for a batch of one.
            symmetric: say so where it is; it is not checked.

        Raises:
            ValueError: the tensor has neither two nor three axes.
        """
        if matrix.ndim not in {2, 3}:
            raise ValueError(f"matrix has shape {tuple(matrix.shape)}: give (B, m, n) or (m, n)")
        self.matrix = matrix if matrix.ndim == 3 else matrix[None]
        batch, m, n = self.matrix.shape
        super().__init__((batch, m, n), symmetric=symmetric, dtype=matrix.dtype, device=matrix.device)
        self.frozen = not matrix.requires_grad

    def mv(self, v: Tensor) -> Tensor:
        """A v."""
        return torch.einsum("bmn,bn->bm", self.matrix, v)

    def rmv(self, u: Tensor) -> Tensor:
        """Aᵀ u."""
        return torch.einsum("bmn,bm->bn", self.matrix, u)


class _Transpose(Operator):
    def __init__(self, inner: Operator) -> None:
        batch, m, n = inner.shape
        super().__init__((batch, n, m), symmetric=False, dtype=inner.dtype, device=inner.device)
        self.inner = inner

    def mv(self, v: Tensor) -> Tensor:
        return self.inner.rmv(v)

    def rmv(self, u: Tensor) -> Tensor:
        return self.inner.mv(u)

    @property
    def T(self) -> Operator:  # noqa: N802
        return self.inner

    def terms(self, left: Tensor, right: Tensor) -> list[Term]:
        return self.inner.terms(right, left)

    def leaves(self) -> list[Operator]:
        return self.inner.leaves()


class _Gram(Operator):
    def __init__(self, inner: Operator) -> None:
        batch, m, _ = inner.shape
        super().__init__((batch, m, m), symmetric=True, dtype=inner.dtype, device=inner.device)
        self.inner = inner

    def mv(self, v: Tensor) -> Tensor:
        return self.inner.mv(self.inner.rmv(v))

    def rmv(self, u: Tensor) -> Tensor:
        return self.mv(u)

    def leaves(self) -> list[Operator]:
        return self.inner.leaves()


class _RowSums(Operator):
    """D(A1), whose one product with A is kept where it carries no graph."""

    def __init__(self, inner: Operator) -> None:
        super().__init__(inner.shape, symmetric=True, dtype=inner.dtype, device=inner.device)
        self.inner = inner
        self.kept: Tensor | None = None

    def mv(self, v: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return self.diagonal() * v
        if self.kept is None:
            self.kept = self.diagonal()
        return self.kept * v

    def rmv(self, u: Tensor) -> Tensor:
        return self.mv(u)

    def diagonal(self) -> Tensor:
        return self.inner.mv(self.ones())

    def ones(self) -> Tensor:
        batch, n, _ = self.shape
        return torch.ones(batch, n, dtype=self.dtype, device=self.device)

    def terms(self, left: Tensor, right: Tensor) -> list[Term]:
        return self.inner.terms(left * right, self.ones())

    def leaves(self) -> list[Operator]:
        return self.inner.leaves()


class _Combination(Operator):
    """Σ cᵢ Aᵢ."""

    def __init__(self, terms: list[tuple[float, Operator]]) -> None:
        first = terms[0][1]
        for _, term in terms:
            if term.shape != first.shape:
                raise ValueError(
                    f"operators of shapes {first.shape} and {term.shape} cannot be added: shapes must be equal"
                )
        symmetric = all(term.symmetric for _, term in terms)
        super().__init__(first.shape, symmetric=symmetric, dtype=first.dtype, device=first.device)
        self.summands = terms

    def mv(self, v: Tensor) -> Tensor:
        return sum(
            (c * term.mv(v) for c, term in self.summands[1:]),
            self.summands[0][0] * self.summands[0][1].mv(v),
        )

    def rmv(self, u: Tensor) -> Tensor:
        return sum(
            (c * term.rmv(u) for c, term in self.summands[1:]),
            self.summands[0][0] * self.summands[0][1].rmv(u),
        )

    def terms(self, left: Tensor, right: Tensor) -> list[Term]:
        # a factor of 1 leaves the vector the same object, which Taylor mode then carries once
        return [t for c, term in self.summands for t in term.terms(left if c == 1 else c * left, right)]

    def leaves(self) -> list[Operator]:
        # a dictionary keeps the order and drops what comes twice
        return list({id(leaf): leaf for _, term in self.summands for leaf in term.leaves()}.values())
