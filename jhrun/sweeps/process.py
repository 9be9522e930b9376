"""A job's own process: what it does to itself, or the system to it, leaves the others alone."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired
from typing import Any, BinaryIO

from jhrun.errors import BUG, PREEMPTED, JhrunError
from jhrun.errors import INTERRUPTED as STOPPED
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json
from jhrun.sweeps.devices import one_device
from jhrun.sweeps.job import FAILED, FINISHED, INTERRUPTED, RUNNING, Job, SweepFolder
from jhrun.sweeps.lock import Lock, taken

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
    sweep.jobs.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, one_device(str((job.config or {}).get("device", "auto"))) as visible:
        # others see by it that the job is attended to; its process has it too, and may outlive us
        if not taken(output.fileno()):
            return sweep.standing(job)
        if sweep.finished(job):
            found = sweep.standing(job)
            return found if found["state"] == FINISHED else sweep.note(job, FINISHED, exit_code=0, error=None)
        sweep.note(job, RUNNING)
        start, begun = output.tell(), time.monotonic()
        code = _run(job, [*flags, *job.overrides, _place(folder)], output, visible, stop)
        if code != 0 and Lock.holder(folder.path):
            # somebody works on the run who is not of a sweep
            return sweep.standing(job)
        state = {0: FINISHED, STOPPED: INTERRUPTED, PREEMPTED: INTERRUPTED}.get(code, FAILED)
        error = _error(code, folder.status, log, start) if state == FAILED else None
        return sweep.note(job, state, exit_code=code, seconds=time.monotonic() - begun, error=error)


def _place(folder: RunFolder) -> str:
    """The override that begins a run in a folder, or goes on with the one that is there."""
    if folder.config.is_file():
        return f"resume={folder.path}"
    return f"hydra.run.dir={folder.path}"


def _run(
    job: Job,
    arguments: Sequence[str],
    output: BinaryIO,
    visible: Mapping[str, str],
    stop: Callable[[], bool],
) -> int:
    """The exit code of a job's process."""
    # as for the command jhrun, the folder we are in is no place to import from
    process = Popen(
        [sys.executable, "-P", "-m", "jhrun", "train", *arguments],
        stdin=PIPE,
        stdout=output,
        stderr=STDOUT,
        env=os.environ | visible | {_WATCHED: job.id},
        # a Ctrl-C is for the sweep, which passes it on
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        try:
            while process.poll() is None and not stop():
                with suppress(TimeoutExpired):
                    process.wait(_POLL)
        finally:
            process.stdin.close()
            code = process.wait()
    except KeyboardInterrupt:
        # a second Ctrl-C
        process.kill()
        process.wait()
        raise
    return code


def watch_parent() -> bool:
    """In a job's process: when the sweep lets go of it, do what Ctrl-C does.

    Returns:
        Whether this is such a process.
    """
    if os.environ.pop(_WATCHED, None) is None:
        return False

    # who started us may have ignored it, which is inherited
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, name="parent", daemon=True).start()
    return True


def _error(code: int, status: Path, log: Path, start: int) -> str:
    """Why a process ended so: its run's own word, or the last error line that it printed."""
    if code < 0:
        name = next((s.name for s in signal.Signals if s == -code), f"signal {-code}")
        hint = ", perhaps by the system, for want of memory" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}"
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told and code != BUG:
        return told[-1]
    with suppress(JhrunError):
        if error := read_json(status).get("error"):
            return str(error)
    if told:
        return told[-1]
    said = [line for line in lines if line.strip()]
    return said[-1].strip()[: shutil.get_terminal_size().columns * 4] if said else f"exit code {code}"
