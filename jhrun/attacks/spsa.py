"""SPSA: descent along gradients that are estimated from logits alone."""

from typing import Any, ClassVar

import torch
import torchattacks
from torch import Tensor

from jhrun.attacks.arguments import require_positive, require_whole
from jhrun.attacks.attack import Attack
from jhrun.attacks.measured import in_linf
from jhrun.attacks.watched import Watched
from jhrun.records.evidence import Evidence

AT_ONCE = 16
"""Directions in one pass: it holds as many copies of the batch, twice."""


class SPSA(Attack):
    """Adam on the margin, whose gradient is the mean of v·(m(x + δv) − m(x − δv)) / 2δ over random signs v.

    It needs no gradient of the network. Source: J. Uesato et al., arXiv 1802.05666.
    """

    bibtex: ClassVar[str] = """@inproceedings{uesato2018adversarial,
  author = {Uesato, Jonathan and O'Donoghue, Brendan and Kohli, Pushmeet and van den Oord, Aaron},
  title = {Adversarial Risk and the Dangers of Evaluating Against Weak Attacks},
  booktitle = {International Conference on Machine Learning},
  year = {2018},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Uesato et al. 2018, arXiv 1802.05666",
        mark="read in code",
        closed_form="tests/attacks/test_linear.py::test_spsa_finds_the_optimum_within_its_budget",
        state="effect shown",
        reproduction=in_linf(
            effect="without gradients, nearly what PGD finds",
            ours="digits under a Jacobian penalty: 89.1 % are left, by PGD-20 88.9 %",
        ),
    )

    kind = "score"

    def __init__(
        self,
        epsilon: float,
        steps: int = 20,
        samples: int = 64,
        relative_step: float = 0.2,
        delta: float = 0.01,
    ) -> None:
        """Set radius and budget.

        Args:
            epsilon: radius of the ball, in pixel units.
            steps: of Adam, at least 1.
            samples: directions v a step, two passes each, at least 1.
            relative_step: Adam's learning rate, in units of epsilon.
            delta: δ, in pixel units.

        Raises:
            ValueError: an argument outside its range.
        """
        require_whole(steps=steps, samples=samples)
        require_positive(relative_step=relative_step, delta=delta)
        self.steps, self.samples, self.relative_step, self.delta = steps, samples, relative_step, delta
        super().__init__(epsilon, steps=steps, samples=samples, relative_step=relative_step, delta=delta)

    def search_passes(self, classes: int) -> int:  # noqa: ARG002 - the same for all
        """Two for each direction of each step."""
        return 2 * self.samples * self.steps

    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:
        """The descent, by torchattacks."""
        attack = _SPSA(
            model,
            eps=self.epsilon,
            delta=self.delta,
            lr=self.relative_step * self.epsilon,
            nb_iter=self.steps,
            nb_sample=self.samples,
            max_batch_size=min(AT_ONCE, self.samples),
        )
        return attack(inputs, targets)  # type: ignore[no-any-return]


class _SPSA(torchattacks.SPSA):  # type: ignore[misc]
    """The library's, whose Adam adds 1e-8 to a gradient's length, with gradients of one length."""

    def spsa_grad(self, *arguments: Any) -> Tensor:
        """The estimate, with a largest entry of ±1 for each example."""
        gradient: Tensor = super().spsa_grad(*arguments)
        largest = gradient.abs().flatten(1).amax(1).view(-1, *[1] * (gradient.ndim - 1))
        return torch.where(largest > 0, gradient / largest, 0)
