"""Hand a command to Hydra: one job, or the jobs of a multirun, each failing for itself."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from jhrun.commands.search import search
from jhrun.commands.session import warnings_said
from jhrun.commands.signals import Preempted
from jhrun.commands.sweep import sweep
from jhrun.config.compose import as_typed, explained, hydra_ready, prepare
from jhrun.config.groups import CONF
from jhrun.config.resolvers import register_resolvers
from jhrun.errors import PREEMPTED, ConfigError, JhrunError, ResourceError, RunError
from jhrun.files import CLOSED, FULL
from jhrun.sweeps import watch_parent
from jhrun.training import Interrupted

_DIRS = {"--config-dir", "-cd"}


def launch(command: str, flags: Sequence[str], overrides: Sequence[str]) -> int:
    """Run a command through Hydra.

    Args:
        command: train or eval.
        flags: Hydra's own, such as ``--multirun`` or ``--cfg job``.
        overrides: as typed.

    Returns:
        0, or the exit code of the first job that failed.

    Raises:
        ConfigError: the configuration cannot be composed.
        RunError: Hydra cannot make the run's folder.
        OSError: any other one, as it was.
    """
    of_sweep, multirun = watch_parent(), "--multirun" in flags
    if command == "train" and not of_sweep and not {"--cfg", "-c"} & set(flags):
        searched = any(o.startswith("search=") and o != "search=null" for o in overrides)
        if multirun:
            return _many(search if searched else sweep, flags, overrides)
        if searched:
            raise ConfigError("a search has many runs", "search", "add -m")
    work = import_module(f"jhrun.commands.{command}").run
    codes: list[int] = []
    begun: list[str] = []

    def job(config: DictConfig) -> None:
        output = Path(HydraConfig.get().runtime.output_dir)
        typed = as_typed(list(HydraConfig.get().overrides.task))
        begun.append(" ".join(typed))
        try:
            with warnings_said():
                work(config, typed, output)
            codes.append(0)
        except Preempted:
            codes.append(PREEMPTED)
        except Interrupted:
            raise KeyboardInterrupt from None
        except JhrunError as error:
            codes.append(report_error(error, f"job {len(begun) - 1} ({begun[-1]}): " if multirun else ""))
        finally:
            _drop_empty(output)

    register_resolvers()
    prepared = prepare(list(overrides), multirun=multirun)
    main = hydra.main(version_base="1.3", config_path=str(CONF), config_name=command)(job)
    with _hydra_settings(["jhrun", *flags, *prepared]):
        try:
            with explained(command, prepared):
                main()
        except OSError as error:
            if begun:
                raise
            kind = ResourceError if error.errno in CLOSED | FULL else RunError
            what = f"the run's folder cannot be made ({error.strerror})"
            raise kind(what, str(error.filename), "choose another hydra.run.dir") from error
    return next((code for code in codes if code), 0)


def _many(
    work: Callable[[Sequence[str], Sequence[str]], int], flags: Sequence[str], overrides: Sequence[str]
) -> int:
    """A sweep or a search, with the flags that its jobs are to have."""
    others = [flag for flag in flags if flag != "--multirun"]
    with hydra_ready(*_config_dirs(others)):
        return work(overrides, others)


def _config_dirs(flags: Sequence[str]) -> list[str]:
    """The folders that ``--config-dir DIR`` or ``--config-dir=DIR`` name."""
    pairs = [flag.split("=", 1) for flag in flags]
    after = [following for (name, *_), following in zip(pairs, flags[1:], strict=False) if name in _DIRS]
    return [value for name, *value_ in pairs if name in _DIRS for value in value_] or after


def report_error(error: JhrunError, job: str) -> int:
    """Print a failure as its one line.

    Args:
        error: what went wrong.
        job: of a sweep, to begin the line with.

    Returns:
        Its exit code.
    """
    print(f"error: {job}{error}", file=sys.stderr, flush=True)
    return error.exit_code


def _drop_empty(output: Path) -> None:
    """Remove the folders that Hydra made below ./outputs for a job that never began."""
    with suppress(OSError):
        for folder in (output, *output.parents):
            if not folder.is_relative_to(Path("outputs").absolute()):
                break
            folder.rmdir()


@contextmanager
def _hydra_settings(arguments: list[str]) -> Iterator[None]:
    """The global state that Hydra reads and changes, set for it and put back.

    It takes its words from ``sys.argv``; with ``HYDRA_FULL_ERROR`` it raises what goes wrong, instead of printing
    it and exiting with 1; and it sets the root logger's level.
    """
    words, level, before = sys.argv, logging.getLogger().level, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = arguments, "1"
    try:
        yield
    finally:
        sys.argv = words
        logging.getLogger().setLevel(level)
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before
