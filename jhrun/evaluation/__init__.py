"""Attacks over a test set: what remains right."""

from jhrun.evaluation.evaluate import Evaluation, evaluate
from jhrun.evaluation.store import load, save

__all__ = ["Evaluation", "evaluate", "load", "save"]
