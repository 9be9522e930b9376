"""The cells of a leaderboard: what was to be run, and how each stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jhrun.errors import JhrunError, UnsafeError
from jhrun.folder import RunFolder, refuse_unsafe
from jhrun.jsonio import read_json
from jhrun.reporting.text import one_line

FAILED, FINISHED, RUNNING, WAITING = "failed", "finished", "running", "waiting"

Config = Mapping[str, Any]
"""Resolved plain values, of any shape."""

Reader = Callable[[Path], Config]
"""Reads a ``config.yaml``: ``jhrun.config.stored.read``."""


@dataclass(frozen=True)
class Cell:
    """One job, begun or not.

    Attributes:
        folder: of its run; None where there is none.
        config: resolved plain values; None where they were refused or cannot be read.
        overrides: as typed.
        state: ``waiting``, ``running``, ``finished``, ``failed`` or ``interrupted``; None: as the run's
            ``status.json`` says. A run whose ``status.json`` says ``finished`` is finished whatever is said here.
        error: in one line; None where there is none, or where ``status.json`` has it.
    """

    folder: Path | None
    config: Config | None = None
    overrides: Sequence[str] = ()
    state: str | None = None
    error: str | None = None


def is_sweep(path: Path) -> bool:
    """Whether a folder is no run's but holds runs or the records of jobs."""
    return not (path / "config.yaml").is_file() and (any(path.glob("jobs/*.json")) or bool(_run_folders(path)))


def cells_in(path: Path, read: Reader) -> list[Cell]:
    """The cells of a folder.

    Args:
        path: a run's folder, or a folder of runs, with ``jobs/*.json`` where it is a sweep's.
        read: reads a ``config.yaml`` where no record holds its values.

    Returns:
        At least one. A sweep's jobs come in the order of their numbers, then the runs without a job's record.

    Raises:
        UnsafeError: the jobs' records are elsewhere, or could be waited for without end.
    """
    path = path.expanduser().absolute()
    if not is_sweep(path):
        return [_run_cell(RunFolder.existing(path), read)]
    if (path / "jobs").is_symlink():
        raise UnsafeError("a symbolic link leaves the folder", str(path / "jobs"), "remove it")
    refuse_unsafe(path / "jobs", pickles=False)
    jobs = {file.stem: file for file in path.glob("jobs/*.json")}
    records = sorted(
        (_job_cell(path / name, file, read) for name, file in jobs.items()), key=lambda found: found[0]
    )
    runs = [_run_cell(RunFolder(folder), read) for folder in _run_folders(path) if folder.name not in jobs]
    return [*(cell for _, cell in records), *runs]


def _run_folders(path: Path) -> list[Path]:
    found = [file.parent for file in path.glob("*/config.yaml")]
    return sorted(found, key=lambda p: (int(p.name) if p.name.isdecimal() else -1, p.name))


def _job_cell(folder: Path, file: Path, read: Reader) -> tuple[tuple[float, str], Cell]:
    """A job's place in its sweep, and its cell. Its folder is the one of its record's name, never one it names."""
    begun = folder if folder.is_dir() else None
    try:
        record = read_json(file)
    except (JhrunError, RecursionError) as error:
        return (float("inf"), file.stem), Cell(begun, None, (file.stem,), FAILED, one_line(error))
    number, config, overrides = record.get("number"), record.get("config"), record.get("overrides")
    state, said = record.get("state"), record.get("error")
    if not isinstance(config, dict) and begun:
        config = _config(RunFolder(folder), read)[0]
    cell = Cell(
        begun,
        config if isinstance(config, dict) else None,
        tuple(map(str, overrides)) if isinstance(overrides, list) else (),
        state if isinstance(state, str) else FAILED,
        None if said is None else one_line(said),
    )
    return (number if isinstance(number, int | float) else float("inf"), file.stem), cell


def _run_cell(folder: RunFolder, read: Reader) -> Cell:
    config, error = _config(folder, read)
    return Cell(folder.path, config, (), None if error is None else FAILED, error)


def _config(folder: RunFolder, read: Reader) -> tuple[Config | None, str | None]:
    """A run's configuration, or why it cannot be read."""
    # that of report.json, where it is the newer one: JSON is read twenty times faster than YAML, and there may be
    # ten thousand runs
    report = folder.path / "report.json"
    try:
        refuse_unsafe(folder.path, pickles=False)
    except UnsafeError as error:
        return None, one_line(error)
    try:
        if report.is_file() and report.stat().st_mtime >= folder.config.stat().st_mtime:
            config = read_json(report).get("config")
            if isinstance(config, dict):
                return config, None
    except (JhrunError, OSError, RecursionError):
        pass
    try:
        return read(folder.config), None
    except (JhrunError, OSError, RecursionError) as error:
        return None, one_line(error)
