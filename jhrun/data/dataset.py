"""The one data set class: tensors, a validation split, and batches drawn from (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from jhrun.data.augment import crop_and_flip
from jhrun.data.examination import examined
from jhrun.data.part import Part, decoded
from jhrun.records import Batch, DataSpec
from jhrun.seeds import generator


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test parts, and how the training part is augmented.

    Attributes:
        classes: their names; a label is a position in it. Empty where targets are values to be predicted.
        mean: per channel, of pixels in [0, 1]; of a vector's entries, one for all.
        std: likewise.
        train: what is trained on.
        test: what is reported on; nothing is ever chosen with it.
        validation: what is chosen with; taken from the training part alone, perhaps empty.
        crop: pixels of black padding for the random crop; 0 for none.
        flip: whether to mirror left and right at random.
        hold: for how many epochs an example's crop and flip are kept before they are drawn anew.
        scale: mean and standard deviation of targets that are values.
        structure: what is known of the true function's derivatives: ``symmetric`` (its Jacobian is) or
            ``diagonal`` (its Hessian is); None where nothing is.
    """

    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: Part
    test: Part
    validation: Part = field(default_factory=lambda: Part(torch.empty(0), torch.empty(0, dtype=torch.int64)))
    crop: int = 0
    flip: bool = False
    hold: int = 1
    scale: tuple[float, float] = (0.0, 1.0)
    structure: Literal["symmetric", "diagonal"] | None = None

    def __post_init__(self) -> None:
        """Convert what is unambiguous, and refuse what no network could learn.

        Converted are arrays; float64, half-precision, boolean and whole-number inputs; class numbers in a column
        (N, 1) and, where no labels are given, one-hot rows (N, C).

        Raises:
            BadDataError: names all that is wrong: shapes, parts that differ, class numbers, rows that are no
                class distributions, NaN, values outside
                [0, 1] where there are classes, and options out of range.
        """
        for name, value in examined(self).items():
            object.__setattr__(self, name, value)

    @property
    def spec(self) -> DataSpec:
        """What a network must know."""
        outputs = len(self.classes) or self.train.targets.shape[1]
        return DataSpec(tuple(self.train.inputs.shape[1:]), outputs, self.mean, self.std)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data on another device."""
        parts = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, **parts)

    def steps(self, batch_size: int, *, drop_last: bool) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.train), batch_size)
        return whole + (rest > 0 and not drop_last)

    def epoch(
        self, number: int, batch_size: int, *, seed: int, start: int = 0, drop_last: bool = False
    ) -> Iterator[Batch]:
        """The training part, shuffled and augmented: a pure function of (seed, number), so no state to save.

        Args:
            number: of the epoch, from 0.
            batch_size: examples a batch.
            seed: of order and augmentation.
            start: batches to leave out at the beginning, for going on in mid-epoch.
            drop_last: leave out a last batch that is not full.

        Yields:
            Batches with the indices of their examples in the training part. In an epoch one example in ``hold``
            has its augmentation drawn anew and is ``fresh``, each in its turn, in the first epoch all.
        """
        device = self.train.targets.device
        shuffle = generator("cpu", seed, "order", number)
        order = torch.randperm(len(self.train), generator=shuffle).to(device)
        for step in range(start, self.steps(batch_size, drop_last=drop_last)):
            index = order[step * batch_size : (step + 1) * batch_size]
            some = self.train[index]
            inputs = some.inputs
            fresh = torch.zeros_like(index, dtype=torch.bool)
            if self.crop or self.flip:
                turn = number + index % self.hold
                fresh = turn % self.hold == 0 if number else ~fresh
                inputs = crop_and_flip(
                    inputs, index, seed=seed, draw=turn // self.hold, crop=self.crop, flip=self.flip
                )
            yield Batch(decoded(inputs), some.targets, some.labels, index, fresh)


def split(part: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """Take a share of every class away, or of all examples where targets are values.

    Args:
        part: what to divide.
        fraction: of each class, in [0, 1), rounded to whole examples.
        seed: which examples.

    Returns:
        What remains and what was taken, each in its stored order; the same for the same seed.

    Raises:
        ValueError: the fraction is outside its range, or there are not as many targets as inputs.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation={fraction}: must be at least 0 and below 1")
    if len(part.inputs) != len(part.targets):
        raise ValueError(f"{len(part.inputs)} inputs and {len(part.targets)} targets: must be as many")
    shuffle = generator("cpu", seed, "split")
    taken = torch.zeros(len(part), dtype=torch.bool)
    labels = torch.zeros(len(part))
    if part.labels is not None:
        # of one-hot rows and of class numbers in a column too
        labels = torch.unique(part.labels.cpu(), dim=0, return_inverse=True)[1]
    for label in sorted(set(labels.tolist())):
        members = (labels == label).nonzero()[:, 0]
        shuffled = members[torch.randperm(len(members), generator=shuffle)]
        taken[shuffled[: round(fraction * len(members))]] = True
    return part[~taken], part[taken]
