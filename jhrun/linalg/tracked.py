"""A direction for each training example, kept from epoch to epoch and moved by training itself."""

from collections.abc import Mapping
from copy import copy
from typing import ClassVar

import torch
from torch import Tensor

from jhrun.linalg.lanczos import Lanczos
from jhrun.linalg.memory import Memory
from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction, Solver, norm, unit_start, whole_number
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction


class Tracked:
    """v as the last visit to the example left it, moved by the gradient that the backward pass has anyway.

    The penalty ‖vᵀA‖² has the gradient 2AAᵀv in v, so that v ← AAᵀv/‖AAᵀv‖ is a step of the power method on AAᵀ
    at no product of its own: the network moves little from one visit to the next, and v goes after it. On a
    symmetric A it is a step on A², which, other than one on A with a shift, cannot settle on the lesser of two
    eigenvalues of unlike signs, and on a ±λ pair stays in its plane.

    An example that was not seen yet, or whose image was drawn anew, begins at the start that the matrix offers,
    else at a random one.

    Attributes:
        memory: of the vectors; without a place for any example until ``over`` says how many there are.
        then: a solver that goes on from the kept vector before each proposal; None for none.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> matrix = torch.diag(torch.tensor([3.0, -2.0, 1.0])).requires_grad_()
        >>> A, solver, index = DenseOperator(matrix), Tracked().over(1), torch.tensor([0])
        >>> for visit in range(12):
        ...     v = solver.propose(A, index, start=torch.ones(1, 3)).vector
        ...     A.rmv(v).square().sum().backward()
        ...     residual = solver.observe(index, v)
        >>> [round(x, 2) for x in solver.propose(A, index).vector[0].abs().tolist()]
        [1.0, 0.0, 0.0]
    """

    title: ClassVar[str] = (
        "a running approximation of the leading left singular vector of A, kept for each training example"
    )

    evidence: ClassVar[Evidence] = Evidence(
        source="of our own",
        mark="derived",
        closed_form="tests/linalg/test_tracked.py::test_one_visit_is_one_power_step_on_the_square",
        state="effect shown",
        reproduction=Reproduction(
            effect="at a probe's price it sees most of the norm, also while the network learns",
            ours=(
                "under crops and flips, from epoch 5 on: Jacobian 0.782 of σ_max (128 images), Hessian 0.774 "
                "(64, hold 5)"
            ),
            command=(
                "python benchmarks/tracking.py --root DATA --epochs 8 --matrix jacobian --hold 1 --probe 128"
            ),
            date="2026-11-21",
            n=128,
        ),
        cost=(2.26, 5.42),
        network=HALF_RESNET,
    )

    def __init__(self, products: int = 0, dtype: str = "float32", limit: float = 4e9) -> None:
        """Set what is spent and where the vectors are kept.

        Args:
            products: with A (with AAᵀ, twice as many, where A is not symmetric), spent before each proposal:
                iterations of Lanczos' method from the kept vector, with the image of what it finds; one is a power
                step.
            dtype: of the kept vectors: ``float32``, ``float16`` or ``bfloat16``.
            limit: bytes on the device; from there on they are kept in the host's memory.

        Raises:
            ValueError: an argument outside its range.
        """
        self.memory = Memory(0, dtype, limit)
        self.then: Solver | None = None
        self.products = products

    @property
    def vectors(self) -> Tensor:
        """Kept ones, (N, m)."""
        return self.memory.vectors

    @property
    def known(self) -> Tensor:
        """Which of them are, (N,)."""
        return self.memory.known

    @property
    def limit(self) -> float:
        """Bytes on the device; a new one holds until the room is taken."""
        return self.memory.limit

    @limit.setter
    def limit(self, limit: float) -> None:
        self.memory.limit = limit

    @property
    def products(self) -> int:
        """With A, spent before each proposal."""
        return self._products

    @products.setter
    def products(self, products: int) -> None:
        if products:
            whole_number("products", products)
        self._products = products
        self.then = Lanczos(products, image=True) if products else None

    def over(self, examples: int) -> "Tracked":
        """The same with a memory for so many examples, none of which was seen yet."""
        tracked = copy(self)
        tracked.memory = Memory(examples, self.memory.dtype, self.memory.limit)
        return tracked

    @torch.no_grad()
    def __call__(
        self, operator: Operator, start: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Direction:
        """What a first visit would propose: nothing is remembered.

        Args:
            operator: any.
            start: (B, m); random without it, and where a row is zero.
            generator: of the random start.

        Returns:
            Unit vectors; neither value nor residual, for nothing was measured.
        """
        return self._refined(operator, unit_start(_square(operator), start, generator), generator)

    @torch.no_grad()
    def propose(
        self,
        operator: Operator,
        index: Tensor,
        *,
        fresh: Tensor | None = None,
        start: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Direction:
        """Directions for some examples.

        Args:
            operator: of the examples, A, B matrices of m×n.
            index: which examples they are, (B,), int64.
            fresh: whose kept vector is worth nothing now, (B,), bool.
            start: for those that have none, (B, m); random without it.
            generator: of the random ones.

        Returns:
            Unit vectors, (B, m): a leaf whose gradient ``observe`` is to be told. Neither value nor residual where
            nothing was measured.
        """
        v = unit_start(_square(operator), start, generator)
        kept, usable = self.memory.read(index, v)
        if fresh is not None:
            usable = usable & ~fresh.to(v.device)
        # rounding of half precision is taken out
        length = norm(kept)[:, None]
        v = torch.where(usable[:, None] & (length > 0), kept / length, v)
        found = self._refined(operator, v, generator)
        return found._replace(vector=found.vector.detach().requires_grad_())

    @torch.no_grad()
    def observe(self, index: Tensor, proposed: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Move the vectors of some examples along the gradients of their penalties.

        Args:
            index: which examples, (B,).
            proposed: v, after the backward pass: its gradient is that of ‖vᵀA‖² times anything above 0. Where that
                is zero or not finite the example keeps what it had.
            wanted: a bool on v's device: all keep what they had where it is false.

        Returns:
            ‖AAᵀv − θv‖/θ of the vectors that were used, θ = ‖vᵀA‖², (B,): the tangent of the angle between v and
            its gradient; 0 where A is 0.
        """
        gradient = proposed.grad
        if gradient is None:
            return torch.zeros(len(index), device=proposed.device)
        length = norm(gradient)
        good = (length > 0) & gradient.isfinite().all(1)
        step = gradient / torch.where(good, length, 1)[:, None]
        cosine = (step * proposed).sum(1)
        residual = norm(step - cosine[:, None] * proposed) / cosine
        self.memory.write(index, step, good if wanted is None else good & wanted)
        return torch.where(good & (cosine > 0), residual, 0)

    def state_dict(self) -> dict[str, Tensor]:
        """``vectors`` (N, m) and ``known`` (N,); empty before the first proposal."""
        return self.memory.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from saved vectors, bit for bit.

        Args:
            state: from ``state_dict``.
            device: of the network.
        """
        self.memory = Memory(len(state["known"]), self.memory.dtype, self.memory.limit)
        self.memory.load_state_dict(state, device)

    def _refined(self, operator: Operator, v: Tensor, generator: torch.Generator | None) -> Direction:
        return Direction(v, None, None, 0) if self.then is None else self.then(operator, v, generator)


def _square(operator: Operator) -> Operator:
    """A if it is symmetric, else AAᵀ."""
    return operator if operator.symmetric else operator.gram()
