"""Standard output and standard error: whatever becomes of them, the work goes on."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

_SPELLED = {
    "ε": "eps",
    "σ": "sigma",
    "Σ": "sum",
    "∞": "inf",
    "ℓ": "l",
    "‖": "||",
    "ᵀ": "^T",
    "²": "^2",
    "·": "*",
    "×": "x",
    "±": "+/-",
    "−": "-",
    "–": "-",
    "─": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
}
"""How a letter is written where the encoding has no place for it; any other one is a question mark."""


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """For one letter that cannot be encoded: another spelling, or the byte that a file's name has there."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, after = error.object[error.start], error.start + 1
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00]), after
    return _SPELLED.get(letter, "?"), after


codecs.register_error("jhrun", _spell)


class _Lasting:
    """A stream that may be closed, full, without a reader or without a letter, and never raises for it.

    Args:
        stream: to write to.
        other: where to tell, once, that the stream is lost; nothing is told of a reader who has seen enough.
    """

    def __init__(self, stream: TextIO, other: "_Lasting | None") -> None:
        self._stream, self._other = stream, other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Let the rest vanish, also that which the interpreter writes out at its end."""
        with suppress(OSError, ValueError):
            if self._stream in {sys.__stdout__, sys.__stderr__}:
                with Path(os.devnull).open("wb") as nowhere:
                    os.dup2(nowhere.fileno(), self._stream.fileno())
                self._stream.flush()
        other, self._other = self._other, None
        if other is not None and isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            name = getattr(self._stream, "name", "a stream")
            other.write(f"warning: {name} cannot be written ({error.strerror or error}); the work goes on\n")


def room() -> int | None:
    """How many letters a line of standard output has room for; None where it is no terminal."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return None


@contextmanager
def lasting_output() -> Iterator[None]:
    """Inside, ``sys.stdout`` and ``sys.stderr`` are there and raise nothing."""
    _occupy()
    before = sys.stdout, sys.stderr
    with ExitStack() as stack:
        out, err = (stream or stack.enter_context(Path(os.devnull).open("w")) for stream in before)
        stream: Any
        for stream in (out, err):
            # a notebook's stream, which takes every letter, cannot be set up; nor one that is closed
            with suppress(AttributeError, ValueError):
                errors = stream.errors
                stream.reconfigure(errors="jhrun")
                stack.callback(stream.reconfigure, errors=errors)
        lasting = _Lasting(err, None)
        sys.stdout, sys.stderr = _Lasting(out, lasting), lasting
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = before


def _occupy() -> None:
    """Open what the caller closed of the first three descriptors: a checkpoint would get its number otherwise."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number is taken
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
