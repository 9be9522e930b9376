"""``jhrun train -m search=optuna``: trials of a search, one after the other, on a study that others may share."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jhrun.commands.session import tell
from jhrun.commands.signals import stop_at_step
from jhrun.commands.sweep import configured, say_end, show
from jhrun.commands.watching import watched
from jhrun.config.compose import explained
from jhrun.config.plugins import Code, code_reader
from jhrun.config.space import Space, space
from jhrun.errors import INTERRUPTED as STOPPED
from jhrun.errors import PREEMPTED, UNFINISHED, ConfigError, RunError
from jhrun.jsonio import read_json, read_lines
from jhrun.reporting.words import duration
from jhrun.sweeps import Job, SweepFolder, run_job
from jhrun.sweeps.job import FAILED, FINISHED, INTERRUPTED, PRUNED, RUNNING
from jhrun.sweeps.search import OBJECTIVES, Search, TrialState, below_median

_WAIT = 1.0
"""Seconds between two looks at trials that other processes work on."""


def search(overrides: Sequence[str], flags: Sequence[str]) -> int:
    """Work on a search until it has its trials.

    Args:
        overrides: as typed.
        flags: of the command that its trials are given too.

    Returns:
        The exit code: 0, or 9 where a trial failed.

    Raises:
        ConfigError: the search, or every one of its trials, is not as it can be.
    """
    code = code_reader()
    with explained("train", overrides):
        asked_for = space(overrides, code)
    options, folder = asked_for.settings.search, SweepFolder(asked_for.folder)
    # what is wrong with every trial is told before there is one
    for share in (0.0, 0.5):
        drawn = {key: _some(distribution, share) for key, distribution in asked_for.keys.items()}
        example = _job(asked_for, code, 0, drawn)
        if example.config is None:
            raise ConfigError(str(example.error), "", "")
    assert example.config is not None
    if not str(asked_for.settings.hydra.launcher._target_).endswith("BasicLauncher"):
        what = "a search has one trial at a time in each process"
        raise ConfigError(what, "hydra/launcher", "leave it out, and start the same command in several shells")
    if not example.config["dataset"].get("validation", 1):
        raise ConfigError("the validation part is empty", "dataset.validation", "set it above 0 for a search")
    study = Search(folder.path, asked_for.keys, trials=options.trials, seed=options.seed, startup=options.startup)
    tell(f"search of {options.trials} trials in {folder.path}")
    with stop_at_step() as asked:
        while not asked():
            with study.trial() as taken:
                if taken is not None:
                    job = _job(asked_for, code, *taken)
                    with watched(folder, [job], before=taken[0], total=max(options.trials, taken[0] + 1)):
                        done = _work(study, taken[0], job, folder, flags, asked, prune=options.prune)
                    if done:
                        continue
                elif not study.under_way():
                    break
            time.sleep(_WAIT)
    jobs = folder.known()
    say_end(folder, jobs)
    for best in study.best():
        told = ", ".join(
            f"{name} {100 * value:.1f} %" for name, value in zip(OBJECTIVES, best.values, strict=True)
        )
        tell(f"on the front, on validation data: trial {best.number}, {told}")
    if asked():
        return STOPPED if asked.by == signal.SIGINT else PREEMPTED
    return UNFINISHED if any(folder.standing(job)["state"] == FAILED for job in jobs) else 0


def _job(asked_for: Space, code: Code, number: int, drawn: Mapping[str, Any]) -> Job:
    label = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in drawn.items()
    )
    overrides = asked_for.overrides(drawn)
    try:
        with explained("train", overrides):
            return configured(overrides, code, number, label)
    except ConfigError as refusal:
        # what is drawn may not go together
        return Job(f"refused-{number}", number, overrides, label, None, str(refusal))


def _work(
    study: Search,
    number: int,
    job: Job,
    folder: SweepFolder,
    flags: Sequence[str],
    asked: Callable[[], bool],
    *,
    prune: bool,
) -> bool:
    """Run a trial and tell the study; whether that could be done, and nobody else works on it."""
    if job.config is None:
        folder.note(job, FAILED, exit_code=ConfigError.exit_code)
        study.tell(number, None, TrialState.FAIL)
        return True
    epochs = job.config["train"]["epochs"]
    tell(f"trial {number}: {job.label} (log: {folder.log(job)})")
    others = (
        [list(read_lines(path)) for path in folder.path.glob("*/validation.jsonl") if _done(path)] if prune else []
    )
    curve = folder.run(job).watched("validation")
    given_up = False

    def stop() -> bool:
        nonlocal given_up
        lines = list(read_lines(curve))
        # after the last epoch there is nothing left to save
        early = bool(lines) and lines[-1]["epoch"] < epochs
        given_up = given_up or (prune and early and below_median(lines, others))
        return given_up or asked()

    record = run_job(job, folder, flags=flags, stop=stop) if not folder.finished(job) else folder.standing(job)
    if record["state"] == INTERRUPTED and given_up and not asked():
        why = "below the median of earlier trials, clean and under PGD-20"
        record = folder.note(job, PRUNED, exit_code=None, seconds=record["seconds"], error=why)
        study.tell(number, None, TrialState.PRUNED)
    elif record["state"] == FINISHED:
        figures = read_json(folder.run(job).validated)
        study.tell(number, {name: figures[name] for name in OBJECTIVES})
    elif record["state"] == FAILED:
        study.tell(number, None, TrialState.FAIL)
    elif record["state"] == RUNNING:
        return False
    show(folder)
    tell(f"trial {number} {record['state']} after {duration(record['seconds'] or 0)}")
    return True


def _done(path: Any) -> bool:
    """Whether a curve is of a trial that was finished."""
    try:
        return bool(read_json(path.with_name("status.json")).get("state") == FINISHED)
    except RunError:
        return False


def _some(distribution: Any, share: float) -> Any:
    """A value of a distribution, so far from its low end."""
    if hasattr(distribution, "choices"):
        return distribution.choices[int(share * len(distribution.choices))]
    value = distribution.low + share * (distribution.high - distribution.low)
    return int(value) if isinstance(distribution.low, int) else value
