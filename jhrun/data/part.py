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
        targets: class numbers (N,), int64, or values (N, m), float32.
    """

    inputs: Tensor
    targets: Tensor

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


def decoded(stored: Tensor) -> Tensor:
    """Stored uint8 as float32 in [0, 1]; floating-point numbers as they are."""
    return stored if stored.is_floating_point() else stored.to(torch.float32).div_(255)
