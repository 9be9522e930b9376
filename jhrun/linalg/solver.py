"""What a solver is given and what it returns."""

from typing import Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator

Start = Literal["offered", "random"]
"""Where an iteration begins: at the vector that the matrix offers, if it does, or at a random one."""


class Direction(NamedTuple):
    """The vectors v_b for which a solver found ‖vᵀA‖ to be largest, detached from any graph.

    Attributes:
        vector: v, (B, m), of unit length, except a random probe's.
        value: (B,): vᵀAv, with its sign, for a symmetric operator; else ‖vᵀA‖². None where no product was spent.
        residual: (B,): ‖Mv − θv‖ for the matrix M that was iterated on (A if symmetric, else AAᵀ) and
            θ = value: some eigenvalue of M lies within this distance of θ. None where nothing was iterated.
        products: how many products with A or Aᵀ were spent.
        row: vᵀA, (B, n), where the solver has it anyway.
    """

    vector: Tensor
    value: Tensor | None
    residual: Tensor | None
    products: int
    row: Tensor | None = None


class Solver(Protocol):
    """Picks a direction for each matrix of a batch."""

    def __call__(
        self,
        operator: Operator,
        start: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Direction:
        """Find directions for the operator, from a start (B, m) or from random vectors."""


def unit_start(operator: Operator, start: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """Unit vectors to start an iteration from.

    Args:
        operator: m×m; the vectors take its dtype and device.
        start: (B, m), any length; rows that are zero or not finite are replaced.
        generator: of the random vectors, uniform on the sphere.

    Returns:
        (B, m), every row of length 1.

    Raises:
        ValueError: start has another shape.
    """
    batch, m, _ = operator.shape
    source = generator.device if generator is not None else operator.device
    random = torch.randn(batch, m, generator=generator, device=source, dtype=operator.dtype)
    random = random.to(operator.device)
    if start is not None:
        if start.shape != (batch, m):
            raise ValueError(f"start has shape {tuple(start.shape)}: the operator needs {(batch, m)}")
        start = start.detach().to(random)
        scale = start.abs().amax(1, keepdim=True)
        usable = (scale > 0) & scale.isfinite()
        random = torch.where(usable, start / scale, random)
    return random / norm(random)[:, None]


def assess(operator: Operator, v: Tensor) -> Direction:
    """Value and residual of given unit vectors, for one product with a symmetric operator, else two.

    Args:
        operator: A.
        v: (B, m), of unit length.

    Returns:
        v with θ = vᵀAv and ‖Av − θv‖ for a symmetric A; else with θ = ‖vᵀA‖² and ‖AAᵀv − θv‖.
    """
    row = operator.rmv(v)
    if operator.symmetric:
        value, image = (row * v).sum(1), row
    else:
        value, image = norm(row).square(), operator.mv(row)
    residual = norm(image - value[:, None] * v)
    return Direction(v, value, residual, 1 if operator.symmetric else 2, row)


def norm(v: Tensor) -> Tensor:
    """‖v‖ of each row, (B, m) → (B,), without the under- and overflow of squares at extreme scales."""
    scale = v.abs().amax(1)
    scale = torch.where((scale > 0) & scale.isfinite(), scale, 1)
    length: Tensor = scale * torch.linalg.vector_norm(v / scale[:, None], dim=1)
    return length


def known_start(start: str) -> None:
    """Check a choice of start.

    Args:
        start: ``offered`` or ``random``.

    Raises:
        ValueError: it is neither.
    """
    if start not in get_args(Start):
        raise ValueError(f"start={start!r}: must be one of {', '.join(get_args(Start))}")


def whole_number(name: str, value: float) -> None:
    """Check a count.

    Args:
        name: of the argument.
        value: 3 and 3.0 are both good: schedules give floats.

    Raises:
        ValueError: it is no whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 1 or value % 1 != 0:
        raise ValueError(f"{name}={value}: must be a whole number of at least 1")
