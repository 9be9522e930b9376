"""Hand a command to Hydra: one job, or the jobs of a multirun, each failing for itself."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from jhrun.commands.search import search
from jhrun.commands.session import tell, warnings_said
from jhrun.commands.signals import Preempted
from jhrun.commands.sweep import sweep
from jhrun.config import grid
from jhrun.config.compose import complete, explained, hydra_ready
from jhrun.config.overrides import as_typed, prepare
from jhrun.errors import PREEMPTED, ConfigError, JhrunError, pasteable
from jhrun.sweeps import watch_parent
from jhrun.training import Interrupted

_USED = (
    "hydra.run.",
    "hydra.sweep.",
    "hydra.sweeper.",
    "hydra.launcher",
    "hydra.searchpath",
    "hydra/launcher",
)
"""Settings of Hydra's that a command heeds."""


def launch(command: str, flags: Sequence[str], overrides: Sequence[str], *, validate: bool = False) -> int:
    """Compose a command's configuration and run it: once, or with ``-m`` for every combination of values.

    Args:
        command: train, eval or bench.
        flags: Hydra's own, such as ``--multirun`` or ``--cfg job``.
        overrides: as typed.
        validate: whether the call is tried and not run.

    Returns:
        0, or the exit code of the first job that failed.

    Raises:
        ConfigError: the configuration cannot be composed.
    """
    of_sweep, others = watch_parent(), [flag for flag in flags if flag != "--multirun"]
    multirun = others != list(flags)
    for override in overrides:
        if _of_hydra(override) and not override.lstrip("+~").startswith(_USED):
            remedy = "add -m for several values" if "hydra.mode" in override else "leave it out"
            raise ConfigError(f"{override.partition('=')[0]} is not used", f"jhrun {command}", remedy)
    with hydra_ready(*_values_of(others, "--config-dir", "-cd")):
        if shown := _values_of(others, "--cfg", "-c"):
            return _show(command, shown[0], overrides, resolve="--resolve" in others)
        searched = any(o.startswith("search=") and o != "search=null" for o in overrides)
        if validate and searched:
            raise ConfigError("a search draws its values as it goes", "jhrun validate", "leave search= out")
        if command == "train" and multirun and not (of_sweep or validate):
            return (search if searched else sweep)(overrides, others)
        if command == "train" and searched and not of_sweep:
            raise ConfigError("a search has many runs", "search", "add -m")
        if not multirun:
            return _run(command, overrides, validate=validate)
        with explained(command, overrides):
            jobs = grid.combinations(overrides)
        names = [f"job {number} ({' '.join(job)}): " for number, job in enumerate(jobs)]
        codes = [_run(command, job, name, validate=validate) for job, name in zip(jobs, names, strict=True)]
    return next((code for code in codes if code), 0)


def _run(command: str, overrides: Sequence[str], job: str = "", *, validate: bool = False) -> int:
    """One run of a command, failing for itself.

    Args:
        command: train, eval or bench.
        overrides: as typed.
        job: what its error begins with.
        validate: whether it is tried and not run.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    try:
        prepared = prepare(list(overrides), multirun=False)
        config, settings = complete(command, prepared)
        HydraConfig.instance().set_config(settings)
        with explained(command, overrides):
            output = Path(settings.hydra.run.dir).absolute()
        typed = [override for override in as_typed(prepared) if not _of_hydra(override)]
        with warnings_said():
            module = import_module(f"jhrun.commands.{command}")
            if validate:
                tell(f"{job}nothing is wrong; jhrun {command} would {module.validate(config, typed, output)}")
            else:
                module.run(config, typed, output)
    except Preempted:
        return PREEMPTED
    except Interrupted:
        raise KeyboardInterrupt from None
    except JhrunError as error:
        return report_error(error, job)
    return 0


def _of_hydra(override: str) -> bool:
    return override.lstrip("+~").startswith(("hydra.", "hydra/"))


def _show(command: str, part: str, overrides: Sequence[str], *, resolve: bool) -> int:
    """Print the composed configuration: the ``job``'s, ``hydra``'s or ``all``."""
    if part not in {"job", "hydra", "all"}:
        raise ConfigError(f"there is no part '{part}'", f"--cfg {part}", "choose one of job, hydra, all")
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    prepared = prepare(list(overrides), multirun=False)
    with explained(command, prepared):
        hydra.show_cfg(command, prepared, part, package=None, resolve=resolve)
    return 0


def _values_of(flags: Sequence[str], *names: str) -> list[str]:
    """What follows a flag, as in ``--cfg job`` or ``--cfg=job``."""
    pairs = [flag.split("=", 1) for flag in flags]
    after = [following for (name, *_), following in zip(pairs, flags[1:], strict=False) if name in names]
    return [value for name, *value_ in pairs if name in names for value in value_] or after


def report_error(error: JhrunError, job: str) -> int:
    """Print a failure as its one line.

    Args:
        error: what went wrong.
        job: of a sweep, to begin the line with.

    Returns:
        Its exit code.
    """
    print(pasteable(f"error: {job}{error}"), file=sys.stderr, flush=True)
    return error.exit_code
