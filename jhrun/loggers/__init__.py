"""Who else is told of a run's records while it runs: nobody, or a tool in which people compare runs."""

from jhrun.loggers.logger import Logger
from jhrun.loggers.tensorboard import TensorBoard

__all__ = ["Logger", "TensorBoard"]
