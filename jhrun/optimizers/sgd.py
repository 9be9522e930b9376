"""Stochastic gradient descent."""

from typing import ClassVar

import torch

from jhrun.records.evidence import Evidence


class SGD(torch.optim.SGD):
    """b ← μb + g; w ← w − lr·b, or w − lr·(g + μb) with Nesterov's momentum.

    μ is the momentum, and g the gradient with the weight decay's λw added. Arguments and state are torch's.
    """

    bibtex: ClassVar[str] = """@article{robbins1951stochastic,
  author = {Robbins, Herbert and Monro, Sutton},
  title = {A Stochastic Approximation Method},
  journal = {The Annals of Mathematical Statistics},
  volume = {22},
  number = {3},
  year = {1951},
}
@inproceedings{sutskever2013importance,
  author = {Sutskever, Ilya and Martens, James and Dahl, George and Hinton, Geoffrey},
  title = {On the Importance of Initialization and Momentum in Deep Learning},
  booktitle = {International Conference on Machine Learning},
  year = {2013},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Robbins and Monro 1951; Sutskever et al. 2013, as torch has it",
        mark="read in code",
        closed_form="tests/optimizers/test_optimizers.py::test_sgd_sums_a_constant_gradient_geometrically",
        state="closed form only",
    )
