"""Some examples of a data set, held as they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jhrun.records import Batch


@dataclass(frozen=True)
class Part:
    """Some examples, held as they are stored. A ``Dataset`` examines them.

    Attributes:
        inputs: images (N, ch, h, w), uint8, or vectors (N, n), float32.
        targets: class numbers (N,), int64; class distributions (N, C), float32; or values (N, m), float32.
        labels: class numbers (N,), int64, beside class distributions: what accuracy, tables of classes and attacks
            go by. None where targets are values. Where targets are class numbers, these are the labels, and nobody
            gives them.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        """Class numbers are labels."""
        # arrays are put into their form by the data set's examination
        whole = isinstance(self.targets, Tensor) and not self.targets.is_floating_point()
        if self.labels is None and whole:
            object.__setattr__(self, "labels", self.targets)

    @property
    def beside(self) -> Tensor | None:
        """Labels that the targets are not themselves: those beside class distributions."""
        return None if self.labels is self.targets else self.labels

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.targets)

    def __getitem__(self, chosen: Tensor | slice) -> "Part":
        """The chosen examples."""
        labels = None if self.beside is None else self.beside[chosen]
        return Part(self.inputs[chosen], self.targets[chosen], labels)

    def to(self, device: torch.device | str) -> "Part":
        """The same part on another device."""
        labels = None if self.beside is None else self.beside.to(device)
        return Part(self.inputs.to(device), self.targets.to(device), labels)

    def hard(self) -> "Part":
        """The same inputs with the labels for targets, as an evaluation goes by.

        Returns:
            The part.

        Raises:
            ValueError: the targets are values.
        """
        if self.labels is None:
            raise ValueError("the targets are values, and there are no labels")
        return Part(self.inputs, self.labels)

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
            yield Batch(decoded(some.inputs), some.targets, some.labels, index)


def decoded(stored: Tensor) -> Tensor:
    """Stored uint8 as float32 in [0, 1]; floating-point numbers as they are."""
    return stored if stored.is_floating_point() else stored.to(torch.float32).div_(255)
