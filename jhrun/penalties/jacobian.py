"""The Jacobian of the outputs."""

from typing import ClassVar

from jhrun.autodiff import JacobianOperator
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.records.evidence import HALF_RESNET, Evidence, Reproduction


class Jacobian(Penalty):
    """A = J = ∂f(x)/∂x, C×D: how far the logits move for a step in pixel space."""

    title: ClassVar[str] = "the Jacobian of the outputs with respect to the input"
    bibtex: ClassVar[str] = """@article{cui2022generalizing,
  author = {Cui, Chenwei and Yan, Zehao and Liu, Guangshen and Lu, Liangfu},
  title = {Generalizing and Improving {J}acobian and {H}essian Regularization},
  journal = {arXiv preprint arXiv:2212.00311},
  year = {2022},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311",
        mark="read in the paper",
        closed_form="tests/penalties/test_penalty.py::test_gradient_is_that_of_the_top_eigenvalue",
        state="effect shown",
        reproduction=Reproduction(
            effect="robust accuracy rises at nearly the same clean accuracy",
            ours="digits, seeds 0, 1, 2, PGD-20 at 0.1: 55.2, 55.4, 49.9 % without, 88.9, 86.9, 88.9 % with it",
            command="scripts/run train seed=S; scripts/run train seed=S regularizer=none",
            date="2026-11-21",
            n=359,
        ),
        cost=(2.26, 8.98),
        network=HALF_RESNET,
    )

    frame = "outputs"

    def operator(self, forward: Forward) -> JacobianOperator:
        """J of the outputs."""
        return JacobianOperator(forward.outputs, forward.inputs)
