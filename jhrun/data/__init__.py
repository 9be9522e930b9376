"""Data sets as tensors on the device, split and augmented there."""

from jhrun.data.dataset import Dataset, Part
from jhrun.data.facts import facts, require_alike

__all__ = ["Dataset", "Part", "facts", "require_alike"]
