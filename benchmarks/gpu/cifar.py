"""CIFAR-10 on a machine without a network: one archive of image files, decoded once for all parts of a call."""

import lzma
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

from jhrun.data import Dataset
from jhrun.data.image_folder import image_folder

ARCHIVE = "cifar10.tar.xz"
TEST = 100
"""Test images of each class that travel: 1,000 in all are attacked."""


def pack(source: Path, target: Path, test: int = TEST) -> None:
    """Write the archive: all training images and the first test images of each class.

    Args:
        source: a folder with ``train/CLASS/`` and ``test/CLASS/``, or a ``.tar.xz`` of one.
        target: the archive to be written.
        test: images of each class.

    Raises:
        FileNotFoundError: there is nothing of this kind.
    """
    left: Counter[str] = Counter()

    def wanted(name: str) -> bool:
        parts = PurePosixPath(name).parts
        left[parts[-2]] += parts[-3] == "test"
        return parts[-3] == "train" or left[parts[-2]] <= test

    with lzma.open(target, "wb", preset=6) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        if source.is_dir():
            files = sorted(f for part in ("train", "test") for f in (source / part).glob("*/*") if f.is_file())
            if not files:
                raise FileNotFoundError(f"{source} has no train/CLASS/ and test/CLASS/ with images")
            for file in files:
                if wanted(file.as_posix()):
                    archive.add(file, file.relative_to(source).as_posix())
            return
        with tarfile.open(source) as old:
            for member in sorted((m for m in old if m.isfile()), key=lambda m: m.name):
                if wanted(member.name):
                    member.name = "/".join(PurePosixPath(member.name).parts[-3:])
                    archive.addfile(member, old.extractfile(member))


def load(data: Path, work: Path) -> Dataset:
    """The data set of an archive, without a validation part: the paper trained on all 50,000.

    Args:
        data: folder that holds the archive.
        work: folder where it is unpacked, once for all parts of a call.

    Returns:
        The data set, on the CPU.
    """
    folder = work / "cifar10"
    if not folder.exists():
        aside = work / "cifar10.new"
        # the archive is ours; Python 3.11.4 was the first to have filters
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(data / ARCHIVE) as archive:
            archive.extractall(aside, **safely)
        aside.rename(folder)
    return image_folder(root=str(folder), cache=str(work / "cache"), validation=0.0)
