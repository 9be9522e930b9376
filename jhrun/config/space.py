"""From overrides with intervals to the space of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig

from jhrun.config.compose import hydra_ready
from jhrun.config.grid import folder, one, parsed, read
from jhrun.config.plugins import Code
from jhrun.errors import ConfigError
from jhrun.sweeps.search import Categorical, Distribution, Float, Int

_SYNTAX = "as in KEY=interval(0.1,0.9), KEY=tag(log,interval(1e-4,1e-2)), KEY=int(interval(1,9)), KEY=choice(a,b)"


@dataclass(frozen=True)
class Space:
    """What a search draws from.

    Attributes:
        settings: the configuration with Hydra's own part, each key that is searched at one of its values.
        fixed: overrides that all trials have.
        keys: what each key is drawn from.
        folder: where the search goes.
    """

    settings: DictConfig
    fixed: Sequence[str]
    keys: Mapping[str, Distribution]
    folder: Path

    def overrides(self, drawn: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of a trial, as one would type them for it alone."""
        return (*self.fixed, *(f"{key}={value}" for key, value in drawn.items()))


def space(overrides: Sequence[str], code: Code) -> Space:
    """The space that is typed, or where a key of it is not, that of ``search.space``.

    Args:
        overrides: as typed, flags taken out.
        code: gives the version of the code.

    Returns:
        The space.

    Raises:
        ConfigError: nothing is left to be searched.
    """
    with hydra_ready():
        settings, mine = read(overrides)
        default = settings.search.space or {}
        typed = {o.key_or_group for o in mine.values()}
        given = {str(key): value for key, value in default.items() if key not in typed}
        mine |= {o.get_key_element(): o for o in parsed([f"{key}={value}" for key, value in given.items()])}
    keys = {key: _distribution(o) for key, o in mine.items() if o.is_sweep_override()}
    if not keys:
        raise ConfigError("nothing is left to be searched", "search.space", f"give a key a range, {_SYNTAX}")
    fixed = [one(o) for key, o in mine.items() if key not in keys]
    return Space(
        settings, fixed, keys, folder(settings, fixed, [f"{key}={drawn}" for key, drawn in keys.items()], code)
    )


def _distribution(override: Override) -> Distribution:
    swept: Any = override.value()
    log = "log" in getattr(swept, "tags", ())
    try:
        if isinstance(swept, IntervalSweep):
            if isinstance(swept.start, int) and isinstance(swept.end, int):
                return Int(swept.start, swept.end, log=log)
            assert swept.start is not None
            assert swept.end is not None
            return Float(float(swept.start), float(swept.end), log=log)
        if isinstance(swept, RangeSweep):
            numbers = list(swept.range())
            return Categorical(numbers) if not log else Int(int(numbers[0]), int(numbers[-1]), log=True)
        assert isinstance(swept, ChoiceSweep)
        return Categorical(list(override.sweep_string_iterator()))
    except ValueError as error:
        raise ConfigError(str(error), f"'{override.input_line}'", f"give a range, {_SYNTAX}") from error
