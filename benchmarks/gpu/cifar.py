"""CIFAR-10 for a machine without a network: one archive of image files."""

import lzma
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

ARCHIVE = "cifar10.tar.xz"
TEST = 100
"""Test images of each class that travel: 1,000 in all are attacked."""


def unpack(archive: Path, target: Path) -> None:
    """Unpack the archive into a folder, unless the folder is there.

    Args:
        archive: written by ``pack``.
        target: the folder, with ``train`` and ``test``.
    """
    if target.exists():
        return
    aside = target.with_name(f"{target.name}.new")
    # the archive is ours; Python 3.11.4 was the first to have filters
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as packed:
        packed.extractall(aside, **safely)
    aside.rename(target)


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
