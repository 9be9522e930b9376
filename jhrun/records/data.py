"""What networks are given: batches, and what is known of all of them."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some examples, augmented and on the device.

    Attributes:
        inputs: images (B, ch, h, w), float32 in [0, 1], or vectors (B, n).
        targets: class numbers (B,), int64; class distributions (B, C), float32; or values (B, m), float32.
        labels: class numbers (B,), int64; None where targets are values. Where targets are class numbers, these
            are the labels, and nobody gives them.
        index: which training examples these are, (B,), int64; None where nobody needs to know.
        fresh: whether each example's augmentation was drawn anew, (B,), bool; None likewise.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor | None = None
    index: Tensor | None = None
    fresh: Tensor | None = None

    def __post_init__(self) -> None:
        """Class numbers are labels."""
        if self.labels is None and not self.targets.is_floating_point():
            object.__setattr__(self, "labels", self.targets)

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.inputs)

    def __getitem__(self, chosen: Tensor | slice) -> "Batch":
        """The chosen examples."""
        index, fresh = (None if column is None else column[chosen] for column in (self.index, self.fresh))
        labels = None if self.labels is self.targets or self.labels is None else self.labels[chosen]
        return Batch(self.inputs[chosen], self.targets[chosen], labels, index, fresh)


@dataclass(frozen=True)
class DataSpec:
    """What a network must know of the data it is made for.

    Attributes:
        shape: of one input, (ch, h, w) for images, (n,) for vectors.
        outputs: how many the network has: classes, or values to be predicted.
        mean: per channel, of pixels in [0, 1]; of a vector's entries, one for all.
        std: likewise.
    """

    shape: tuple[int, ...]
    outputs: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
