"""Stochastic gradient descent."""

from typing import ClassVar

import torch

from jhrun.records.evidence import Evidence


class SGD(torch.optim.SGD):
    """b ← μb + g; w ← w − lr·b, or w − lr·(g + μb) with Nesterov's momentum.

    μ is the momentum, and g the gradient with the weight decay's λw added. Arguments and state are torch's.
    """

    evidence: ClassVar[Evidence] = Evidence(
        source="Robbins and Monro 1951; Sutskever et al. 2013, as torch has it",
        mark="read in code",
        closed_form="tests/optimizers/test_optimizers.py::test_sgd_sums_a_constant_gradient_geometrically",
        state="closed form only",
    )
