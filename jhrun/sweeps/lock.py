"""One process at a time in a folder."""

import fcntl
import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from jhrun.errors import RunError
from jhrun.folder import LOCK

_BEAT = 30.0
"""Seconds between two signs of life of a holder: the file's time of change."""

_DEAD = 600.0
"""Seconds without one after which a holder on another host is believed dead."""


class Lock:
    """A folder's lock, to be held in a ``with``.

    The operating system holds it (``flock``) and lets it go with its holder, however that ends: a dead holder's
    lock is free. Of a holder on another host not every network file system tells: it is believed to live for ten
    minutes after its last sign of life, unless it was the same SLURM job, which runs once at a time.

    Args:
        folder: that exists.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Lock(folder):
        ...     Lock.holder(folder)["pid"] == os.getpid()
        True
    """

    def __init__(self, folder: str | Path) -> None:
        """Nothing is locked yet."""
        self.path = Path(folder) / LOCK
        self._handle: int | None = None
        self._ended = threading.Event()

    def __enter__(self) -> "Lock":
        """Take it.

        Returns:
            Itself.

        Raises:
            RunError: another process has it.
        """
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if not taken(handle):
                os.close(handle)
                raise self._taken()
            with suppress(FileNotFoundError):
                # a holder that has just ended takes the file with it
                if os.fstat(handle).st_ino == self.path.stat().st_ino:
                    break
            os.close(handle)
        if _elsewhere(self.path):
            os.close(handle)
            raise self._taken()
        os.ftruncate(handle, 0)
        os.write(handle, (json.dumps(_me()) + "\n").encode())
        os.fsync(handle)
        self._handle = handle
        threading.Thread(target=self._live, args=(handle,), name="lock", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it go."""
        assert self._handle is not None
        self._ended.set()
        self.path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = None

    @staticmethod
    def holder(folder: str | Path) -> dict[str, Any] | None:
        """Who has a folder's lock.

        Args:
            folder: whose lock is asked for.

        Returns:
            Host and pid; None where nobody living has it.
        """
        path = Path(folder) / LOCK
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not taken(handle, shared=True):
                return _read(path)
        finally:
            os.close(handle)
        return _read(path) if _elsewhere(path) else None

    def _live(self, handle: int) -> None:
        while not self._ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(handle)

    def _taken(self) -> RunError:
        held = _read(self.path)
        remedy = "wait for it, or stop it"
        if held.get("host") != socket.gethostname():
            remedy += f"; if it is gone, remove {self.path}"
        who = f"process {held.get('pid', '?')} on {held.get('host', '?')}"
        return RunError(f"{who} is working in it", str(self.path.parent), remedy)


def _me() -> dict[str, Any]:
    job = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    slurm = "_".join(part for part in job if part) or os.environ.get("SLURM_JOB_ID")
    return {"host": socket.gethostname(), "pid": os.getpid(), "slurm": slurm}


def taken(handle: int, *, shared: bool = False) -> bool:
    """Take a file's lock, if nobody has it for longer than a look takes.

    Args:
        handle: of the open file.
        shared: together with others who look.

    Returns:
        Whether we have it.
    """
    for _ in range(5):
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _elsewhere(path: Path) -> bool:
    """Whether the holder, whose lock we could have, may live on another host."""
    held = _read(path)
    if "host" not in held or held["host"] == socket.gethostname():
        return False
    if time.time() - path.stat().st_mtime > _DEAD:
        return False
    return held.get("slurm") is None or held["slurm"] != _me()["slurm"]


def _read(path: Path) -> dict[str, Any]:
    """What the file says; nothing while it is being written."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return {}
