"""Adam with decoupled weight decay."""

from typing import ClassVar

import torch

from jhrun.records.evidence import Evidence


class AdamW(torch.optim.AdamW):
    """w ← (1 − lr·λ)·w for the weight decay λ, then Adam's step of the gradient alone.

    Arguments and state are torch's.
    """

    bibtex: ClassVar[str] = """@inproceedings{loshchilov2019decoupled,
  author = {Loshchilov, Ilya and Hutter, Frank},
  title = {Decoupled Weight Decay Regularization},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Loshchilov and Hutter 2017, arXiv 1711.05101, as torch has it",
        mark="read in code",
        closed_form="tests/optimizers/test_optimizers.py::test_adamw_shrinks_the_weights_beside_the_step",
        state="closed form only",
    )
