"""Updates of the weights that were refused: the first one's reasons, kept on the device until the host looks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from jhrun.errors import NumericalError

NAMED = 8
"""So many examples are named."""

REMEDY = "lower optimizer.lr or regularizer.weight; a checkpoint, if one was saved, holds finite weights"


class Refusals:
    """The first step that was refused, kept on the device until it is asked for.

    Attributes:
        kept: the step's number or 0; its loss and the sums of its terms; the number of its suspects and the
            ``NAMED`` least of their indices, float64.
    """

    def __init__(self, terms: Mapping[str, str], device: torch.device) -> None:
        """Begin with none.

        Args:
            terms: titles of the terms of the loss, by name.
            device: where training is.
        """
        self.terms = dict(terms)
        self.kept = torch.zeros(1 + 1 + len(terms) + 1 + NAMED, dtype=torch.float64, device=device)
        self._places: dict[tuple[str, ...], Tensor] = {}

    def note(
        self, step: int, done: Tensor, loss: Tensor, names: Sequence[str], sums: Tensor, suspects: Tensor
    ) -> None:
        """Keep a step, if it is the first one that was refused. Nothing is read back from the device.

        Args:
            step: its number in the run, from 1.
            done: whether it was made, a bool on the device.
            loss: its mean loss.
            names: of the columns of its sums.
            sums: of its batch, then the columns' counts.
            suspects: indices of the examples whose loss is not finite, infinity for the others, (B,), float64.
        """
        least = suspects.topk(min(NAMED, len(suspects)), largest=False).values
        named = F.pad(least, (0, NAMED - len(least)), value=math.inf)
        head = torch.full_like(sums[:1], step)
        terms = sums[self._place(tuple(names), sums.device)]
        this = torch.cat([head, loss[None], terms, suspects.isfinite().sum()[None], named])
        self.kept = torch.where(done | (self.kept[0] > 0), self.kept, this)

    def _place(self, names: tuple[str, ...], device: torch.device) -> Tensor:
        """Where the sums of the terms stand; of a term without one a count, which is finite."""
        if names not in self._places:
            found = [names.index(term) if term in names else len(names) for term in self.terms]
            self._places[names] = torch.tensor(found, dtype=torch.int64).to(device)
        return self._places[names]

    def first(self, kept: Sequence[float]) -> "Refusal | None":
        """The first refused step; None where there was none.

        Args:
            kept: as read back from the device.

        Returns:
            The step, or None.
        """
        step, loss, *rest = kept
        if not step:
            return None
        sums, (count, *indices) = rest[: len(self.terms)], rest[len(self.terms) :]
        bad = [title for title, s in zip(self.terms.values(), sums, strict=True) if not math.isfinite(s)]
        # the loss is made of the terms: it alone is not finite where they add up to too much
        what = bad or (["loss"] if not math.isfinite(loss) else ["gradient"])
        named = tuple(int(index) for index in indices if math.isfinite(index))
        return Refusal(int(step), tuple(what), int(count), named)

    def clear(self) -> None:
        """Begin again."""
        self.kept.zero_()


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
