"""Finished runs: a line each, on the disk before the next one begins."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arena.methods import Setting
from jhrun.commands.environment import device_text

Record = dict[str, Any]
"""A job's fields and its figures."""


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        data: name of the data set.
        method: name of the method.
        strength: of the method.
        rate: learning rate at the first step.
        seed: of weights, order, directions and attacks.
        budget: B, in plain steps.
        part: ``select`` or ``test``: where it is evaluated.
    """

    data: str
    method: str
    strength: float
    rate: float
    seed: int
    budget: float
    part: str

    @property
    def setting(self) -> Setting:
        """Strength and learning rate."""
        return Setting(self.strength, self.rate)

    @classmethod
    def of(cls, record: Record) -> "Job":
        """The job of a record."""
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})


def environment() -> dict[str, str]:
    """Commit and machine, for each record."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    # a copy without a repository has no commit
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    machine = (
        f"{device_text(torch.device('cpu'))}, {torch.get_num_threads()} thread(s), PyTorch {torch.__version__}"
    )
    return {"commit": done.stdout.strip() or "unknown", "machine": machine}


class Store:
    """The runs in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a line that a crash left unfinished is no run."""
        self.path = path
        text = path.read_text() if path.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()
        self.records: dict[Job, Record] = {Job.of(record): record for record in map(json.loads, lines)}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other process adds runs.

        Yields:
            Nothing.

        Raises:
            SystemExit: another one does.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                what = f"{self.path}: another arena writes there: wait for it, or give another --out"
                raise SystemExit(what) from None
            yield

    def add(self, job: Job, figures: Record) -> Record:
        """Write a run, and wait until the disk has it."""
        record = {**asdict(job), **figures}
        data = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        with self.path.open("r+b") as file:
            whole = file.read()
            file.seek(whole.rfind(b"\n") + 1)
            file.truncate()
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.records[job] = record
        return record


def packed(right: NDArray[np.bool_]) -> str:
    """Which examples are right, (N,), as hexadecimal digits."""
    return np.packbits(right).tobytes().hex()


def unpacked(digits: str, n: int) -> NDArray[np.bool_]:
    """The same back.

    Args:
        digits: from ``packed``.
        n: N.

    Returns:
        (N,).
    """
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))[:n].astype(bool)
