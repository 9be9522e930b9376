"""``jhrun train -m``: the jobs of a sweep, each a process of its own, through one of Hydra's launchers."""

import fcntl
import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from jhrun.commands.plan import say_estimate
from jhrun.commands.progress import Progress
from jhrun.commands.session import tell
from jhrun.commands.signals import stop_at_step
from jhrun.commands.watching import watched
from jhrun.config import grid, stored
from jhrun.config.compose import complete, explained, hydra_ready
from jhrun.config.groups import brought
from jhrun.config.overrides import prepare
from jhrun.config.plugins import Code, code_reader
from jhrun.errors import INTERRUPTED as STOPPED
from jhrun.errors import PREEMPTED, UNFINISHED, ConfigError, JhrunError
from jhrun.reporting import tables
from jhrun.reporting.leaderboard import as_text, cells_in, write_leaderboard
from jhrun.reporting.words import counted, duration
from jhrun.sweeps import Job, SweepFolder, identity, run_job
from jhrun.sweeps.halt import WORKING, Halt
from jhrun.sweeps.job import FAILED, FINISHED, INTERRUPTED, RUNNING, WAITING
from jhrun.terminal import lasting_output, room

_WAIT = 1.0
"""Seconds between two looks at jobs that other processes work on."""


def sweep(overrides: Sequence[str], flags: Sequence[str]) -> int:
    """Work on a sweep until all its jobs are finished or have failed.

    Args:
        overrides: as typed.
        flags: of the command that its jobs are given too.

    Returns:
        The exit code: 0 where all jobs are finished, 9 where some are not.

    Raises:
        ConfigError: the sweep, or every one of its jobs, is not as it can be.
    """
    with explained("train", overrides):
        code = code_reader()
        asked_for = grid.expand(overrides, code)
        folder = SweepFolder(asked_for.folder)
        jobs = _jobs(asked_for, code)
    if all(job.config is None for job in jobs):
        raise ConfigError(str(jobs[0].error), "in every job" if len(jobs) > 1 else "", "")
    for job in jobs:
        if job.config is None:
            folder.note(job, FAILED, exit_code=ConfigError.exit_code)
    _say_plan(folder, jobs)
    if asked_for.settings.sweep.plan:
        say_estimate([job for job in jobs if job.config is not None and not folder.finished(job)])
    show(folder)
    launcher = str(asked_for.settings.hydra.launcher._target_)
    # jobs that were handed to a cluster do not hang on the process that did it
    halt = Halt.of_this_process(folder.jobs, parent="submitit" not in launcher)
    halt.clear()
    if asked_for.settings.sweep.on_fail == "stop" and any(job.config is None for job in jobs):
        halt.ask("soon")
    try:
        ready = [job for job in jobs if job.config is not None]
        with stop_at_step(lambda: halt.ask("now")) as asked, watched(folder, ready):
            _work(asked_for, folder, ready, halt, flags)
        halt.clear()
    finally:
        say_end(folder, jobs)
    if asked():
        return STOPPED if asked.by == signal.SIGINT else PREEMPTED
    return 0 if all(folder.finished(job) for job in jobs) else UNFINISHED


def _jobs(asked_for: grid.Grid, code: Code) -> list[Job]:
    """The jobs with their configurations; one that is refused has its reason instead."""
    with hydra_ready():
        found = []
        with Progress("composing the jobs", len(asked_for.jobs)) as progress:
            for number, overrides in enumerate(asked_for.jobs):
                found.append(configured(overrides, code, number, asked_for.telling(overrides)))
                progress(number + 1)
    # two combinations may come to the same
    return list({job.id: job for job in reversed(found)}.values())[::-1]


def configured(overrides: tuple[str, ...], code: Code, number: int, label: str) -> Job:
    """A job, from its overrides.

    Args:
        overrides: as one would type them for it alone.
        code: gives the version of the code.
        number: in the sweep.
        label: what tells it from the others.

    Returns:
        The job, with its configuration or the reason why that was refused.
    """
    config, error = None, None
    # a word that is not there ends the sweep; a value out of range, of a range of them, its job alone
    composed, _ = complete("train", prepare(list(overrides), multirun=False))
    try:
        config = stored.plain(composed)
    except ConfigError as refusal:
        error = str(refusal)
    told = config if config is not None else {"overrides": list(overrides)}
    name = identity(told, code(told))
    return Job(name, number, overrides, label, config, error)


