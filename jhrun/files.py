"""Files that a crash leaves old or new, and a full disk as they were."""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where there is no space."""

CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}
"""What it says where nobody may write."""

IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
"""What it says where something else lies in a file's place, or none can."""


def encoded(content: str | bytes) -> bytes:
    """A file's bytes: text in UTF-8, and what a file name has that is not UTF-8 as an escape that JSON reads."""
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash leaves the old or the new one, whole."""
    data = encoded(content)
    with space_for(path, len(data)), aside(path) as new:
        new.write_bytes(data)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A file beside another one, which takes its place, synced, when the block ends without an exception.

    Args:
        path: of the file that is to be replaced, or made.

    Yields:
        Where to write the new one; no other process is given the same name, also not in another container.
    """
    new = _beside(path)
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(path.parent)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def write_together(files: Mapping[Path, str | bytes]) -> None:
    """Write files that belong together: all aside, and only then each in its place.

    Args:
        files: the content of each.
    """
    made: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            data = encoded(content)
            made[path] = _beside(path)
            with space_for(path, len(data)), made[path].open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for path, new in made.items():
            new.replace(path)
    finally:
        for new in made.values():
            new.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        sync_folder(folder)


@contextmanager
def none_left_empty(path: Path) -> Iterator[None]:
    """Folders that are made in the block, a folder and those that it lies in, are removed at its end if empty.

    Args:
        path: of the innermost one.

    Yields:
        Nothing.
    """
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def usual_mode(path: Path) -> Iterator[None]:
    """A file that a library writes in the block may be read by whom the umask lets, as any other file of ours.

    Args:
        path: of the file, which is there, empty, when the block begins.

    Yields:
        Nothing.
    """
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    yield
    path.chmod(mode)


@contextmanager
def space_for(path: Path, size: int) -> Iterator[None]:
    """Where space runs out in the block, it is said for what, and how much was needed.

    Args:
        path: of what is written.
        size: in bytes.

    Yields:
        Nothing.

    Raises:
        OSError: that of the block; of a full disk with the path and the bytes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, f"{os.strerror(error.errno)} for {size:,} bytes", str(path)) from error


def sync_folder(path: Path) -> None:
    """Bring a folder's own entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
