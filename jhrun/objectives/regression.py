"""Losses for values."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from jhrun.records.evidence import Evidence


class SquaredError:
    """The mean over outputs of (z − y)².

    Class numbers stand for their unit vectors (L. Hui and M. Belkin, arXiv 2006.07322).

    Example:
        >>> import torch
        >>> SquaredError()(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]))
        tensor([2.5000])
        >>> SquaredError()(torch.tensor([[1.0, 1.0]]), torch.tensor([1]))
        tensor([0.5000])
    """

    title: ClassVar[str] = "squared error"
    bibtex: ClassVar[str] = """@inproceedings{hui2021evaluation,
  author = {Hui, Like and Belkin, Mikhail},
  title = {Evaluation of Neural Architectures Trained with Square Loss vs Cross-Entropy in Classification Tasks},
  booktitle = {International Conference on Learning Representations},
  year = {2021},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Hui and Belkin 2020, arXiv 2006.07322, for classes",
        mark="recalled",
        closed_form="tests/objectives/test_regression.py::test_value_is_the_mean_square_over_outputs",
        state="closed form only",
    )

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each example.

        Args:
            outputs: z, (B, m).
            targets: y, (B, m), values or class distributions, or class numbers (B,), int64.

        Returns:
            (B,), in the targets' units squared.
        """
        if not targets.is_floating_point():
            targets = F.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
        return (outputs - targets).square().mean(1)
