"""A job's own process: what it does to itself, or the system to it, leaves the others alone."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jhrun.errors import INTERRUPTED as STOPPED
from jhrun.errors import PREEMPTED, JhrunError
from jhrun.folder import read_json
from jhrun.sweeps.devices import one_device
from jhrun.sweeps.job import FAILED, FINISHED, INTERRUPTED, RUNNING, Job, SweepFolder
from jhrun.sweeps.lock import Lock

_WATCHED = "JHRUN_STDIN_IS_PARENT"
"""Set for a job's process: its standard input ends when it should stop, be it that its parent is gone."""

_POLL = 0.1
"""Seconds between two looks at a job's process."""


def run_job(
    job: Job, sweep: SweepFolder, *, flags: Sequence[str] = (), stop: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Begin a job's run, or go on with it, in a process of its own, and wait for its end.

    Args:
        job: with a configuration.
        sweep: where it belongs.
        flags: of the command, such as ``--config-dir``.
        stop: asked all the time; the run then ends at its next step, saved.

    Returns:
        The job's record.
    """
    folder, log = sweep.run(job), sweep.log(job)
    goes_on = folder.config.is_file()
    where = f"resume={folder.path}" if goes_on else f"hydra.run.dir={folder.path}"
    command = [sys.executable, "-m", "jhrun", "train", *flags, *job.overrides, where]
    sweep.note(job, RUNNING)
    begun = time.monotonic()
    device = str((job.config or {}).get("device", "auto"))
    with one_device(device) as visible, log.open("ab") as output:
        start = output.tell()
        environment = os.environ | visible | {_WATCHED: "1"}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            # a Ctrl-C is for the sweep, which passes it on
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            while process.poll() is None:
                if stop():
                    break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL)
        finally:
            process.stdin.close()
            code = process.wait()
    seconds = time.monotonic() - begun
    if code != 0 and Lock.holder(folder.path):
        # another process was quicker
        return sweep.standing(job)
    if code == 0:
        return sweep.note(job, FINISHED, exit_code=0, seconds=seconds, error=None)
    state = INTERRUPTED if code in {STOPPED, PREEMPTED} else FAILED
    error = None if state == INTERRUPTED else _error(code, folder.status, log, start)
    return sweep.note(job, state, exit_code=code, seconds=seconds, error=error)


def watch_parent() -> None:
    """In a job's process: when the sweep lets go of it, do what Ctrl-C does."""
    if os.environ.pop(_WATCHED, None) is None:
        return

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _error(code: int, status: Path, log: Path, start: int) -> str:
    """Why a process ended so: its run's own word, or the last error line that it printed."""
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", perhaps by the system, for want of memory" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}"
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told:
        return told[-1]
    with suppress(JhrunError):
        if error := read_json(status).get("error"):
            return str(error)
    said = [line for line in lines if line.strip()]
    return said[-1].strip()[: shutil.get_terminal_size().columns * 4] if said else f"exit code {code}"