def _work(
    asked_for: grid.Grid, folder: SweepFolder, jobs: Sequence[Job], halt: Halt, flags: Sequence[str]
) -> None:
    """Launch what is not finished; of what others work on, wait for the end, and go on with what they leave."""
    tried: set[str] = set()
    waited = False
    task = partial(
        _job,
        sweep=folder,
        halt=halt,
        flags=tuple(flags),
        stop_on_fail=asked_for.settings.sweep.on_fail == "stop",
    )
    while not halt.asked():
        states = {job.id: folder.standing(job)["state"] for job in jobs}
        ready = [job for job in jobs if job.id not in tried and states[job.id] not in {FINISHED, RUNNING}]
        if ready:
            _launch(asked_for.settings, folder, ready, task)
            now = {job.id: folder.standing(job)["state"] for job in ready}
            # one that another process works on is not tried yet, nor one that a launcher left which died
            ended = {name for name, state in now.items() if state not in {RUNNING, WAITING}}
            if not ended and RUNNING not in now.values():
                break
            tried |= ended
        elif RUNNING in states.values():
            if not waited:
                for job in jobs:
                    if states[job.id] == RUNNING:
                        tell(f"waiting for job {job.number}, which {folder.attendant(job)} works on")
            waited = True
            time.sleep(_WAIT)
        else:
            break


def _launch(settings: DictConfig, folder: SweepFolder, jobs: Sequence[Job], task: Any) -> None:
    """Hand jobs to Hydra's launcher."""
    with hydra_ready(), open_dict(settings):
        settings.hydra.sweep.dir = str(folder.path)
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks()),
            task_function=partial(task, jobs=tuple(jobs)),
            config=settings,
        )
        overrides = [prepare(list(job.overrides), multirun=False) for job in jobs]
        try:
            returns = launcher.launch(overrides, initial_job_idx=0)
        except Exception as error:
            # a process of the launcher's died, or gave up: the jobs' records say how they stand
            first = (str(error).strip().splitlines() or [""])[0]
            tell(f"warning: the launcher ended early ({type(error).__name__}: {first})")
            return
    for job, returned in zip(jobs, returns, strict=True):
        if returned.status == JobStatus.FAILED:
            folder.note(job, FAILED, error=f"{type(returned._return_value).__name__}: {returned._return_value}")


def _job(
    config: DictConfig,  # noqa: ARG001 - a launcher gives it
    *,
    jobs: Sequence[Job],
    sweep: SweepFolder,
    halt: Halt,
    flags: Sequence[str],
    stop_on_fail: bool,
) -> None:
    """One job, in whatever process a launcher has put it."""
    if os.getpid() != halt.pid:
        # the sweep's own process hears Ctrl-C, and tells
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        halt.end_with_parent()
    # a launcher's process has not come through main()
    with lasting_output(), WORKING:
        _attempt(jobs[HydraConfig.get().job.num], sweep, halt, flags, stop_on_fail=stop_on_fail)


def _attempt(job: Job, sweep: SweepFolder, halt: Halt, flags: Sequence[str], *, stop_on_fail: bool) -> None:
    """Work on a job, unless all is to end, or somebody else does."""
    if halt.asked() or sweep.attended(job):
        return
    begins = "goes on" if sweep.run(job).config.is_file() else "begins"
    tell(f"job {job.number} {begins}: {job.label} (log: {sweep.log(job)})")
    record = run_job(job, sweep, flags=flags, stop=halt.now)
    if record["state"] == FAILED and stop_on_fail:
        halt.ask("soon")
    show(sweep)
    error = f": {record['error']}" if record["error"] else ""
    tell(f"job {job.number} {record['state']} after {duration(record['seconds'] or 0)}{error}")


def _say_plan(folder: SweepFolder, jobs: Sequence[Job]) -> None:
    states = [folder.standing(job)["state"] for job in jobs]
    counts = {state: states.count(state) for state in (FINISHED, RUNNING, INTERRUPTED, FAILED, WAITING)}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    tell(f"sweep of {counted(len(jobs), 'job')} ({told}) in {folder.path}")


def show(folder: SweepFolder) -> str:
    """Write a sweep's leaderboard, as it stands.

    Args:
        folder: of the sweep.

    Returns:
        Its table; empty where it could not be written.
    """
    try:
        with (folder.jobs / ".leaderboard").open("a") as turn:
            # whoever comes last has seen most
            fcntl.flock(turn, fcntl.LOCK_EX)
            cells = cells_in(folder.path, stored.read)
            paper = any((cell.config or {}).get("paper") for cell in cells)
            board = write_leaderboard(cells, folder.path, brought("train"), paper=paper)
            return as_text(board, room())
    except (JhrunError, OSError) as error:
        tell(f"warning: the leaderboard could not be written ({error})")
        return ""


def say_end(folder: SweepFolder, jobs: Sequence[Job]) -> None:
    """Print the table of all jobs."""
    rows: list[tables.Row] = [("job", "overrides", "state", "seconds", "log", "error")]
    for job in jobs:
        record, log = folder.standing(job), folder.log(job)
        seconds = "–" if record["seconds"] is None else f"{record['seconds']:.1f}"
        path = str(log.relative_to(folder.path)) if log.is_file() else "–"
        rows.append((str(job.number), job.label, record["state"], seconds, path, record["error"] or ""))
    tell(f"\n{tables.plain(rows, words=(0, 1, 2, 4, 5))}")
    if found := show(folder):
        tell(f"\n{found}")
    tell(f"\nleaderboard: {folder.path / 'leaderboard.html'}\n{folder.path}")
