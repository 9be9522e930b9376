"""The task's own loss, one value for each example."""

from jhrun.objectives.classification import CrossEntropy
from jhrun.objectives.objective import Objective
from jhrun.objectives.regression import SquaredError

__all__ = ["CrossEntropy", "Objective", "SquaredError"]
