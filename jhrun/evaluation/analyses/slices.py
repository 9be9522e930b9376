"""The loss along two straight lines through an example: a masked gradient shows as a ragged or a flat one."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jhrun import seeds
from jhrun.data import Part
from jhrun.evaluation.analyses.analysis import Analysis, Result
from jhrun.evaluation.curvature import double
from jhrun.evaluation.evaluate import OUTCOMES
from jhrun.evaluation.subject import Subject
from jhrun.objectives import Objective
from jhrun.records import Figure, Mark, Panel, Section, Series
from jhrun.records.words import class_name, sample

POINTS = 41
"""On each line, one of them the example itself."""
REACH = 2.0
"""How far the lines go to each side, in units of ε."""


UNITS = {
    "position": "place among the examples that were attacked",
    "t": "pixel units, l-infinity",
    "gradient": "loss",
    "random": "loss",
}


class SlicesAnalysis(Analysis):
    """The loss of some examples from −2ε to 2ε; nothing to see where ε is 0."""

    title = "the loss around examples"

    def __call__(self, subject: Subject) -> Result:
        """The examples whose images are kept."""
        epsilon = subject.epsilon
        if not epsilon > 0:
            return Result({"epsilon": epsilon}, (Section("The loss around examples", "ε = 0: there is no line."),))
        found = slices(
            subject.model,
            subject.objective(),
            subject.part,
            subject.evaluation.shown,
            epsilon,
            seed=subject.seed,
        )
        section = Section("The loss around examples", figures=(_figure(found, subject),))
        return Result({"epsilon": epsilon, "position": found.position.tolist()}, (section,))


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


def _figure(found: Slices, subject: Subject) -> Figure:
    k = len(found.position)
    columns: dict[str, NDArray[Any]] = {
        "position": np.repeat(found.position.numpy(), POINTS),
        "t": np.tile(found.t.numpy(), k),
        "gradient": found.gradient.flatten().numpy(),
        "random": found.random.flatten().numpy(),
    }
    evaluation = subject.evaluation
    outcomes = evaluation.outcomes
    panels = tuple(
        Panel(
            "lines",
            "t",
            (Series("gradient", "along the gradient's sign"), Series("random", "along random signs")),
            where=("position", position),
            title=f"{class_name(subject.classes, int(evaluation.targets[position]))}, "
            f"{OUTCOMES[int(outcomes[position])]}",
            x_label="ℓ∞ distance t",
            y_label="loss",
            marks=(Mark("x", -subject.epsilon, "±ε"), Mark("x", subject.epsilon)),
        )
        for position in found.position.tolist()
    )
    text = (
        f"The loss of {k} examples of {sample(len(subject.part), subject.whole)}, along the sign of their input "
        "gradient and along random signs, in pixel units, not clamped to the pixels' range; the example is at 0. "
        "An honest gradient gives a smooth curve that rises to the right of it; a masked one a ragged curve, or a "
        "flat one where the random one moves."
    )
    return Figure("slices", "The loss around examples", text, columns, panels, units=UNITS)
