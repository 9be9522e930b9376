"""Faults that a plugin's author may make."""

from typing import ClassVar

import torch
from torch import Tensor

from jhrun.linalg import Operator
from jhrun.penalties import Forward, Jacobian, Penalty
from jhrun.terms import Pass, Term, Value


class Alone(Penalty):
    """A matrix that is none of a single example, as ``solver=auto`` asks for first."""

    frame = "outputs"

    def operator(self, forward: Forward) -> Operator:
        if len(forward.outputs) == 1:
            raise IndexError("one example is not enough")
        return Jacobian().operator(forward)


class Counting(Penalty):
    """A matrix with a memory of its own: how many steps were made."""

    frame = "outputs"

    def __init__(self) -> None:
        self.made = torch.zeros(())

    def operator(self, forward: Forward) -> Operator:
        return Jacobian().operator(forward)

    def observe(self, done: Tensor) -> None:
        self.made += done

    def state_dict(self) -> dict[str, Tensor]:
        return {"made": self.made}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.made = state["made"].clone()


class Odd(Term):
    """A term whose values have another shape than one for each example."""

    title = "odd"
    meaning: ClassVar = {"value": "Nothing."}

    def __init__(self, strength: float = 1.0) -> None:
        self.doubled = 2 * strength

    def __call__(self, step: Pass) -> Value:
        return Value(step.clean.outputs)


class Pairs(Term):
    """A mean over pairs of a batch's examples."""

    title = "pairs"
    meaning: ClassVar = {"value": "The mean squared distance between neighbours in a batch."}
    coupled = "refuse"

    def __call__(self, step: Pass) -> Value:
        outputs = step.clean.outputs
        return Value((outputs[1:] - outputs[:-1]).square().mean(1))


class Forgetful(Term):
    """A term that cannot go back to its own state, and none that can be copied."""

    title = "forgetful"
    meaning: ClassVar = {"value": "The task's loss."}

    def __init__(self, copied: bool = False) -> None:
        self.copied = copied

    def __call__(self, step: Pass) -> Value:
        return Value(step.clean.losses)

    def copies(self, model):
        return {"twin": model.twin} if self.copied else {}

    def state_dict(self):
        return {"kept": torch.ones(1)}

    def load_state_dict(self, state, device):
        self.kept = state["other"]


class Classes(Term):
    """The task's loss weighted by class, in whole repetitions."""

    title = "classes"
    meaning: ClassVar = {"value": "The weighted loss."}

    def __init__(self, weights: dict[int, float], times: "int | None" = 1) -> None:
        self.weights, self.times = weights, times

    def __call__(self, step: Pass) -> Value:
        shares = torch.tensor([self.weights.get(c, 1.0) for c in step.batch.labels.tolist()])
        return Value(sum(shares * step.clean.losses for _ in range(self.times)))
