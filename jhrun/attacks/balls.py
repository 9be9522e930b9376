"""Balls around an image, cut off by the box [0, 1]: exact projections, random points and steepest steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from jhrun.attacks.attack import require_radius
from jhrun.attacks.projections import clipped, shrunk, soft

SHARE = 0.05
"""Of the inputs, the share that an ℓ1 step changes: the first one of ℓ1-APGD in training (arXiv 2103.01208)."""


@dataclass(frozen=True)
class Ball:
    """{x' ∈ [0, 1]ᴰ : ‖x' − x‖ ≤ ε} in one of three norms, around any x of the box.

    Source of the projection in ℓ1, and of its sparse step: F. Croce and M. Hein, arXiv 2103.01208.

    All points are (B, …), one ball for each example. Where the exact answer is in the ball, the returned one is up
    to its rounding: a coordinate that moved is wrong by half a unit in the last place, u/2 with u = 2⁻²⁴ for
    float32, so that ‖x' − x‖ is at most ε + u/2 in ℓ∞, ε + √D·u/2 in ℓ2 and ε + D·u/2 in ℓ1. The box is kept
    exactly.

    Attributes:
        norm: ``inf``, ``2`` or ``1``.
        epsilon: ε, in pixel units.

    Example:
        >>> x = torch.tensor([[0.2, 0.9, 0.5, 0.0]])
        >>> step = torch.tensor([[0.5, 0.6, -0.7, -0.3]])
        >>> [round(number, 4) for number in Ball("1", 1.0).project(x + step, x)[0].tolist()]
        [0.6, 1.0, 0.0, 0.0]
    """

    norm: str
    epsilon: float

    def __post_init__(self) -> None:
        """Refuse other norms, and radii that no image can need.

        Raises:
            ValueError: the norm is not one of the three, or ε is negative, not finite or above 1 in ℓ∞.
        """
        if self.norm not in GEOMETRIES:
            raise ValueError(f"norm={self.norm!r}: must be one of {', '.join(map(repr, GEOMETRIES))}")
        try:
            require_radius(self.epsilon, self.norm)
        except ValueError as error:
            raise ValueError(f"epsilon={self.epsilon}: {error}") from None

    def project(self, points: Tensor, origin: Tensor) -> Tensor:
        """Project on ball and box together: the nearest points in ℓ2. A point of both stays as it is, bit for bit.

        Ball and then box one after the other would end in both too, but in ℓ2 and ℓ1 not at the nearest point: an
        input that the box stops leaves its share of ε to the others.

        Args:
            points: finite.
            origin: x, in the box, of the same shape.

        Returns:
            Of the points' shape; the origin, bit for bit, if ε is 0.
        """
        if self.epsilon == 0:
            return origin.clone()
        found = GEOMETRIES[self.norm].project(points.flatten(1), origin.flatten(1), self.epsilon)
        return found.view_as(points)

    def start(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A uniformly random point of the ball, then brought into the box.

        Args:
            x: the origin.
            generator: of the random numbers, on any device.

        Returns:
            Of x's shape.
        """
        change = GEOMETRIES[self.norm].draw(x.flatten(1), generator).to(x)
        return self.project(x + self.epsilon * change.view_as(x), x)

    def direction(self, gradient: Tensor, points: Tensor) -> Tensor:
        """The step of length 1, in the ball's norm, that climbs most.

        In ℓ∞ it is sign(g), in ℓ2 g/‖g‖₂. In ℓ1 it is sign(g)/k on the k inputs with the largest |g| among those
        that the box lets move, k a share ``SHARE`` of all, at least one, and more where several are equal. (One
        input alone would climb most, but a network is not linear for so long.) Inputs of a larger |g| that the box
        stops are pushed too: a projection would else bring them back, to the profit of worse ones.

        Args:
            gradient: g; of an example where it is not finite, the result means nothing.
            points: where it was taken, in the box.

        Returns:
            Of the gradient's shape; zero where an example's gradient is zero.
        """
        return GEOMETRIES[self.norm].direction(gradient.flatten(1), points.flatten(1)).view_as(gradient)


class _Geometry(NamedTuple):
    """What depends on the norm; all tensors are (B, D).

    Attributes:
        project: points, origin, ε > 0 → the nearest points of ball and box.
        draw: inputs, generator → uniform points of the ball of radius 1 around 0, on the generator's device.
        direction: gradients, points → steps of length 1.
    """

    project: Callable[[Tensor, Tensor, float], Tensor]
    draw: Callable[[Tensor, torch.Generator], Tensor]
    direction: Callable[[Tensor, Tensor], Tensor]


def _cube(x: Tensor, generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(x.shape, generator=generator, device=generator.device, dtype=x.dtype) - 1


def _round(x: Tensor, generator: torch.Generator) -> Tensor:
    """A direction, and a radius U^(1/D)."""
    normal = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    radius = torch.rand(len(x), 1, generator=generator, device=generator.device, dtype=x.dtype)
    return radius ** (1 / x.shape[1]) * _unit(normal)


def _diamond(x: Tensor, generator: torch.Generator) -> Tensor:
    """D of D + 1 exponential numbers, divided by the sum of all, with random signs (L. Devroye 1986, ch. V)."""
    many = torch.empty(len(x), x.shape[1] + 1, device=generator.device, dtype=x.dtype)
    many.exponential_(generator=generator)
    share = many[:, :-1] / many.sum(1, keepdim=True)
    return share * _cube(x, generator).sign()


def _signs(gradient: Tensor, points: Tensor) -> Tensor:  # noqa: ARG001 - the same at all points
    return gradient.sign()


def _steepest(gradient: Tensor, points: Tensor) -> Tensor:  # noqa: ARG001 - the same at all points
    return _unit(gradient)


def _unit(v: Tensor) -> Tensor:
    """v/‖v‖₂, or 0, without the underflow of squares: a confident network's gradients are small."""
    scaled = v / v.abs().amax(1, keepdim=True)
    unit: Tensor = scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return unit.nan_to_num(0)


def _sparse(gradient: Tensor, points: Tensor) -> Tensor:
    size = gradient.abs()
    open_ = torch.where(gradient > 0, points < 1, points > 0) & (size > 0)
    number = max(round(SHARE * size.shape[1]), 1)
    least = (size * open_).topk(number, dim=1).values[:, -1:]
    chosen = (size >= least) & (size > 0)
    return gradient.sign() * chosen / (chosen & open_).sum(1, keepdim=True).clamp(min=1)


GEOMETRIES = {
    "inf": _Geometry(clipped, _cube, _signs),
    "2": _Geometry(shrunk, _round, _steepest),
    "1": _Geometry(soft, _diamond, _sparse),
}
