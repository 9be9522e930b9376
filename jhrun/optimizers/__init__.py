"""The optimizers, one file each: torch's own, so that ``optimizer.lr`` can be set anew at every step."""

from jhrun.optimizers.adam import Adam
from jhrun.optimizers.adamw import AdamW
from jhrun.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW"]
