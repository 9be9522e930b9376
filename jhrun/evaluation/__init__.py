"""Over a test set: what remains right under attacks, or how well values are predicted."""

from jhrun.evaluation.evaluate import Evaluation, evaluate
from jhrun.evaluation.store import load, save, save_task
from jhrun.evaluation.task import measure

__all__ = ["Evaluation", "evaluate", "load", "measure", "save", "save_task"]
