"""Data sets as tensors on the device, split and augmented there."""

from jhrun.data.dataset import Dataset
from jhrun.data.facts import facts, require_alike
from jhrun.data.pairs import collected
from jhrun.data.part import Part

__all__ = ["Dataset", "Part", "collected", "facts", "require_alike"]
