"""Derivatives by autograd against difference quotients in float64."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

STEP = 1e-6
"""Of a central difference, relative to the places' size. Its own error is about STEP² = 1e-12, and the rounding of
float64 adds about 1e-16/STEP = 1e-10, both times the function's condition: 1e-7 at most was measured, and 1e-4 for
deep networks without normalisation, whose derivatives explode. A kink of ReLU is rarely as near as that."""
TOLERATED = 1e-4
"""Relative error that is never called wrong. LayerNorm's wrong third derivative gives 3e-3 to 1."""
SURE = 100
"""So many times larger than the doubts must an error be."""
DIRECTIONS = 4
"""That are tried at most; two have to agree that a gradient is wrong."""


def error_of_last(
    values: Callable[[], Tensor], gradients: Sequence[Sequence[Tensor]], places: Sequence[Tensor]
) -> float | None:
    """The relative error of the last of several values' gradients, if it is surely wrong.

    Along a random direction, the gradient's derivative is set against central differences at two step sizes. It is
    surely wrong if the quotients agree with each other, so that no kink and no rounding parts them, and if the
    gradients of all values before the last one are right: else the function does on purpose something else than
    its derivative says, as a straight-through estimator does. Two directions have to say so.

    Args:
        values: (k,), float64, of the places as they are.
        gradients: of each value, by each place.
        places: tensors that are changed meanwhile, and put back.

    Returns:
        |quotient − derivative| over the larger of the quotient and the derivative's standard deviation over
        directions; None if the gradient is right, or if nothing can be told.
    """
    before = [place.detach().clone() for place in places]
    sizes = [float(place.square().mean().sqrt()) or 1.0 for place in before]
    spread = torch.stack([_norm([size * part for size, part in zip(sizes, g, strict=True)]) for g in gradients])
    wrong = []
    for number in range(DIRECTIONS):
        # on the CPU, so that every device tries the same directions
        random = torch.Generator().manual_seed(number)
        direction = [
            size * torch.randn(place.shape, generator=random, dtype=place.dtype).to(place)
            for size, place in zip(sizes, before, strict=True)
        ]
        told = torch.stack([_dot(gradient, direction) for gradient in gradients])
        coarse = _quotient(values, places, before, direction, STEP)
        scale = torch.maximum(spread, coarse.abs())
        if _relative(coarse - told, scale)[-1] <= TOLERATED:
            return None
        fine = _quotient(values, places, before, direction, STEP / 2)
        error, apart = _relative(fine - told, scale), _relative(fine - coarse, scale)
        doubts = torch.cat([apart[-1:], error[:-1]]).max()
        if error[-1] <= TOLERATED:
            return None
        # written so that whatever is not a number is in doubt
        if error[-1] > SURE * doubts:
            wrong.append(float(error[-1]))
        if len(wrong) == 2:
            return max(wrong)
    return None


@torch.no_grad()
def _quotient(
    values: Callable[[], Tensor],
    places: Sequence[Tensor],
    before: Sequence[Tensor],
    direction: Sequence[Tensor],
    step: float,
) -> Tensor:
    """The central difference along a direction, (k,)."""
    ends = []
    try:
        for sign in (1, -1):
            for place, old, towards in zip(places, before, direction, strict=True):
                place.copy_(old + sign * step * towards)
            with torch.enable_grad():
                ends.append(values())
    finally:
        for place, old in zip(places, before, strict=True):
            place.copy_(old)
    return (ends[0] - ends[1]) / (2 * step)


def _dot(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()


def _norm(parts: Sequence[Tensor]) -> Tensor:
    return _dot(parts, parts).sqrt()


def _relative(difference: Tensor, scale: Tensor) -> Tensor:
    """A difference in units of a scale; 0 where both are 0."""
    return torch.where(difference == 0, 0, difference.abs() / scale)
