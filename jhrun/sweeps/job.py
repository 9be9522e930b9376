"""A sweep's folder and the records of its jobs."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from jhrun.errors import RunError
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json, write_json
from jhrun.sweeps.lock import Lock, taken

WAITING, RUNNING, FINISHED, FAILED, INTERRUPTED = "waiting", "running", "finished", "failed", "interrupted"
PRUNED = "pruned"


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        id: names its folder and its files; the same for the same configuration and code.
        number: in the sweep, from 0.
        overrides: as typed for it.
        label: those of them that tell it from the others.
        config: resolved, as plain values; None where it was refused.
        error: why it was refused.
    """

    id: str
    number: int
    overrides: tuple[str, ...]
    label: str
    config: Mapping[str, Any] | None
    error: str | None = None


@dataclass(frozen=True)
class SweepFolder:
    """The layout of a sweep on disk.

    Attributes:
        path: of the folder; a job's run lies in it under the job's id, its record and what it printed in ``jobs``.
    """

    path: Path

    @property
    def jobs(self) -> Path:
        """Records and logs."""
        return self.path / "jobs"

    def run(self, job: Job) -> RunFolder:
        """A job's run."""
        return RunFolder(self.path / job.id)

    def record(self, job: Job) -> Path:
        """How a job stands."""
        return self.jobs / f"{job.id}.json"

    def log(self, job: Job) -> Path:
        """What a job printed, each attempt after the other."""
        return self.jobs / f"{job.id}.log"

    def note(self, job: Job, state: str, **what: Any) -> dict[str, Any]:
        """Write down how a job stands.

        Args:
            job: of the sweep.
            state: waiting, running, finished, failed or interrupted.
            **what: ``exit_code``, ``error`` and ``seconds``, where they are known.

        Returns:
            The record.
        """
        self.jobs.mkdir(parents=True, exist_ok=True)
        record = asdict(job) | {
            "state": state,
            "exit_code": None,
            "seconds": None,
            "log": str(self.log(job).relative_to(self.path)),
            **what,
        }
        write_json(self.record(job), record)
        return record

    def standing(self, job: Job) -> dict[str, Any]:
        """A job's record, put right where its process could not do so itself.

        Args:
            job: of the sweep.

        Returns:
            The record; ``waiting`` where there is none.
        """
        try:
            record = read_json(self.record(job))
        except RunError:
            record = self.note(job, WAITING, error=job.error)
        if self.attended(job):
            return record | {"state": RUNNING}
        if record.get("state") == RUNNING:
            # whoever worked on it has died
            record = record | {"state": FINISHED if self.finished(job) else INTERRUPTED}
        if record["state"] == FINISHED and not self.finished(job):
            # its run was taken away
            record = record | {"state": WAITING}
        return record

    def attended(self, job: Job) -> bool:
        """Whether a process works on a job, or waits for the one that does."""
        if Lock.holder(self.run(job).path):
            return True
        try:
            with self.log(job).open("rb") as log:
                return not taken(log.fileno(), shared=True)
        except FileNotFoundError:
            return False

    def attendant(self, job: Job) -> str:
        """Who works on a job, in words."""
        held = Lock.holder(self.run(job).path)
        return f"process {held['pid']} on {held['host']}" if held else "another process"

    def share(self, job: Job) -> float:
        """How much of a job's training is done, from 0 to 1, by the last epoch in its run."""
        lines = _tail(self.run(job).metrics)
        epochs = int((job.config or {})["train"]["epochs"])
        with suppress(ValueError, KeyError):
            return min(json.loads(lines[-1])["epoch"] / epochs, 1.0) if lines else 0.0
        return 0.0

    def last_line(self, job: Job) -> str:
        """The last line that a job printed; nothing where it is silent yet."""
        lines = _tail(self.log(job))
        return "".join(c for c in lines[-1] if c.isprintable()).strip() if lines else "begins"

    def known(self) -> list[Job]:
        """The jobs that there are records of, by their numbers."""
        records = []
        for path in self.jobs.glob("*.json"):
            with suppress(RunError):
                records.append(read_json(path))
        records.sort(key=lambda record: int(record["number"]))
        names = [field.name for field in fields(Job)]
        return [Job(**{name: record[name] for name in names}) for record in records]

    def finished(self, job: Job) -> bool:
        """Whether a job's run is there, whole."""
        if not (self.run(job).path / "report.json").is_file():
            return False
        try:
            return read_json(self.run(job).status).get("state") == FINISHED
        except RunError:
            return False


def _tail(path: Path, size: int = 65536) -> list[str]:
    """The whole lines at the end of a file that others write; none where it is not there yet."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    # a bar begins its line anew
    return [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
