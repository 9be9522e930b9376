"""Folders of images, a folder for each class: checked, decoded once, and kept as tensors."""

import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import PIL
import torch
from torch import Tensor

from jhrun.data.cache import kept
from jhrun.data.dataset import Dataset, split
from jhrun.data.decoding import decoded_images, say_losses, unreadable
from jhrun.data.part import Part
from jhrun.errors import DataError

_FORMAT = 2
"""Of what is kept; to be raised when the same files come to be decoded otherwise."""

_LAYOUT = "lay the images out as train/CLASS/*.png and test/CLASS/*.png, or set dataset.root"
_NOT_MEANT = {"thumbs.db", "desktop.ini"}
"""What Windows puts beside images; other systems' files begin with a dot."""


def image_folder(
    *,
    root: str,
    cache: str | None = "auto",
    mean: tuple[float, ...] = (0.4914, 0.4822, 0.4465),
    std: tuple[float, ...] = (0.2471, 0.2435, 0.2616),
    validation: float = 0.1,
    crop: int = 4,
    flip: bool = True,
    seed: int = 0,
) -> Dataset:
    """Images of one size under ``train/CLASS/`` and ``test/CLASS/``, in three channels; classes by the alphabet.

    Files lie in the class folders or in folders below them; hidden ones are left out, and what lies beside the
    class folders too. What is decoded is kept for the next call, under a hash of the files' names and content.
    Content that 8-bit RGB cannot hold (alpha, 16 bits, CMYK, colour profiles, frames, EXIF orientation) is
    dropped, with a warning for each kind.

    Args:
        root: folder that holds ``train`` and ``test``.
        cache: folder for what is decoded; ``auto`` for the user's own, None to keep nothing.
        mean: per channel, of pixels in [0, 1]; CIFAR-10's if not given.
        std: per channel, likewise.
        validation: share of the training part to choose with.
        crop: padding of the random crop, in pixels.
        flip: mirror at random.
        seed: of the validation split.

    Returns:
        The data set.

    Raises:
        DataError: a folder is missing or unreadable, or sizes or classes differ, or a file is no image.
    """
    folder = Path(root).expanduser().absolute()
    found = {part: _listed(folder / part) for part in ("train", "test")}
    classes, others = (tuple(classes_of) for classes_of in found.values())
    if classes != others:
        once = ", ".join(sorted(set(classes) ^ set(others)))
        raise DataError(
            f"train and test have different class folders ({once})", str(folder), "give both the same classes"
        )
    files = [file for part in found.values() for of_class in part.values() for file in of_class]
    pixels = _pixels(folder, files, cache)
    labels = torch.tensor(
        [label for part in found.values() for label, of_class in enumerate(part.values()) for _ in of_class]
    )
    n = sum(map(len, found["train"].values()))
    train, held_out = split(Part(pixels[:n], labels[:n]), validation, seed)
    # a copy, as split makes: from here on nothing hangs on the file that keeps the pixels
    test = Part(pixels[n:].clone(), labels[n:])
    return Dataset(classes, tuple(mean), tuple(std), train, test, held_out, crop, flip)


def _listed(folder: Path) -> dict[str, list[os.DirEntry[str]]]:
    """The files of each class, in the order of torchvision's ``ImageFolder``."""
    try:
        with os.scandir(folder) as entries:
            classes = sorted(entry.name for entry in entries if entry.is_dir() and not _hidden(entry))
        found = {
            name: sorted(_files(str(folder / name)), key=lambda entry: os.path.split(entry.path))
            for name in classes
        }
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise DataError(what, str(error.filename or folder), _LAYOUT) from error
    if not found:
        raise DataError("there are no class folders", str(folder), _LAYOUT)
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise DataError(
            f"class folder without an image: {', '.join(empty)}", str(folder), "fill it, or remove it everywhere"
        )
    return found


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _hidden(entry):
                continue
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry


def _hidden(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(".") or entry.name.lower() in _NOT_MEANT


def _pixels(root: Path, files: list[os.DirEntry[str]], cache: str | None) -> Tensor:
    """All images (N, 3, h, w), uint8, in the order of the files; kept, or as they were kept."""
    paths = [entry.path for entry in files]
    folder = None if cache is None else _cache_folder(cache)
    if folder is None:
        found = decoded_images(paths)
    else:
        path = folder / f"images-{_content(root, paths)}.safetensors"
        found = kept(path, lambda: decoded_images(paths))
    say_losses(paths, found["lost"])
    return found["pixels"]


def _content(root: Path, paths: list[str]) -> str:
    """SHA-256 of the files' names below the root, of all their bytes, and of the decoder's version."""
    # sizes and times do not tell two folders apart: a set and its corrupted copy may have the same ones
    digest = hashlib.sha256(f"format {_FORMAT}, Pillow {PIL.__version__}".encode())
    for path in paths:
        try:
            # without a buffer: the files are small, and there are many
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each costs more than reading it
                content = file.readall()
        except OSError as error:
            refusal = unreadable(path, error)
            raise refusal from error
        digest.update(b"%s\0%d\0" % (os.fsencode(path[len(str(root)) :]), len(content)))
        digest.update(content)
    return digest.hexdigest()


def _cache_folder(cache: str) -> Path | None:
    """The folder that a setting names; None, with a warning, where the user has none."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if cache != "auto":
            return Path(cache).expanduser().absolute()
        # by its specification a relative path is to be ignored
        return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "jhrun"
    except RuntimeError as error:
        warnings.warn(f"decoded images are not kept ({error}): set dataset.cache to a folder", stacklevel=4)
        return None
