"""Data sets as tensors on the device, split and augmented there."""

from jhrun.data.dataset import Dataset, Part

__all__ = ["Dataset", "Part"]
