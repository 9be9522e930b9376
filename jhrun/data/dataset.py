"""The one data set class: tensors, a validation split, and batches drawn from (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from jhrun.data.augment import crop_and_flip
from jhrun.records import Batch, DataSpec
from jhrun.seeds import generator


@dataclass(frozen=True)
class Part:
    """Some examples, held as they are stored.

    Attributes:
        inputs: images (N, ch, h, w), uint8, or vectors (N, n), float32.
        targets: class numbers (N,), int64, or values (N, m), float32.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        """Check that there are as many targets as inputs.

        Raises:
            ValueError: their numbers differ.
        """
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs and {len(self.targets)} targets: must be as many")

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.targets)

    def __getitem__(self, chosen: Tensor | slice) -> "Part":
        """The chosen examples."""
        return Part(self.inputs[chosen], self.targets[chosen])

    def to(self, device: torch.device | str) -> "Part":
        """The same part on another device."""
        return Part(self.inputs.to(device), self.targets.to(device))

    def batches(self, size: int) -> Iterator[Batch]:
        """The examples in their stored order, unaugmented.

        Args:
            size: of a batch; the last one may be smaller.

        Yields:
            Batches with their indices.
        """
        for first in range(0, len(self), size):
            some = self[first : first + size]
            index = torch.arange(first, first + len(some), device=self.targets.device)
            yield Batch(decoded(some.inputs), some.targets, index)


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test parts, and how the training part is augmented.

    Attributes:
        classes: their names; a target is a position in it. Empty where targets are values to be predicted.
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
        """Check what a network could not.

        Raises:
            ValueError: an empty part, a padding below 0, fewer than two classes, a class number outside them,
                or values with classes.
        """
        for name in ("train", "test"):
            if len(getattr(self, name)) == 0:
                raise ValueError(f"the {name} part is empty: no example is left for it")
        if self.crop < 0:
            raise ValueError(f"crop={self.crop}: must be 0 or a number of pixels")
        if self.hold < 1:
            raise ValueError(f"hold={self.hold}: must be a number of epochs, at least 1")
        if self.train.targets.is_floating_point():
            if self.classes or self.train.targets.ndim != 2:
                raise ValueError("targets that are values must have shape (N, m), and no classes")
            return
        if len(self.classes) < 2:
            raise ValueError(f"classes={self.classes}: there must be two or more to tell apart")
        for label in set(torch.cat([self.train.targets, self.validation.targets, self.test.targets]).tolist()):
            if not 0 <= label < len(self.classes):
                raise ValueError(f"class number {label} among {len(self.classes)} classes")

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
            yield Batch(decoded(inputs), some.targets, index, fresh)


def decoded(stored: Tensor) -> Tensor:
    """Stored uint8 as float32 in [0, 1]; floating-point numbers as they are."""
    return stored if stored.is_floating_point() else stored.to(torch.float32).div_(255)


def split(part: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """Take a share of every class away, or of all examples where targets are values.

    Args:
        part: what to divide.
        fraction: of each class, in [0, 1), rounded to whole examples.
        seed: which examples.

    Returns:
        What remains and what was taken, each in its stored order; the same for the same seed.

    Raises:
        ValueError: the fraction is outside its range.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation={fraction}: must be at least 0 and below 1")
    shuffle = generator("cpu", seed, "split")
    taken = torch.zeros(len(part), dtype=torch.bool)
    labels = torch.zeros(len(part)) if part.targets.is_floating_point() else part.targets.cpu()
    for label in sorted(set(labels.tolist())):
        members = (labels == label).nonzero()[:, 0]
        shuffled = members[torch.randperm(len(members), generator=shuffle)]
        taken[shuffled[: round(fraction * len(members))]] = True
    return part[~taken], part[taken]
