"""A data set's files against their checksums, before torchvision reads, fetches or unpacks anything."""

import fcntl
import hashlib
import os
import shlex
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import torchvision.datasets as tv

from jhrun.errors import DataError, UnsafeError
from jhrun.files import none_left_empty

__all__: list[str] = []

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of the unpacked files, of which torchvision asks only whether they are there."""


class File(NamedTuple):
    """A file and what it should be.

    Attributes:
        path: where it lies, or will lie.
        algorithm: of the checksum, as hashlib calls it.
        checksum: in hexadecimal digits.
    """

    path: Path
    algorithm: str
    checksum: str

    def found(self) -> str:
        """The checksum that it has."""
        with self.path.open("rb") as file:
            # MD5 is what the publishers gave, against damage and not against malice
            return hashlib.file_digest(
                file, lambda: hashlib.new(self.algorithm, usedforsecurity=False)
            ).hexdigest()


def ensure(source: Any, root: Path, *, download: bool) -> None:
    """Look at the files that are there, and fetch those that are missing, one process at a time.

    Args:
        source: torchvision's class of the data set.
        root: folder that holds it or will hold it.
        download: whether anything may be fetched.

    Raises:
        DataError: a file is not what it should be. It is left as it is, and nothing is fetched in its place.
        UnsafeError: an archive's member would leave the folder.
    """
    (first, *_), _ = _files(source, root)
    with none_left_empty(first.path.parent), _alone(root) if download else nullcontext():
        missing = _missing(source, root)
        if missing and download:
            with _nothing_half_done(missing):
                _fetch(source, root)


def _missing(source: Any, root: Path) -> list[File]:
    """The files that are not there; of the archives, which only then are looked at, too."""
    files, packed = _files(source, root)
    if not all(file.path.exists() for file in files):
        files += packed
    for file in files:
        if file.path.exists() and (found := file.found()) != file.checksum:
            here, aside = shlex.quote(str(file.path)), shlex.quote(f"{file.path}.old")
            raise DataError(
                f"damaged, half fetched or foreign: {file.algorithm} expected {file.checksum}, found {found}",
                str(file.path),
                f"move it aside, and the next call with dataset.download=true fetches it anew: mv {here} {aside}",
            )
    return [file for file in files if not file.path.exists()]


def _fetch(source: Any, root: Path) -> None:
    if issubclass(source, tv.MNIST):
        source(str(root), download=True)
        return
    with _members_held_in(root / source.filename):
        # as its constructor does, which takes no notice of a missing file of class names
        tv.utils.download_and_extract_archive(source.url, str(root), filename=source.filename, md5=source.tgz_md5)


def _files(source: Any, root: Path) -> tuple[list[File], list[File]]:
    """A data set's own files, and the archives that they come in."""
    if issubclass(source, tv.MNIST):
        raw = root / source.__name__ / "raw"
        unpacked = [File(raw / name, "sha256", checksum) for name, checksum in MNIST_SHA256.items()]
        return unpacked, [File(raw / name, "md5", md5) for name, md5 in source.resources]
    listed = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    unpacked = [File(root / source.base_folder / name, "md5", md5) for name, md5 in listed]
    return unpacked, [File(root / source.filename, "md5", source.tgz_md5)]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Other processes that want the same wait for us, and find it done."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        # some network file systems lock no folders
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _nothing_half_done(missing: Sequence[File]) -> Iterator[None]:
    """Of files that were not there, those that are not whole when the work fails are removed."""
    try:
        yield
    except BaseException as error:
        told = []
        for file in missing:
            if file.path.is_file() and (found := file.found()) != file.checksum:
                told.append(f"{file.path.name}: {file.algorithm} expected {file.checksum}, found {found}")
                file.path.unlink()
        if told and isinstance(error, RuntimeError):
            # torchvision's, which says of such a file that it is corrupted
            raise RuntimeError(f"{error} {'; '.join(told)}") from error
        raise


class _LeavesError(tarfile.TarError):
    """A member of an archive that would leave its folder, or is no file of its own."""


def _extract(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: Any = "", set_attrs: bool = True, **options: Any
) -> None:
    """``TarFile.extract`` for a member that stays in its folder."""
    root = Path(path).resolve()
    if not (member.isfile() or member.isdir()) or not (root / member.name).resolve().is_relative_to(root):
        raise _LeavesError(f"{member.name!r} is no file or folder in '{path}'")
    _EXTRACT(archive, member, path, set_attrs, **options)


_EXTRACT = tarfile.TarFile.extract

_STRICT: Any
_LEAVES: type[Exception]
if hasattr(tarfile, "data_filter"):
    _NAME, _STRICT, _LEAVES = "extraction_filter", staticmethod(tarfile.data_filter), tarfile.FilterError
else:
    # before Python 3.11.4 there is no filter: an archive may hold nothing but files and folders of its own
    _NAME, _STRICT, _LEAVES = "extract", _extract, _LeavesError


@contextmanager
def _members_held_in(archive: Path) -> Iterator[None]:
    """Archives are unpacked by tarfile's strict filter, which some versions of torchvision do not ask for.

    Raises:
        UnsafeError: a member would leave its folder.
    """
    before = vars(tarfile.TarFile)[_NAME]
    setattr(tarfile.TarFile, _NAME, _STRICT)
    try:
        yield
    except _LEAVES as error:
        raise UnsafeError(
            f"a member of the archive would leave its folder ({error})",
            str(archive),
            "do not unpack it: move it away",
        ) from error
    finally:
        setattr(tarfile.TarFile, _NAME, before)
