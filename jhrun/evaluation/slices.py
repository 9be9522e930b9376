"""The loss along two straight lines through an example: a masked gradient shows as a ragged or a flat one."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.data import Part
from jhrun.evaluation.curvature import double
from jhrun.objectives import Objective

POINTS = 41
"""On each line, one of them the example itself."""
REACH = 2.0
"""How far the lines go to each side, in units of ε."""


class Slices(NamedTuple):
    """Losses along lines, float64, on the CPU.

    Attributes:
        position: which examples of the part, (k,).
        t: ℓ∞ distance from the example, with its sign, in pixel units, (POINTS,).
        gradient: ℓ(x + t·sign ∇ℓ(x)), (k, POINTS), in nats for the cross-entropy.
        random: ℓ(x + t·r) with a random r ∈ {−1, 1}^D for each example, (k, POINTS).
    """

    position: Tensor
    t: Tensor
    gradient: Tensor
    random: Tensor


def slices(
    model: nn.Module, objective: Objective, part: Part, position: Tensor, epsilon: float, *, seed: int
) -> Slices:
    """Follow the loss of some examples from −2ε to 2ε.

    The lines are not clamped to [0, 1]: where many pixels are black or white, as in digits, clamping would bend a
    line at the example itself and stop most of its pixels, and such kinks are the range's, not the network's. All
    pixels but those without a gradient move by the same |t|, so that the two lines go equally far.

    Args:
        model: images → logits; a copy in float64 is followed, in which the loss of a confident example is smooth
            where float32 rounds it to steps.
        objective: the loss.
        part: of the data, whose labels the loss is of.
        position: which examples, (k,).
        epsilon: above 0.
        seed: of the random directions.

    Returns:
        The losses.

    Raises:
        ValueError: epsilon is not above 0.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon={epsilon}: lines of no length show nothing")
    precise = double(model)
    batch = next(part.hard()[position.to(part.targets.device)].batches(max(1, len(position))))
    inputs, targets = batch.inputs.double().requires_grad_(), batch.targets
    (gradient,) = torch.autograd.grad(objective(precise(inputs), targets).sum(), inputs)
    x = inputs.detach()
    draw = torch.randint(0, 2, x.shape, generator=seeds.generator("cpu", seed, "slices"))
    rademacher = (2 * draw - 1).to(x)
    # whole numbers first, so that the middle one is 0 exactly
    middle = (POINTS - 1) // 2
    t = torch.arange(-middle, middle + 1, dtype=torch.float64) / middle * REACH * epsilon

    @torch.no_grad()
    def along(direction: Tensor) -> Tensor:
        losses = [objective(precise(x + step * direction), targets).double().cpu() for step in t.tolist()]
        return torch.stack(losses, dim=1)

    return Slices(position.cpu(), t, along(gradient.sign()), along(rademacher))
