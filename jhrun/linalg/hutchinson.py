"""Hutchinson's random probe: the Frobenius norm without iteration.

Source: M. F. Hutchinson (1990); for Jacobian penalties D. Varga et al. (2018) and arXiv 1908.02729.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction

Distribution = Literal["gaussian", "rademacher"]


class Hutchinson:
    """v random with E[vvᵀ] = factor·I, so that E‖vᵀA‖² = factor·‖A‖_F². v is not of unit length.

    The variance of ‖vᵀA‖², at factor 1 and with G = AAᵀ, is 2‖G‖_F² for Gaussian entries, and
    2(‖G‖_F² − Σᵢ Gᵢᵢ²) for Rademacher's ±1.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> Hutchinson("rademacher")(DenseOperator(torch.eye(3))).value
        tensor([3.])
    """

    def __init__(
        self, distribution: Distribution = "gaussian", factor: float = 1.0, measured: bool = True
    ) -> None:
        """Set the distribution.

        Args:
            distribution: of v's entries.
            factor: of the penalty; the paper's hutchinson-0.1 has 0.1.
            measured: whether to spend a product on the value; a penalty makes that product itself.

        Raises:
            ValueError: an argument outside its range.
        """
        if distribution not in get_args(Distribution):
            raise ValueError(f"distribution={distribution!r}: must be one of {', '.join(get_args(Distribution))}")
        if not 0 < factor < float("inf"):
            raise ValueError(f"factor={factor}: must be a number above 0")
        self.distribution, self.factor, self.measured = distribution, float(factor), measured

    @torch.no_grad()
    def __call__(
        self,
        operator: Operator,
        start: Tensor | None = None,  # noqa: ARG002 - a probe cannot use one
        generator: torch.Generator | None = None,
    ) -> Direction:
        """Draw a probe for every matrix of the batch.

        Args:
            operator: any.
            start: not used.
            generator: of the probe.

        Returns:
            The probe; no residual, for nothing was iterated; no value unless measured.
        """
        batch, m, _ = operator.shape
        source = generator.device if generator is not None else operator.device
        if self.distribution == "gaussian":
            v = torch.randn(batch, m, generator=generator, device=source, dtype=operator.dtype)
        else:
            signs = torch.randint(0, 2, (batch, m), generator=generator, device=source)
            v = (2 * signs - 1).to(operator.dtype)
        v = v.to(operator.device) * self.factor**0.5
        if not self.measured:
            return Direction(v, None, None, 0)
        row = operator.rmv(v)
        value = (row * v).sum(1) if operator.symmetric else row.square().sum(1)
        return Direction(v, value, None, 1, row)
