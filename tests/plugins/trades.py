"""TRADES as a plugin: KL between the outputs at x and at the worst point near it (arXiv 1901.08573)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from jhrun.attacks.ascend import ascend
from jhrun.attacks.balls import Ball
from jhrun.terms import Pass, Term, Value


class Trades(Term):
    """KL(f(x) ‖ f(x')), x' found by projected ascent on it."""

    title = "TRADES"
    bibtex: ClassVar = """@inproceedings{zhang2019theoretically,
  author = {Zhang, Hongyang and Yu, Yaodong and Jiao, Jiantao and Xing, Eric P. and El Ghaoui, Laurent and
    Jordan, Michael I.},
  title = {Theoretically Principled Trade-off between Robustness and Accuracy},
  booktitle = {International Conference on Machine Learning},
  year = {2019},
}"""
    meaning: ClassVar = {
        "value": "The mean KL divergence between the outputs at an image and at its adversarial twin.",
        "robust": "The share of training images that are right at the adversarial twin.",
    }

    def __init__(self, epsilon: float, steps: int = 2) -> None:
        self.epsilon, self.steps = epsilon, steps

    def __call__(self, step: Pass) -> Value:
        clean = step.clean.outputs
        worst = ascend(
            lambda x: divergence(clean.detach(), step.model(x)),
            step.batch.inputs,
            Ball("inf", self.epsilon),
            self.steps,
            self.epsilon / 2,
            model=step.model,
            generator=step.generator("trades"),
            start="gauss",
        )
        outputs = step.model(worst)
        right = outputs.detach().argmax(1) == step.batch.labels
        return Value(divergence(clean, outputs), {"robust": right})


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """KL(softmax(one) ‖ softmax(other)) of each row."""
    p, q = F.log_softmax(one, 1), F.log_softmax(other, 1)
    return torch.sum(p.exp() * (p - q), 1)
