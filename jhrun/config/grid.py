"""From overrides with several values to the jobs of a sweep."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from jhrun.config.compose import composed, hydra_ready
from jhrun.config.groups import choices
from jhrun.config.overrides import as_typed, prepare
from jhrun.config.plugins import Code
from jhrun.errors import ConfigError

_PASSING = ("sweep.", "search.trials", "checkpoint.", "log.", "logger", "dataset.root", "dataset.cache", "hydra")
"""Beginnings of overrides that say how a sweep is worked on, and not what it is."""


@dataclass(frozen=True)
class Grid:
    """What a sweep consists of.

    Attributes:
        settings: the configuration with Hydra's own part, each swept key at its first value.
        jobs: overrides of each, as one would type them for it alone.
        swept: those of their keys that have several values.
        folder: where it goes.
    """

    settings: DictConfig
    jobs: Sequence[tuple[str, ...]]
    swept: Sequence[str]
    folder: Path

    def telling(self, overrides: Sequence[str]) -> str:
        """Those of a job's overrides that tell it from the others."""
        return " ".join(o for o in overrides if o.split("=")[0] in self.swept) or " ".join(overrides) or "–"


def expand(overrides: Sequence[str], code: Code) -> Grid:
    """Every combination of the values that keys are given, here or by ``hydra.sweeper.params`` of an experiment.

    Args:
        overrides: as typed, flags taken out.
        code: gives the version of the code, which the name stands for too.

    Returns:
        The sweep.

    Raises:
        ConfigError: a key has no list of values but an interval, or a run was to be resumed.
    """
    with hydra_ready():
        settings, mine = read(overrides)
        values = {key: _values(o) for key, o in mine.items()}
    swept = [key for key, of_key in values.items() if len(of_key) > 1]
    jobs = list(itertools.product(*values.values()))
    fixed = [of_key[0] for key, of_key in values.items() if key not in swept]
    return Grid(settings, jobs, swept, folder(settings, fixed, swept, code))


def combinations(overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """The overrides of each job of a multirun, in a Hydra that is ready.

    Args:
        overrides: as typed, flags taken out.

    Returns:
        One for each combination of values, as one would type them for it alone.
    """
    typed = parsed(as_typed(prepare(list(overrides), multirun=True)))
    return list(itertools.product(*map(_values, typed)))


def read(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Override]]:
    """What was typed for a sweep, in a Hydra that is ready.

    Args:
        overrides: as typed, flags taken out.

    Returns:
        The configuration with Hydra's own part, each swept key at its first value; and by key the overrides that
        are not Hydra's own, those of the experiment's ``hydra.sweeper.params`` included.

    Raises:
        ConfigError: a run was to be resumed.
    """
    typed = {o.get_key_element(): o for o in parsed(as_typed(prepare(list(overrides), multirun=True)))}
    settings = _settings(typed)
    params = [
        f"{key}={','.join(map(str, value)) if OmegaConf.is_list(value) else value}"
        for key, value in (settings.hydra.sweeper.params or {}).items()
    ]
    if params:
        typed = {o.get_key_element(): o for o in parsed(params)} | typed
        settings = _settings(typed)
    mine = {key: o for key, o in typed.items() if not o.is_hydra_override()}
    if any(key.lstrip("+") == "resume" for key in mine):
        raise ConfigError("a sweep goes on by itself", "resume", "type the sweep's command again, without it")
    return settings, mine


def folder(settings: DictConfig, fixed: Sequence[str], swept: Sequence[str], code: Code) -> Path:
    """Where a sweep goes: ``hydra.sweep.dir`` if it was given, else a folder below ``outputs/sweeps``.

    Args:
        settings: its configuration with Hydra's own part.
        fixed: overrides that are the same for all jobs.
        swept: keys that are not.
        code: gives the version of the code.

    Returns:
        An absolute path; the same for the same command, in whatever order it is typed, and for one with other
        values of the same keys.
    """
    given = str(settings.hydra.sweep.dir)
    if given != "auto":
        return Path(given).expanduser().absolute()
    chosen: dict[str, Any] = dict(settings.hydra.runtime.choices)
    leading = next((key for key in ("experiment", "dataset") if chosen.get(key) and key not in swept), None)
    stem = str(chosen[leading]).replace("/", "_") if leading else "sweep"
    # one seed more is the same sweep
    telling = sorted(o for o in [*fixed, *swept] if not o.lstrip("+~").startswith((*_PASSING, "seed")))
    plain: Any = OmegaConf.to_container(settings, resolve=False)
    name = f"{stem}_{hashlib.sha256(repr((code(plain), telling)).encode()).hexdigest()[:6]}"
    return (Path("outputs/sweeps") / name).absolute()


def one(override: Override) -> str:
    """An override with the first of its values."""
    if override.is_sweep_override() and not override.is_discrete_sweep():
        interval: Any = override.value()
        return f"{override.get_key_element()}={interval.start}"
    return _values(override)[0]


def parsed(overrides: Sequence[str]) -> list[Override]:
    """Overrides as Hydra reads them, in a Hydra that is ready."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    return list(OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(list(overrides)))


def _settings(typed: dict[str, Override]) -> DictConfig:
    """The configuration with each key's first value, and our settings of the launcher below what was typed."""
    firsts = [one(o) for o in typed.values()]
    launcher = next((o.split("=")[1] for o in firsts if o.startswith("hydra/launcher=")), None)
    if launcher in choices("launcher"):
        firsts.append(f"+launcher@hydra.launcher={launcher}")
    return composed("train", prepare(firsts, multirun=False), hydra=True)


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}" if "~" not in key else str(override.input_line)]
    if not override.is_discrete_sweep():
        remedy = f"give a list, {key}=…,…, or add search=optuna"
        raise ConfigError(f"{key} is given an interval", f"'{override.input_line}'", remedy)
    values = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not values:
        raise ConfigError(f"{key} is given no value", f"'{override.input_line}'", f"give a list, {key}=…,…")
    return list(dict.fromkeys(values))
