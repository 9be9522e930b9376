"""Arguments that follow a schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch.optim import Optimizer

from jhrun.schedules import Schedule


@dataclass(frozen=True)
class Follow:
    """An argument of an object that takes a new value at each step; a whole number, at the beginning of epochs.

    Attributes:
        owner: the object, which keeps the argument under its name; an optimizer perhaps in its parameter groups.
        name: of the argument.
        course: its value, by epoch with fractions.
        whole: whether it is a whole number: the nearest one is taken.
    """

    owner: object
    name: str
    course: Schedule
    whole: bool = False

    def at(self, epoch: float) -> None:
        """Set the value of a moment."""
        value: float = round(self.course(math.floor(epoch))) if self.whole else self.course(epoch)
        if isinstance(self.owner, Optimizer) and self.name in self.owner.defaults:
            for group in self.owner.param_groups:
                group[self.name] = value
        else:
            setattr(self.owner, self.name, value)


def follow(all_: Sequence[Follow], epoch: float) -> None:
    """Set all values of a moment."""
    for one in all_:
        one.at(epoch)
