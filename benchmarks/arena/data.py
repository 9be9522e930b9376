"""The data of comparisons: drawn once, the same for all methods, budgets and seeds."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jhrun import seeds
from jhrun.data import Dataset, Part
from jhrun.data.torchvision import mnist


@dataclass(frozen=True)
class Source:
    """Where the images come from, how many are taken, and at which radii the methods are compared.

    Attributes:
        load: from a folder to the whole data set.
        train: images to train on.
        tune: images for all that a method may look at while it trains, such as an epoch to stop at.
        select: images that choose a method's setting.
        test: images that are reported on, and never chosen with.
        epsilons: radii, in ℓ∞ and pixels of [0, 1].
        selected_at: the radius at which settings are chosen.
        floor: the clean accuracy that a setting must reach to be chosen.
    """

    load: Callable[[str], Dataset]
    train: int
    tune: int
    select: int
    test: int
    epsilons: tuple[float, ...]
    selected_at: float
    floor: float


@dataclass(frozen=True)
class Parts:
    """A data set, cut.

    Attributes:
        dataset: with the training part alone.
        tune: for looks during training. No method of today takes one.
        select: chooses settings.
        test: is reported on.
    """

    dataset: Dataset
    tune: Part
    select: Part
    test: Part


def _mnist(root: str) -> Dataset:
    return mnist(root=root, download=False, validation=0)


SOURCES = {
    "mnist-10k": Source(_mnist, 10_000, 1_000, 1_000, 1_000, (0.1, 0.2, 0.3), selected_at=0.2, floor=0.95),
}


def cut(source: Source, whole: Dataset) -> Parts:
    """Draw the parts, by a seed that never changes.

    Args:
        source: how many of each.
        whole: all images.

    Returns:
        The parts: of the training images all but the last.

    Raises:
        ValueError: there are too few images.
    """
    order = _drawn("train", len(whole.train), source.train + source.tune + source.select)
    train, tune, select = order.split([source.train, source.tune, source.select])
    test = _drawn("test", len(whole.test), source.test)
    dataset = Dataset(whole.classes, whole.mean, whole.std, whole.train[train], whole.test[test])
    return Parts(dataset, whole.train[tune], whole.train[select], dataset.test)


def _drawn(name: str, among: int, count: int) -> Tensor:
    """So many positions, without repetition."""
    if count > among:
        raise ValueError(f"{count} {name} images are wanted, and there are {among}")
    return torch.randperm(among, generator=seeds.generator("cpu", 0, "arena", name))[:count]
