"""How a sweep tells its processes, on whatever host they are, that it is to end: by a file in its folder."""

import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_POLL = 0.5
"""Seconds between two looks at the parent."""

_WATCH = "sweep"

WORKING = threading.Lock()
"""Held in a process while it works on a job."""


@dataclass(frozen=True)
class Halt:
    """One sweeping process's word to its jobs' processes, which it may travel to as a pickle.

    Attributes:
        path: of the file; there is none as long as all goes on.
        pid: of the sweeping process.
        parent: whether the jobs' processes are its children, and are to end with it.
    """

    path: Path
    pid: int
    parent: bool

    @classmethod
    def of_this_process(cls, folder: Path, *, parent: bool) -> "Halt":
        """Nothing asked for yet.

        Args:
            folder: that all of them see.
            parent: whether it is the parent of the jobs' processes.

        Returns:
            The word of this process.
        """
        return cls(folder / f".halt-{socket.gethostname()}-{os.getpid()}", os.getpid(), parent)

    def ask(self, how: Literal["now", "soon"]) -> None:
        """Let no job begin any more; ``now`` also stops those that run at their next step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if how == "now" or not self.asked():
            self.path.write_text(how, encoding="utf-8")

    def asked(self) -> bool:
        """Whether no job may begin any more."""
        return self.path.exists() or self._orphaned()

    def now(self) -> bool:
        """Whether jobs that run are to stop."""
        try:
            return self._orphaned() or self.path.read_text(encoding="utf-8") == "now"
        except OSError:
            return False

    def end_with_parent(self) -> None:
        """In a jobs' process: once the sweeping one is gone, let a job that runs be saved, and go too.

        Nobody else ends joblib's processes then, and they hold memory and standard output.
        """
        if not self.parent or self.pid == os.getpid() or any(t.name == _WATCH for t in threading.enumerate()):
            return

        def wait() -> None:
            while not self._orphaned() or WORKING.locked():
                time.sleep(_POLL)
            os._exit(1)

        threading.Thread(target=wait, name=_WATCH, daemon=True).start()

    def _orphaned(self) -> bool:
        return self.parent and self.pid not in {os.getpid(), os.getppid()}

    def clear(self) -> None:
        """All is over."""
        self.path.unlink(missing_ok=True)
