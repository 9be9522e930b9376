"""Loops over objects: they know no Hydra and no YAML."""

from jhrun.training.canary import Canaries
from jhrun.training.checkpoint import Checkpoint
from jhrun.training.follow import Follow
from jhrun.training.options import TrainOptions
from jhrun.training.trainer import Interrupted, Trainer

__all__ = [
    "Canaries",
    "Checkpoint",
    "Follow",
    "Interrupted",
    "TrainOptions",
    "Trainer",
]
