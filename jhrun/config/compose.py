"""From what was typed to a composed configuration, with errors that name the nearest right word."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from jhrun.config.groups import CONF, choices, groups, having, nearest
from jhrun.config.resolvers import register_resolvers
from jhrun.errors import ConfigError

PATHS = (
    *("run", "resume", "name", "dataset.root", "dataset.cache", "regularizer.target", "solver.costs"),
    *("hydra.run.dir", "hydra.sweep.dir"),
)
"""Keys whose values are paths or names, which may hold any letter."""

_WORD = re.compile(r"^[~+]{0,2}([\w./@-]+)=", flags=re.ASCII)

_PLAIN_PATH = re.compile(r"[\w.-]*/[\w./-]*", flags=re.ASCII)
"""What Hydra's grammar takes for a string as it is: with a slash, it is no number and no other word of it."""


def prepare(overrides: list[str], *, multirun: bool) -> list[str]:
    """Overrides as Hydra's grammar can read them.

    Path values are quoted (in a multirun, each of a comma-separated list), and a mapping replaces what was there
    instead of being merged into it: the stages of two schedules must not mix.

    Args:
        overrides: as typed.
        multirun: whether commas separate values.

    Returns:
        Overrides for Hydra.

    Raises:
        ConfigError: one of them is not KEY=VALUE.
    """
    prepared = []
    for override in overrides:
        if not _WORD.match(override) and not re.match(r"^~[\w./@-]+$", override):
            raise ConfigError(f"'{override}' is not of the form KEY=VALUE", "command line", "as in train.epochs=5")
        key, _, value = override.partition("=")
        if key.lstrip("+~") in PATHS and value not in {"", "null"}:
            # a sweep has one folder, commas or not
            several = multirun and not _quoted(value) and not key.startswith("hydra.")
            values = value.split(",") if several else [value]
            prepared.append(f"{key}={','.join(map(_quote, values))}")
            continue
        if value.startswith("{") and not key.startswith(("+", "~")):
            prepared.append(f"{key}=null")
        prepared.append(override)
    return prepared


def as_typed(prepared: list[str]) -> list[str]:
    """Prepared overrides without those that were put in front of mappings.

    Args:
        prepared: by ``prepare``.

    Returns:
        The others.

    Example:
        >>> as_typed(prepare(["seed=1", "solver.truth={0: 0.5}"], multirun=False))
        ['seed=1', 'solver.truth={0: 0.5}']
        >>> as_typed([])
        []
    """
    return [
        own
        for own, after in pairwise([*prepared, ""])
        if not (own.endswith("=null") and after.startswith(own.removesuffix("null") + "{"))
    ]


def explain(command: str, overrides: list[str], error: Exception) -> ConfigError:
    """What Hydra or OmegaConf refused, in one line with a remedy.

    Args:
        command: whose configuration was composed.
        overrides: as given to Hydra.
        error: what it raised.

    Returns:
        A configuration error.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        options = error.options or list(choices(group)) if group else []
        return ConfigError(f"there is no {group} called '{choice}'", f"{group}={choice}", nearest(choice, options))
    if isinstance(error, OverrideParseException):
        remedy = "put values with spaces or signs in quotes, as in \"key='a value'\""
        return ConfigError(f"cannot be read ({_first_line(error)})", f"'{error.override}'", remedy)
    refused = re.search(r"Could not (?:override|append to|delete from config\.?) '([^']+)'", str(error))
    if refused:
        key = refused.group(1)
        others = " or ".join(having(key))
        if others:
            group = key.split(".")[0]
            what = f"the chosen {group} has no key '{key}'"
            return ConfigError(what, f"jhrun {command}", f"choose {group}={others}")
        return ConfigError(
            f"there is no key '{key}'", f"jhrun {command}", nearest(key, keys(command, overrides, key))
        )
    sweep = "add -m to sweep over several values, or quote one that holds a comma"
    remedy = sweep if "Ambiguous value" in str(error) else f"see jhrun {command} --help"
    return ConfigError(_first_line(error), f"jhrun {command}", remedy)


@contextmanager
def explained(command: str, overrides: Sequence[str]) -> Iterator[None]:
    """What Hydra or OmegaConf refuses within is told in one line.

    Args:
        command: whose configuration is composed.
        overrides: as given to Hydra.

    Yields:
        Nothing.

    Raises:
        ConfigError: something was refused.
    """
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        refusal = explain(command, list(overrides), error)
        raise refusal from error


def keys(command: str, overrides: list[str], without: str = "") -> list[str]:
    """Every key that can be set, with the groups.

    Args:
        command: whose configuration is asked for.
        overrides: of the call; those of unknown keys are left out.
        without: a key whose overrides are left out.

    Returns:
        Dotted keys.
    """
    given = [o for o in overrides if o.lstrip("+~").split("=")[0] != without]
    try:
        config = composed(command, given)
    except (HydraException, OmegaConfBaseException):
        config = composed(command, [])
    return [*groups(command), *flatten(OmegaConf.to_container(config, resolve=False))]


def composed(command: str, overrides: list[str], *, hydra: bool = False) -> DictConfig:
    """A command's configuration, with or without Hydra's own part, leaving Hydra's global state as it was."""
    with hydra_ready():
        return hydra_compose(command, overrides, return_hydra_config=hydra)


@contextmanager
def hydra_ready(*more: str) -> Iterator[None]:
    """Hydra's global state is there, and afterwards as it was.

    Args:
        *more: folders of YAML files of the user's own.

    Yields:
        Nothing.
    """
    register_resolvers()
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if more:
            # what --config-dir does; compose knows no such thing
            path = create_config_search_path(str(CONF))
            for folder in more:
                path.prepend("command-line", f"file://{Path(folder).expanduser().absolute()}", anchor="schema")
            GlobalHydra.instance().clear()
            Hydra.create_main_hydra2("jhrun", path)
        yield


def flatten(node: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of nested mappings by their dotted keys; lists are leaves, and so are the stages of a schedule.

    Args:
        node: nested dictionaries.
        prefix: of the keys.

    Returns:
        Dotted key → leaf.

    Example:
        >>> flatten({"a": {"b": 1, "c": [2]}, "d": {0: 0.1}})
        {'a.b': 1, 'a.c': [2], 'd': {0: 0.1}}
    """
    if not isinstance(node, dict) or not node or not all(isinstance(key, str) for key in node):
        return {prefix: node}
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        leaves |= flatten(value, f"{prefix}.{key}" if prefix else key)
    return leaves


def typed_keys(overrides: list[str]) -> list[str]:
    """The keys and groups that overrides name."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    return [override.key_or_group.replace("/", ".") for override in parsed]


def _quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _quote(value: str) -> str:
    if _quoted(value) or _PLAIN_PATH.fullmatch(value):
        return value
    if value.startswith("~"):
        value = str(Path(value).expanduser())
    # a path is a path, also where OmegaConf would see a reference in it
    value = value.replace("${", "\\${")
    # in Hydra's quoted strings a backslash is special before a quote, and at the end
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{chr(92) * trailing}'"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
