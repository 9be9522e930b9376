"""Hutchinson's random probe: the Frobenius norm without iteration.

Source: M. F. Hutchinson (1990); for Jacobian penalties D. Varga et al. (2018) and arXiv 1908.02729.
"""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction

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

    title: ClassVar[str] = (
        "a random vector, so that the penalty estimates a multiple of the squared Frobenius norm of A"
    )
    bibtex: ClassVar[str] = """@article{hutchinson1990stochastic,
  author = {Hutchinson, M. F.},
  title = {A Stochastic Estimator of the Trace of the Influence Matrix for {L}aplacian Smoothing Splines},
  journal = {Communications in Statistics -- Simulation and Computation},
  volume = {19},
  number = {2},
  year = {1990},
}
@article{hoffman2019robust,
  author = {Hoffman, Judy and Roberts, Daniel A. and Yaida, Sho},
  title = {Robust Learning with {J}acobian Regularization},
  journal = {arXiv preprint arXiv:1908.02729},
  year = {2019},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Hutchinson 1990; Hoffman et al. 2019, arXiv 1908.02729, as arXiv 2212.00311 states it",
        mark="read in the paper",
        closed_form=("tests/linalg/test_solvers.py::test_hutchinson_is_unbiased_with_the_variance_of_its_formula"),
        state="effect shown",
        reproduction=Reproduction(
            effect="the cheapest, and it sees little of a large matrix's norm",
            ours="Jacobian 0.806 of σ_max, Hessian 0.140",
            command=(
                "scripts/run bench model=resnet18 model.width=32 'shape=[3,32,32]' batch_size=16 batches=1 "
                "rounds=4 'solvers=[hutchinson]' regularizer=M"
            ),
            date="2026-11-21",
            n=16,
        ),
        cost=(2.3, 5.07),
        network=HALF_RESNET,
    )

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
