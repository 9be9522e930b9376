"""Loops over objects: they know no Hydra and no YAML."""

from jhrun.training.canary import Canaries
from jhrun.training.checkpoint import Checkpoint
from jhrun.training.options import Regularizer, TrainOptions
from jhrun.training.schedules import Schedule, first_epochs, schedule
from jhrun.training.trainer import Interrupted, Trainer

__all__ = [
    "Canaries",
    "Checkpoint",
    "Interrupted",
    "Regularizer",
    "Schedule",
    "TrainOptions",
    "Trainer",
    "first_epochs",
    "schedule",
]
