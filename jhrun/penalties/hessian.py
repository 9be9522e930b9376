"""The Hessian of the loss, or of a scalar output."""

from typing import ClassVar, Literal, get_args

from torch import Tensor

from jhrun.autodiff import HessianOperator
from jhrun.linalg import Operator
from jhrun.penalties.jacobian import Jacobian
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction

Of = Literal["loss", "output"]


class Hessian(Penalty):
    """A = H, D×D, symmetric: how fast the gradient turns.

    H is ∂²ℓ/∂x² of the example's loss, or ∂²f/∂x² of a network with one output.
    """

    title: ClassVar[str] = "the Hessian with respect to the input"
    bibtex: ClassVar[str] = Jacobian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311",
        mark="read in the paper",
        closed_form="tests/penalties/test_penalty.py::test_gradient_is_that_of_the_top_eigenvalue",
        state="effect shown",
        reproduction=Reproduction(
            effect="robust accuracy rises at nearly the same clean accuracy",
            ours="digits, seeds 0, 1, 2, PGD-20 at 0.1: 55.2, 55.4, 49.9 % without, 87.2, 83.6, 86.1 % with it",
            command="scripts/run train seed=S regularizer=hessian; scripts/run train seed=S regularizer=none",
            date="2026-11-21",
            n=359,
        ),
        cost=(5.07, 18.51),
        network=HALF_RESNET,
    )

    def __init__(self, of: Of = "loss") -> None:
        """Choose the scalar.

        Args:
            of: ``loss`` or ``output``.

        Raises:
            ValueError: it is neither.
        """
        if of not in get_args(Of):
            raise ValueError(f"of={of!r}: must be one of {', '.join(get_args(Of))}")
        self.of = of

    def operator(self, forward: Forward) -> HessianOperator:
        """H of the losses or outputs."""
        return HessianOperator(self.scalars(forward), forward.inputs, self.of)

    def start(self, operator: Operator) -> Tensor | None:
        """The input gradient, which is there already, and lies mostly in the top eigenvectors of a loss's H."""
        return gradient_of(operator) if self.of == "loss" else None

    def scalars(self, forward: Forward) -> Tensor:
        """What is differentiated twice.

        Args:
            forward: of the network.

        Returns:
            (B,), with their graph.

        Raises:
            ValueError: the network has several outputs, and one was asked for.
        """
        if self.of == "loss":
            return forward.losses
        if forward.outputs[0].numel() != 1:
            raise ValueError(
                f"of=output needs a network with one output: this one has {forward.outputs[0].numel()}"
            )
        return forward.outputs.flatten()


def gradient_of(operator: Operator) -> Tensor:
    """The gradient that the first Hessian in an operator was made of.

    Args:
        operator: with a ``HessianOperator`` among its leaves.

    Returns:
        (B, D), detached.
    """
    hessian = next(leaf for leaf in operator.leaves() if isinstance(leaf, HessianOperator))
    return hessian.gradient.detach().flatten(1)
