"""A call: parts one after the other, each a process with its time; what they find is in ``--out`` at once."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

from gpu.jobs import ROOT, Job
from gpu.part import Order, Row, save
from gpu.summary import summary

GRACE = 15.0
"""Seconds that a part has to write its state once its time is up; then it is killed."""
POLL = 0.2


@dataclass
class Call:
    """What all parts of a call share.

    Attributes:
        out: folder of ``results.json``, ``summary.md`` and the state's files.
        work: folder for everything else.
        minutes: of the call, from its beginning.
        data: folder made by ``--pack``; None without one.
        files: how many files may lie in ``out``.
        file_limit: bytes of each.
        rehearse: on the CPU, with small sizes.
        packages: folder of unpacked wheels, put before the machine's own packages.
        parts: results by part.
    """

    out: Path
    work: Path
    minutes: float
    data: Path | None = None
    files: int = 8
    file_limit: int = 16 << 20
    rehearse: bool = False
    packages: Path | None = None
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the time."""
        self._begun = time.monotonic()
        self._child: Popen[bytes] | None = None
        self._ended = False

    @property
    def left(self) -> float:
        """Minutes until the call's end, less the time to end well; 0 once it was told to end."""
        return 0.0 if self._ended else self.minutes - (time.monotonic() - self._begun + GRACE) / 60

    @property
    def files_left(self) -> int:
        """Files of state that may still be written, beside the two files of results."""
        others = [path for path in self.out.iterdir() if path.name not in {"results.json", "summary.md"}]
        return self.files - 2 - len(others)

    @property
    def card(self) -> str | None:
        """The card's name, once its part has run."""
        return next((row["card"] for row in self.parts.get("card", {}).get("rows", []) if "card" in row), None)

    def end(self, *_: object) -> None:
        """Let the running part write its state, and begin no other."""
        self._ended = True
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)

    def job(self, job: Job, **options: Any) -> dict[str, Any]:
        """Run a job of the queue, from its earlier rows and state on.

        Args:
            job: of the queue.
            **options: of ``part``.

        Returns:
            Its result.
        """
        earlier = None if self.rehearse else job.earlier()
        # times of another card do not stand in one table with this one's; a training run may change cards
        known = earlier["rows"] if earlier and (job.keeps_state or earlier.get("card") == self.card) else []
        arguments = {**job.arguments, **((job.rehearse or {}) if self.rehearse else {})}
        # a rehearsal shows that all parts work, also on a machine that is busy
        seconds = 60 * (job.minutes if self.rehearse else min(job.minutes, self.left))
        options = {"known": known, "keeps_state": job.keeps_state, **options}
        return self.part(job.name, job.module, seconds, arguments, digest=job.digest(), **options)

    def part(
        self,
        name: str,
        module: str,
        seconds: float,
        arguments: dict[str, Any],
        *,
        known: list[Row] | None = None,
        keeps_state: bool = False,
        state: Path | None = None,
        digest: str | None = None,
        signal_at: tuple[int, int] | None = None,
    ) -> dict[str, Any]:
        """Run one part to its end or its deadline.

        Args:
            name: of the part.
            module: of this package.
            seconds: its time; it has ``GRACE`` more to write its state.
            arguments: of the module.
            known: rows that need not be measured again.
            keeps_state: whether it may write files of state.
            state: folder of its earlier state; None for that in ``data``.
            digest: of the code that it measures.
            signal_at: number of new rows, and the signal that is then sent: for the rehearsal.

        Returns:
            Its result, which is in ``out`` too.
        """
        found, log, told = self.work / f"{name}.json", self.work / f"{name}.log", self.work / f"{name}.order.json"
        found.unlink(missing_ok=True)
        earlier = state or (self.data / "state" if self.data else None)
        order = Order(
            name=name,
            arguments=arguments,
            seconds=seconds,
            result=str(found),
            known=known or [],
            data=str(self.data / "data") if self.data else None,
            state=str(earlier) if earlier else None,
            out=str(self.out),
            files=self.files_left if keeps_state else 0,
            file_limit=self.file_limit,
            work=str(self.work),
            rehearse=self.rehearse,
        )
        order.write(told)
        about = {"digest": digest, "card": self.card, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
        with log.open("wb") as output:
            self._child = Popen(
                [sys.executable, "-m", f"gpu.{module}", str(told)],
                cwd=ROOT,
                env=self._environment(),
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,
            )
            how = self._watched(name, found, about, seconds, signal_at, len(order.known))
        result = self._taken(name, found, about)
        if result["state"] == "running":
            result["state"] = how
            result["error"] = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        self._write()
        return result

    def _watched(
        self,
        name: str,
        found: Path,
        about: dict[str, Any],
        seconds: float,
        signal_at: tuple[int, int] | None,
        known: int,
    ) -> str:
        """Wait for the process, and pass on what it finds; then whether it failed or was killed."""
        child = self._child
        assert child is not None
        begun, seen, told = time.monotonic(), 0.0, False
        while child.poll() is None:
            spent = time.monotonic() - begun
            if found.exists() and found.stat().st_mtime != seen:
                seen = found.stat().st_mtime
                rows = self._taken(name, found, about)["rows"]
                self._write()
                if signal_at and len(rows) - known >= signal_at[0]:
                    child.send_signal(signal_at[1])
                    signal_at = None
            if spent > seconds and not told:
                child.send_signal(signal.SIGTERM)
                told = True
            if spent > seconds + GRACE:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return "killed"
            time.sleep(POLL)
        self._child = None
        return "killed" if child.returncode < 0 else "failed"

    def _taken(self, name: str, found: Path, about: dict[str, Any]) -> dict[str, Any]:
        empty = {"name": name, "state": "running", "seconds": None, "rows": []}
        self.parts[name] = (json.loads(found.read_text()) if found.exists() else empty) | about
        return self.parts[name]

    def _write(self) -> None:
        record = {"schema_version": 1, "minutes": self.minutes, "rehearsal": self.rehearse, "parts": self.parts}
        save(self.out / "results.json", record)
        aside = self.out / ".summary.md.new"
        aside.write_text(summary(self.parts))
        aside.replace(self.out / "summary.md")

    def _environment(self) -> dict[str, str]:
        mine = [str(self.packages)] if self.packages else []
        before = [p for p in [os.environ.get("PYTHONPATH")] if p]
        path = os.pathsep.join([*mine, str(ROOT / "benchmarks"), str(ROOT), *before])
        # plugins of the machine's own pytest may not fit the one that was packed
        more = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**os.environ, **more}
