"""Two examples before training begins: what would fail later, or silently lie, is named now."""

from jhrun.penalties.preflight.examine import Fault, examine
from jhrun.penalties.preflight.examples import kinked_layers, preflight

__all__ = ["Fault", "examine", "kinked_layers", "preflight"]
