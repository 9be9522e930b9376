"""What a machine without a network needs: wheels of pure Python packages, images, the state of earlier calls."""

import re
import shutil
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from gpu import cifar

WANTED = ("jhrun", "pytest", "hypothesis")
THERE = ("torch", "torchvision")
"""On the machine already, with all that they need."""


class TooLargeError(Exception):
    """What is to be packed is above the limit."""


def closure(names: Iterable[str]) -> set[str]:
    """Installed packages that some packages need, they themselves among them; extras are left out."""
    found: set[str] = set()
    todo = [_plain(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            # of another system or Python version
            continue
        found.add(name)
        todo += [_plain(re.split(r"[^\w.-]", need, maxsplit=1)[0]) for need in needs if "extra ==" not in need]
    return found


def wheels(folder: Path) -> list[str]:
    """Write the pure Python packages that jhrun and its tests need, from those that are installed here.

    Args:
        folder: for the wheels.

    Returns:
        Names of the needed packages that are not pure Python, and so have to be on the machine.
    """
    folder.mkdir(parents=True)
    elsewhere = []
    for name in sorted(closure(WANTED) - closure(THERE) - {"jhrun"}):
        distribution = metadata.distribution(name)
        if "Root-Is-Purelib: true" not in (distribution.read_text("WHEEL") or ""):
            elsewhere.append(name)
            continue
        with zipfile.ZipFile(
            folder / f"{name.replace('-', '_')}-{distribution.version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED
        ) as wheel:
            for file in distribution.files or ():
                # scripts lie beside the packages, and compiled files are of this Python
                if ".." not in file.parts and "__pycache__" not in file.parts:
                    wheel.write(str(distribution.locate_file(file)), file.as_posix())
    return elsewhere


def unpack(folder: Path, target: Path) -> Path | None:
    """Unpack the wheels of a folder, to be put on ``PYTHONPATH``; None where there are none."""
    found = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return target if found else None


def pack(target: Path, limit: int, images: Path | None, state: Path | None) -> list[str]:
    """Write everything into a new folder.

    Args:
        target: the folder; it must not exist.
        limit: bytes of all.
        images: where CIFAR-10 lies; None for none.
        state: folder with the state of an earlier call; None without one.

    Returns:
        What is to be told, in lines.

    Raises:
        FileExistsError: the folder exists.
        TooLargeError: it would be above the limit; the folder is removed again.
    """
    target.mkdir(parents=True)
    try:
        elsewhere = wheels(target / "wheels")
        (target / "data").mkdir()
        if images is not None:
            cifar.pack(images, target / "data" / cifar.ARCHIVE)
        (target / "state").mkdir()
        for file in sorted(state.glob("*.bin")) if state else ():
            shutil.copy2(file, target / "state")
        sizes = {part.name: sum(f.stat().st_size for f in part.iterdir()) for part in target.iterdir()}
        told = [f"{name}: {size / 2**20:.1f} MiB" for name, size in sorted(sizes.items())]
        if sum(sizes.values()) > limit:
            raise TooLargeError(f"{', '.join(told)}: above the limit of {limit / 2**20:.0f} MiB")
    except BaseException:
        shutil.rmtree(target)
        raise
    python = f"Python {sys.version_info.major}.{sys.version_info.minor} or newer"
    told.append(f"has to be on the machine: {python}, with {', '.join([*THERE, *elsewhere])}")
    return told


def _plain(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
