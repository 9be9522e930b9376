"""Records on disk: JSON, and lines of it, with checksums that say whether they are whole."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from jhrun.errors import RunError
from jhrun.files import FULL, encoded, space_for, write_aside

T = TypeVar("T")

DAMAGED = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What a record raises whose shape is not what it should be."""

CHECKSUM = "checksum"
"""The key of a record's own checksum."""


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record as a line of JSON, on disk when this returns, or not at all; not-a-number is refused."""
    line = encoded(as_line(record))
    with space_for(path, len(line)), path.open("ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += file.write(line[written:])
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), before)
            raise


def as_line(record: Mapping[str, Any]) -> str:
    """A record as a line of JSON with its checksum."""
    return json.dumps(stamped(record), allow_nan=False) + "\n"


def write_json(path: Path, record: Mapping[str, Any], *, or_over: bool = False) -> None:
    """Write a record as indented JSON with its checksum, in one go; not-a-number is refused.

    Args:
        path: of the file.
        record: what JSON can say.
        or_over: where the disk is full, write over the old file, whose place is there already.

    Raises:
        OSError: it cannot be written.
    """
    text = as_json(record)
    try:
        write_aside(path, text)
    except OSError as error:
        if not (or_over and error.errno in FULL and path.is_file()):
            raise
        with path.open("r+b") as file:
            file.write(encoded(text))
            file.truncate()


def as_json(record: Mapping[str, Any]) -> str:
    """A record as indented JSON with its checksum."""
    return json.dumps(stamped(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def stamped(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its checksum, which a change of any value breaks and another layout of the JSON does not.

    Args:
        record: what JSON can say.

    Returns:
        The record, and under ``checksum`` the first 64 bits, in hexadecimal, of the SHA-256 of the record's JSON
        with sorted keys.

    Example:
        >>> stamped({"loss": 0.5})
        {'loss': 0.5, 'checksum': '96cee10d92496ca0'}
    """
    plain = json.loads(json.dumps(record, allow_nan=False))
    return {**plain, CHECKSUM: _checksum(plain)}


def unstamped(record: Any, path: Path) -> dict[str, Any]:
    """A record without its checksum, which must be right.

    Args:
        record: as JSON was read.
        path: of its file, for the message.

    Returns:
        The record.

    Raises:
        RunError: it is no object, or was changed.
    """
    if not isinstance(record, dict):
        raise RunError("holds no JSON object", str(path), "the run is damaged")
    found = record.pop(CHECKSUM, None)
    expected = _checksum(record)
    if found != expected:
        raise RunError(f"its checksum is {found} instead of {expected}", str(path), "it was damaged or changed")
    return record


def read_json(path: Path) -> dict[str, Any]:
    """Read a record.

    Args:
        path: of a JSON file that holds an object with its checksum.

    Returns:
        The object, without it.

    Raises:
        RunError: the file is missing, is not one, or was changed.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"cannot be read as JSON ({error})", str(path), "the run is damaged or not finished"
        ) from error
    return unstamped(record, path)


def read_lines(path: Path, order: Sequence[str] = ("epoch",)) -> Iterator[dict[str, Any]]:
    """The records of a file of lines; none if it is not there yet.

    Args:
        path: of the file.
        order: keys by which the lines are in order, none twice.

    Yields:
        One record a line; a last line that was cut off by a crash is left out.

    Raises:
        RunError: a line is not JSON, was changed, or is out of order.
    """
    last: tuple[Any, ...] = ()
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                record = unstamped(json.loads(line), path)
                place = tuple(record[key] for key in order)
                if not place > last:
                    named = ", ".join(f"{key} {value}" for key, value in zip(order, place, strict=True))
                    what = f"the line of {named} is there twice, or in another's place"
                    raise RunError(what, str(path), "the run is damaged")
                last = place
                yield record
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise RunError(
            f"holds a line that is not a record ({error!r})", str(path), "the run is damaged"
        ) from error


def as_plain(record: Any) -> Any:
    """A record, any nesting of dataclasses, as JSON can say it."""
    return msgspec.to_builtins(record)


def typed(plain: Any, kind: type[T], path: Path) -> T:
    """A record of plain values as its dataclass.

    Args:
        plain: as JSON gave it; keys that the dataclass lacks are passed over.
        kind: the dataclass.
        path: of the file, for the message.

    Returns:
        The record.

    Raises:
        RunError: a field is missing, or is of another type.
    """
    try:
        return msgspec.convert(plain, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        what = f"is no record of its kind ({error})"
        raise RunError(what, str(path), "the run is damaged, or was made by another version of jhrun") from error


def read_record(path: Path, kind: type[T]) -> T:
    """Read a file of JSON as its dataclass.

    Args:
        path: of the file, which holds an object with its checksum.
        kind: the dataclass.

    Returns:
        The record.

    Raises:
        RunError: the file is missing, was changed, or holds another kind of record.
    """
    return typed(read_json(path), kind, path)


def _checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
