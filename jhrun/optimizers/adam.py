"""Adam."""

from typing import ClassVar

import torch

from jhrun.records.evidence import Evidence


class Adam(torch.optim.Adam):
    """m̂ and v̂ are bias-corrected means of the gradient and of its square: w ← w − lr·m̂/(√v̂ + eps).

    Weight decay λ is added to the gradient: g + λw. Arguments and state are torch's.
    """

    bibtex: ClassVar[str] = """@inproceedings{kingma2015adam,
  author = {Kingma, Diederik P. and Ba, Jimmy},
  title = {{Adam}: A Method for Stochastic Optimization},
  booktitle = {International Conference on Learning Representations},
  year = {2015},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Kingma and Ba 2014, arXiv 1412.6980, as torch has it",
        mark="read in code",
        closed_form=(
            "tests/optimizers/test_optimizers.py::test_adam_moves_by_the_sign_of_a_constant_gradient_with_the_decay_added"
        ),
        state="closed form only",
    )
