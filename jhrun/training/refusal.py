"""Updates of the weights that were refused: the first one's reasons, kept on the device until the host looks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from jhrun.errors import NumericalError
from jhrun.training.terms import SUMS

NAMED = 8
"""So many examples are named."""

REMEDY = "lower optimizer.lr or regularizer.weight; a checkpoint, if one was saved, holds finite weights"

_LENGTH = 1 + len(SUMS) + 1 + NAMED


def none_refused(device: torch.device) -> Tensor:
    """What is kept where no step was refused, as ``noted`` returns it."""
    return torch.zeros(_LENGTH, dtype=torch.float64, device=device)


def noted(kept: Tensor, done: Tensor, step: int, sums: Tensor, suspects: Tensor) -> Tensor:
    """What is kept after a step: that of the first one that was refused. Nothing is read back from the device.

    Args:
        kept: from the step before.
        done: whether this step was made, a bool on the device.
        step: its number in the run, from 1.
        sums: of its batch, as ``SUMS`` names them, with the mean loss for the first.
        suspects: indices of the examples whose loss is not finite, infinity for the others, (B,), float64.

    Returns:
        The step's number or 0, its sums, the number of its suspects and the ``NAMED`` least of them, float64.
    """
    least = suspects.topk(min(NAMED, len(suspects)), largest=False).values
    named = F.pad(least, (0, NAMED - len(least)), value=math.inf)
    head = torch.full_like(sums[:1], step)
    this = torch.cat([head, sums, suspects.isfinite().sum()[None], named])
    return torch.where(done | (kept[0] > 0), kept, this)


@dataclass(frozen=True)
class Refusal:
    """The first step that was refused.

    Attributes:
        step: its number in the run, from 1.
        terms: what was not finite, in words.
        count: how many of its examples had such a loss.
        examples: indices in the training part of the first of them.
    """

    step: int
    terms: tuple[str, ...]
    count: int
    examples: tuple[int, ...]

    @classmethod
    def of(cls, kept: Sequence[float]) -> "Refusal | None":
        """Read what ``noted`` kept; None where no step was refused."""
        step, *sums, count = kept[: 2 + len(SUMS)]
        if not step:
            return None
        bad = {name for name, value in zip(SUMS, sums, strict=True) if not math.isfinite(value)}
        # the loss is made of the other two: it alone is not finite where they add up to too much
        terms = sorted(bad & {"task_loss", "penalty"}, reverse=True) or sorted(bad & {"loss"}) or ["gradient"]
        named = tuple(int(index) for index in kept[2 + len(SUMS) :] if math.isfinite(index))
        return cls(int(step), tuple(term.replace("_", " ") for term in terms), int(count), named)

    def error(self, steps: int, *, skipping: bool) -> NumericalError:
        """What ends the run.

        Args:
            steps: in an epoch.
            skipping: whether such batches were to be left out, and there was no other in the epoch.

        Returns:
            The error, to be raised.
        """
        epoch, of_epoch = divmod(self.step - 1, steps)
        where = f"epoch {epoch + 1}, step {of_epoch + 1} of {steps}"
        if self.count:
            more = f" and {self.count - len(self.examples)} more" if self.count > len(self.examples) else ""
            where += f", training example{'s' * (self.count > 1)} {', '.join(map(str, self.examples))}{more}"
        what = f"the {' and the '.join(self.terms)} became infinite or not a number"
        if skipping:
            return NumericalError(f"{what}, and no batch of the epoch could be used", where, REMEDY)
        return NumericalError(what, where, f"{REMEDY}, and train.on_nonfinite=skip goes on from it")
