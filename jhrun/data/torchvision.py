"""MNIST, CIFAR-10 and CIFAR-100 through torchvision."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torchvision.datasets as tv
from torch import Tensor

from jhrun.data.dataset import Dataset, split
from jhrun.data.image_folder import image_folder
from jhrun.data.integrity import ensure
from jhrun.data.part import Part
from jhrun.errors import DataError, JhrunError
from jhrun.records.evidence import called

# image_folder was here: stored runs name it so
__all__ = ["cifar10", "cifar100", "image_folder", "mnist"]

_CIFAR = """@techreport{krizhevsky2009learning,
  author = {Krizhevsky, Alex},
  title = {Learning Multiple Layers of Features from Tiny Images},
  institution = {University of Toronto},
  year = {2009},
}"""

_SILENCE = 8.0
"""Seconds without a byte after which a server counts as unreachable; torchvision tries two mirrors at most."""


@called(
    "MNIST",
    r"""@article{lecun1998gradient,
  author = {LeCun, Yann and Bottou, L{\'e}on and Bengio, Yoshua and Haffner, Patrick},
  title = {Gradient-Based Learning Applied to Document Recognition},
  journal = {Proceedings of the IEEE},
  volume = {86},
  number = {11},
  year = {1998},
}""",
)
def mnist(
    *,
    root: str,
    download: bool = True,
    validation: float = 0.1,
    crop: int = 0,
    flip: bool = False,
    seed: int = 0,
) -> Dataset:
    """MNIST: 60,000 + 10,000 handwritten digits, 1×28×28.

    Args:
        root: folder that holds ``MNIST/raw``.
        download: fetch what is missing.
        validation: share of the training part to choose with.
        crop: padding of the random crop, in pixels.
        flip: mirror at random.
        seed: of the validation split.

    Returns:
        The data set.
    """
    return _load(tv.MNIST, root, download, validation, crop, flip, seed, (0.1307,), (0.3081,))


@called("CIFAR-10", _CIFAR)
def cifar10(
    *,
    root: str,
    download: bool = True,
    validation: float = 0.1,
    crop: int = 4,
    flip: bool = True,
    seed: int = 0,
) -> Dataset:
    """CIFAR-10: 50,000 + 10,000 colour images, 3×32×32, 10 classes.

    Args:
        root: folder that holds ``cifar-10-batches-py``.
        download: fetch what is missing.
        validation: share of the training part to choose with.
        crop: padding of the random crop, in pixels.
        flip: mirror at random.
        seed: of the validation split.

    Returns:
        The data set.
    """
    mean, std = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
    return _load(tv.CIFAR10, root, download, validation, crop, flip, seed, mean, std)


@called("CIFAR-100", _CIFAR)
def cifar100(
    *,
    root: str,
    download: bool = True,
    validation: float = 0.1,
    crop: int = 4,
    flip: bool = True,
    seed: int = 0,
) -> Dataset:
    """CIFAR-100: 50,000 + 10,000 colour images, 3×32×32, 100 classes.

    Args:
        root: folder that holds ``cifar-100-python``.
        download: fetch what is missing.
        validation: share of the training part to choose with.
        crop: padding of the random crop, in pixels.
        flip: mirror at random.
        seed: of the validation split.

    Returns:
        The data set.
    """
    mean, std = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
    return _load(tv.CIFAR100, root, download, validation, crop, flip, seed, mean, std)


def _load(
    source: Any,
    root: str,
    download: bool,
    validation: float,
    crop: int,
    flip: bool,
    seed: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Dataset:
    root = str(Path(root).expanduser().absolute())
    try:
        # before anything is read: what is wrong is never fetched over
        with _impatient():
            ensure(source, Path(root), download=download)
        stored = [source(root, train=train) for train in (True, False)]
        train, test = (_part(part.data, part.targets) for part in stored)
    except (MemoryError, JhrunError):
        raise
    except Exception as error:
        # on files that are something else, torchvision fails in every way there is
        fetch = f"torchvision.datasets.{source.__name__}({root!r}, download=True)"
        raise DataError(
            f"{source.__name__} is not there whole and could not be fetched ({error})",
            f"folder {root}",
            f'where there is a network, this fetches it: python -c "import torchvision; {fetch}"; '
            "or point dataset.root at a folder that has it",
        ) from error
    train, held_out = split(train, validation, seed)
    return Dataset(tuple(stored[0].classes), mean, std, train, test, held_out, crop, flip)


def _part(pixels: Any, targets: Any) -> Part:
    """From (N, h, w) or (N, h, w, ch) to (N, ch, h, w)."""
    images: Tensor = torch.as_tensor(pixels)
    images = images[:, None] if images.ndim == 3 else images.movedim(-1, 1).contiguous()
    return Part(images, torch.as_tensor(targets, dtype=torch.int64))


@contextmanager
def _impatient() -> Iterator[None]:
    """Give connections that say nothing up, which torchvision waits for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
