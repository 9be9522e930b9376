"""Over a test set: what remains right under attacks, or how well values are predicted."""

from jhrun.evaluation.evaluate import Evaluation, evaluate
from jhrun.evaluation.store import load, restore, save
from jhrun.evaluation.task import measure
from jhrun.evaluation.unfinished import Unfinished

__all__ = ["Evaluation", "Unfinished", "evaluate", "load", "measure", "restore", "save"]
