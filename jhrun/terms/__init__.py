"""The parts that a training loss is the weighted sum of: the task, penalties, and other people's methods."""

from jhrun.terms.spectral import Spectral
from jhrun.terms.step import Draws, Pass, Setting
from jhrun.terms.task import Task
from jhrun.terms.term import Look, Term, Value
from jhrun.terms.weighted import OBJECTIVE, REGULARIZER, Weighted, added, convex, penalised

__all__ = [
    "OBJECTIVE",
    "REGULARIZER",
    "Draws",
    "Look",
    "Pass",
    "Setting",
    "Spectral",
    "Task",
    "Term",
    "Value",
    "Weighted",
    "added",
    "convex",
    "penalised",
]
