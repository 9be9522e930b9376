"""The task's own loss as a term."""

from typing import ClassVar

from jhrun.terms.step import Pass
from jhrun.terms.term import Term, Value


class Task(Term):
    """The objective's loss of each example, at the clean inputs."""

    title = "task loss"
    meaning: ClassVar = {"value": "The mean of the task's loss over the epoch's training batches, as they came."}

    plain = True

    def confirmed(self) -> dict[str, str]:
        """Nothing: the loss is the objective's own."""
        return {}

    def __call__(self, step: Pass) -> Value:
        """The losses of the batch's clean forward pass."""
        return Value(step.clean.losses)
