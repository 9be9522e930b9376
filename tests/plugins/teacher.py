"""An averaged teacher as a plugin (A. Tarvainen and H. Valpola, arXiv 1703.01780)."""

import copy
from typing import ClassVar

import torch
from torch import Tensor, nn

from jhrun.terms import Pass, Term, Value


class MeanTeacher(Term):
    """‖softmax f(x) − softmax f̄(x)‖², f̄ an exponential average of f."""

    title = "mean teacher"
    meaning: ClassVar = {"value": "The mean squared distance from the answers of the averaged teacher."}

    def __init__(self, decay: float = 0.9) -> None:
        self.decay = decay

    def copies(self, model: nn.Module) -> dict[str, nn.Module]:
        return {"teacher": copy.deepcopy(model).requires_grad_(False)}

    def __call__(self, step: Pass) -> Value:
        with torch.no_grad():
            wanted = step.copies["teacher"](step.batch.inputs).softmax(1)
        return Value((step.clean.outputs.softmax(1) - wanted).square().sum(1))

    @torch.no_grad()
    def observe(self, step: Pass, done: Tensor) -> dict[str, Tensor]:
        pairs = zip(step.copies["teacher"].parameters(), step.model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.copy_(torch.where(done, self.decay * mean + (1 - self.decay) * weight, mean))
        return {}
