"""A run's folder while a command works in it: claimed once, its status kept, everything said kept in its log."""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jhrun.commands.environment import now
from jhrun.commands.failures import determinism_named, memory_named
from jhrun.commands.signals import Preempted
from jhrun.errors import BUG, INTERRUPTED, PREEMPTED, JhrunError, ResourceError, RunError, pasteable
from jhrun.files import CLOSED, FULL, IN_THE_WAY
from jhrun.folder import RunFolder
from jhrun.jsonio import DAMAGED, read_json, write_json
from jhrun.training import Interrupted

log = logging.getLogger("jhrun")


@contextmanager
def status_kept(folder: RunFolder) -> Iterator[Callable[[], None]]:
    """``status.json`` says how the run stands, during the work and after its end, whatever the end is.

    Args:
        folder: of the run.

    Yields:
        A function that writes that the run is finished, for what is made of the status at the very end.

    Raises:
        Interrupted: as the work did; and so for every other exception.
        KeyboardInterrupt: likewise.
        JhrunError: likewise.
    """
    record: dict[str, Any] = {
        "state": "running",
        "exit_code": None,
        "error": None,
        "started": now(),
        "ended": None,
        "pid": os.getpid(),
        "host": socket.gethostname(),
    }
    # one that is damaged says nothing
    with suppress(RunError):
        record["started"] = read_json(folder.status).get("started") or record["started"]
    write_json(folder.status, record)
    state, code, error = "failed", BUG, None

    def write(state: str, code: int, error: str | None) -> None:
        if record["state"] != state:
            record.update(state=state, exit_code=code, error=error, ended=now())
            write_json(folder.status, record, or_over=True)

    try:
        yield lambda: write("finished", 0, None)
        state, code = "finished", 0
    except (Interrupted, KeyboardInterrupt) as stop:
        state, code = "interrupted", PREEMPTED if isinstance(stop, Preempted) else INTERRUPTED
        raise
    except JhrunError as failure:
        code, error = failure.exit_code, str(failure)
        raise
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        write(state, code, error)


class _Log(logging.FileHandler):
    """A log on a disk that may be full: what cannot be written is left out, and ends nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing of it."""


@contextmanager
def remembered() -> Iterator[None]:
    """What is said before there is a folder goes to the log that ``logged`` begins."""
    early = MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
    log.addHandler(early)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(early)
        early.close()


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """What is said goes to the run's log too, with the traceback of whatever ends the work."""
    handler = _Log(folder.log, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for early in [other for other in log.handlers if isinstance(other, MemoryHandler)]:
        early.setTarget(handler)
        early.flush()
        log.removeHandler(early)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    except Interrupted:
        log.info("interrupted")
        raise
    except BaseException as failure:
        log.exception("%s", failure or type(failure).__name__)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()


@contextmanager
def resources_named(place: Path, again: str = "type the same again") -> Iterator[None]:
    """Memory or space that runs out is told as such, and an operation that is refused as not deterministic.

    Args:
        place: for ``disk_named``.
        again: likewise.

    Yields:
        Nothing.

    Raises:
        ResourceError: it ran out.
        RunError: as of ``disk_named``.
        NumericalError: an operation was refused.
    """
    lower = "lower train.micro_batch (under a penalty) or train.batch_size in a new run"
    with disk_named(place, again), memory_named(f"{lower}; or free some, then {again}"), determinism_named():
        yield


@contextmanager
def disk_named(place: Path, again: str = "type the same again") -> Iterator[None]:
    """What the disk refuses is told as such.

    Args:
        place: where the work is done.
        again: how it goes on when that is mended.

    Yields:
        Nothing.

    Raises:
        ResourceError: there is no space, or nobody may write.
        RunError: something else lies in a file's place.
        OSError: any other one, as it was.
    """
    try:
        yield
    except OSError as error:
        where = str(error.filename or place)
        if error.errno in FULL:
            raise ResourceError(str(error.strerror), where, f"make space, then {again}") from error
        if error.errno in CLOSED:
            remedy = "choose a folder that you may write to, or have its permissions changed"
            raise ResourceError(str(error.strerror), where, remedy) from error
        if error.errno in IN_THE_WAY:
            raise RunError(str(error.strerror), where, "remove it, or choose another folder") from error
        raise


@contextmanager
def records_read(folder: RunFolder) -> Iterator[None]:
    """Records that are whole but not of their form are told as such.

    Args:
        folder: of the run.

    Yields:
        Nothing.

    Raises:
        RunError: a record is not of its form.
        JhrunError: any other one, as it was.
    """
    try:
        yield
    except JhrunError:
        # it has its own words, whatever else it is
        raise
    except DAMAGED as error:
        what = f"a record is not of its form ({type(error).__name__}: {error})"
        raise RunError(what, str(folder.path), "it was damaged or changed") from error


@contextmanager
def warnings_said() -> Iterator[None]:
    """Warnings are said in one line, without the place in the code that Python would show."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        yield


def say(text: str) -> None:
    """Tell the user, and the log."""
    tell(text)
    log.info("%s", text)


def tell(text: str) -> None:
    """Print above a progress line, if there is one."""
    tqdm.write(pasteable(text), file=sys.stdout)
    sys.stdout.flush()
