"""Self-distillation as a plugin: targets mixed with the last epoch's answers (K. Kim et al., arXiv 2006.12000)."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from jhrun.linalg import Memory
from jhrun.objectives import CrossEntropy
from jhrun.terms import Pass, Term, Value


class SelfDistillation(Term):
    """Cross-entropy against (1 − α)·y + α·p, p the example's softmax at its last visit."""

    title = "self-distillation"
    meaning: ClassVar = {
        "value": "The mean cross-entropy against the mixed targets.",
        "remembered": "The share of examples whose last answer was known.",
    }
    loss = CrossEntropy()

    def __init__(self, alpha: float = 0.8, dtype: str = "float32") -> None:
        self.alpha, self.dtype = alpha, dtype
        self.memory: Memory | None = None

    def __call__(self, step: Pass) -> Value:
        if self.memory is None:
            self.memory = Memory(step.setting.examples, self.dtype)
        outputs = step.clean.outputs
        known, there = self.memory.read(step.batch.index, like=outputs.detach())
        hard = F.one_hot(step.batch.labels, outputs.shape[1]).to(outputs)
        share = self.alpha * there[:, None]
        mixed = (1 - share) * hard + share * known
        step.notes[self] = outputs.detach().softmax(1)
        return Value(-(mixed * F.log_softmax(outputs, 1)).sum(1), {"remembered": there.float()})

    def observe(self, step: Pass, done: Tensor) -> dict[str, Tensor]:
        answers = step.notes.pop(self)
        self.memory.write(step.batch.index, answers, where=done.expand(len(answers)))
        return {}

    def state_dict(self):
        return {} if self.memory is None else self.memory.state_dict()

    def load_state_dict(self, state, device):
        self.memory = Memory(len(state["known"]), self.dtype)
        self.memory.load_state_dict(state, device)
