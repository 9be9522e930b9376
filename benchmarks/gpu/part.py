"""One part of a call: a process with a deadline, whose rows are on disk as soon as they are known."""

import ctypes
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]


@dataclass
class Order:
    """What a part is asked for.

    Attributes:
        name: of the part.
        arguments: of the job.
        seconds: until its deadline.
        result: the file of its rows.
        known: rows of an earlier call, which need not be measured again.
        data: folder made by ``--pack``; None without one.
        state: folder with the state of an earlier call; None without one.
        out: folder for the state that a later call goes on from.
        files: how many files of state may lie there.
        file_limit: bytes of each.
        work: folder that the parts of a call share.
        rehearse: on the CPU, with small sizes.
    """

    name: str
    arguments: dict[str, Any]
    seconds: float
    result: str
    known: list[Row]
    data: str | None
    state: str | None
    out: str
    files: int
    file_limit: int
    work: str
    rehearse: bool

    def write(self, path: Path) -> None:
        """Write for the part's process."""
        path.write_text(json.dumps(asdict(self)))


@dataclass
class Part:
    """The order as its process sees it.

    Attributes:
        order: what is asked for.
        rows: found so far, those of earlier calls first.
        stopped: whether the process was told to stop.
    """

    order: Order
    rows: list[Row] = field(default_factory=list)
    stopped: bool = False

    def __post_init__(self) -> None:
        """Begin the time."""
        self._begun = time.monotonic()
        self.rows = list(self.order.known)
        self._write("running")

    @property
    def device(self) -> torch.device:
        """The GPU; the CPU in a rehearsal."""
        return torch.device("cpu" if self.order.rehearse else "cuda")

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 once the process was told to stop."""
        return 0.0 if self.stopped else self.order.seconds - (time.monotonic() - self._begun)

    def known(self, **key: Any) -> bool:
        """Whether a row with these entries is there."""
        return any(key.items() <= row.items() for row in self.rows)

    def row(self, **figures: Any) -> None:
        """Add a row and write it."""
        self.rows.append(figures)
        self._write("running")

    def measured(self, key: Row, measure: Callable[[], Row]) -> None:
        """Add a row, or the failure to make it: one row that fails must not cost the others.

        Args:
            key: what tells the row from others.
            measure: makes the figures.
        """
        try:
            figures = measure()
        except Exception as error:
            traceback.print_exc()
            figures = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        self.row(**key, **figures)

    def end(self, state: str) -> None:
        """Write the state that the part ended in.

        Args:
            state: ``done``, or ``part`` where a later call has to go on.
        """
        self._write(state)

    def _write(self, state: str) -> None:
        path = Path(self.order.result)
        spent = round(time.monotonic() - self._begun, 1)
        save(path, {"name": self.order.name, "state": state, "seconds": spent, "rows": self.rows})


def save(path: Path, record: Any) -> None:
    """Write JSON so that a reader finds the old file or the new one, never a part."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(json.dumps(record, indent=1) + "\n")
    Path(aside).replace(path)


def run(work: Callable[[Part], str]) -> None:
    """Be the process of a part, as the order in the file named on the command line says.

    Args:
        work: makes the rows; gives the state that the part ends in.
    """
    part = Part(Order(**json.loads(Path(sys.argv[1]).read_text())))

    def stop(*_: object) -> None:
        part.stopped = True

    signal.signal(signal.SIGTERM, stop)
    _end_with_parent()
    if part.order.rehearse:
        torch.set_num_threads(1)
    part.end(work(part))


def _end_with_parent() -> None:
    """Where the call is killed, Linux tells this process to stop, which then writes its state."""
    parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
