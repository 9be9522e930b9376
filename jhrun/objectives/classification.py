"""Losses for classes."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from jhrun.records.evidence import Evidence


class CrossEntropy:
    """−log softmax(z)_y, or of a class distribution p −Σ_c p_c log softmax(z)_c.

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.zeros(1, 2), torch.tensor([1]))
        tensor([0.6931])
    """

    title: ClassVar[str] = "cross-entropy"

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
            targets: class numbers y, (B,), int64, or distributions p, (B, C).

        Returns:
            (B,), in nats.

        Raises:
            ValueError: targets are values and no distributions. Whether the rows of a shape that is right are
                distributions is asked on the CPU alone: a GPU would have to be waited for at each step.
        """
        if targets.is_floating_point():
            if targets.shape != outputs.shape or not _distributions(targets):
                raise ValueError(
                    "cross-entropy needs classes, and the targets are values: use objective=squared_error"
                )
            targets = targets.to(outputs.dtype)
        return F.cross_entropy(outputs, targets, reduction="none")


def _distributions(targets: Tensor) -> bool:
    """Whether rows are at least 0 and sum to 1, but for rounding; taken for granted on a GPU."""
    if targets.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    rounding = (targets.shape[1] + 4) * torch.finfo(torch.float32).eps
    off = (targets.sum(1, dtype=torch.float64) - 1).abs()
    return bool(((targets >= 0).all(1) & (off <= rounding)).all())
