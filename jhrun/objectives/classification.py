"""Losses for class numbers."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from jhrun.records.evidence import Evidence


class CrossEntropy:
    """−log softmax(z)_y.

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.zeros(1, 2), torch.tensor([1]))
        tensor([0.6931])
    """

    evidence: ClassVar[Evidence] = Evidence(
        source="of the textbooks: negative log-likelihood of a softmax",
        mark="derived",
        closed_form="tests/objectives/test_classification.py::test_value_is_minus_log_softmax",
        state="closed form only",
    )

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
