"""The task's own loss, one value for each example."""

from jhrun.objectives.classification import CrossEntropy
from jhrun.objectives.objective import Objective

__all__ = ["CrossEntropy", "Objective"]
