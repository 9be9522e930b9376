"""Losses for class numbers."""

import torch.nn.functional as F
from torch import Tensor


class CrossEntropy:
    """−log softmax(z)_y.

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.zeros(1, 2), torch.tensor([1]))
        tensor([0.6931])
    """

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each example.

        Args:
            outputs: logits z, (B, C).
            targets: class numbers y, (B,), int64.

        Returns:
            (B,), in nats.

        Raises:
            ValueError: targets are values, of which torch would make probabilities.
        """
        if targets.is_floating_point():
            raise ValueError(
                "cross-entropy needs classes, and the targets are values: use objective=squared_error"
            )
        return F.cross_entropy(outputs, targets, reduction="none")
