"""Loops over objects: they know no Hydra and no YAML."""

from jhrun.training.averages import Averages
from jhrun.training.canary import Canaries
from jhrun.training.checkpoint import Checkpoint
from jhrun.training.follow import Follow
from jhrun.training.options import TrainOptions
from jhrun.training.trainer import Interrupted, Trainer

__all__ = [
    "Averages",
    "Canaries",
    "Checkpoint",
    "Follow",
    "Interrupted",
    "TrainOptions",
    "Trainer",
]
