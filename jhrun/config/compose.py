"""From what was typed to a composed configuration, with errors that name the nearest right word."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError

from jhrun.config import schema
from jhrun.config.groups import CONF, choices, choose, groups, having, nearest
from jhrun.config.overrides import flatten, readable
from jhrun.config.resolvers import register_resolvers
from jhrun.errors import ConfigError, JhrunError


def explain(command: str, overrides: list[str], error: Exception) -> ConfigError:
    """What Hydra, OmegaConf or the YAML reader refused, in one line with a remedy.

    Args:
        command: whose configuration was composed.
        overrides: as given to Hydra.
        error: what was raised.

    Returns:
        A configuration error.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        options = dict.fromkeys([*choices(group), *(error.options or [])] if group else [])
        remedy = nearest(choice, options)
        if group in groups(command) and options == dict.fromkeys(choices(group)) and remedy.startswith("choose"):
            remedy = choose(group)
        return ConfigError(f"there is no {group} called '{choice}'", f"{group}={choice}", remedy)
    if isinstance(error, HydraException) and (wrong := [o for o in overrides if not readable(o)]):
        remedy = "put values with spaces or signs in quotes, as in \"key='a value'\""
        return ConfigError(f"cannot be read ({_first_line(error)})", f"'{wrong[0]}'", remedy)
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        where = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
        remedy = "mend the YAML there: spaces and no tabs, every bracket closed, every key once"
        return ConfigError(f"cannot be read ({error.problem})", where, remedy)
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"a YAML file is not UTF-8 text ({error})", _not_utf_8(), "save it as UTF-8")
    refused = re.search(r"Could not (?:override|append to|delete from config\.?) '([^']+)'", str(error))
    if refused:
        # of a mapping, the key within it
        key, inner = refused.group(1), str(getattr(error.__cause__, "full_key", ""))
        return _no_key(command, overrides, inner if inner.startswith(f"{key}.") else key)
    sweep = "add -m to sweep over several values, or quote one that holds a comma"
    swept = re.search(r"Ambiguous value|requires --multirun", str(error))
    remedy = sweep if swept else f"see jhrun {command} --help"
    return ConfigError(_first_line(error), f"jhrun {command}", remedy)


def _no_key(command: str, overrides: list[str], key: str) -> ConfigError:
    """What is said of a key that is not there."""
    others = " or ".join(having(key.removeprefix("hydra.")))
    if others:
        group = key.rpartition(".")[0].replace(".", "/")
        what = f"the chosen {group} has no key '{key}'"
        return ConfigError(what, f"jhrun {command}", f"choose {group}={others}")
    return ConfigError(f"there is no key '{key}'", f"jhrun {command}", nearest(key, keys(command, overrides, key)))


@contextmanager
def explained(command: str, overrides: Sequence[str]) -> Iterator[None]:
    """What goes wrong within is told in one line: nothing but composition may be within.

    Args:
        command: whose configuration is composed.
        overrides: as given to Hydra.

    Yields:
        Nothing.

    Raises:
        ConfigError: something was refused.
        JhrunError: as it was.
    """
    try:
        yield
    except JhrunError:
        raise
    except Exception as error:
        # of a choice or a file that is not as it should be, Hydra raises whatever it happens to meet
        refusal = explain(command, list(overrides), error)
        raise refusal from error


def keys(command: str, overrides: list[str], without: str = "") -> list[str]:
    """Groups, sections and every key that can be set, those of the section named as the command first.

    Args:
        command: whose configuration is asked for.
        overrides: of the call; those of unknown keys are left out.
        without: a key whose overrides are left out.

    Returns:
        Dotted keys.
    """
    given = [o for o in overrides if o.lstrip("+~").split("=")[0] != without]
    try:
        config = _composed(command, given)
    except Exception:
        # another of the overrides is wrong too
        config = _composed(command, [])
    found = flatten(OmegaConf.to_container(config, resolve=False))
    own_first = sorted(found, key=lambda key: not key.startswith(f"{command}."))
    return list(dict.fromkeys([*groups(command), *map(str, config), *own_first]))


def composed(command: str, overrides: list[str], *, hydra: bool = False) -> DictConfig:
    """A command's configuration, with or without Hydra's own part, leaving Hydra's global state as it was."""
    with explained(command, overrides):
        return _composed(command, overrides, hydra=hydra)


def complete(command: str, overrides: list[str]) -> tuple[DictConfig, DictConfig]:
    """A command's configuration that has all its keys and no other.

    Args:
        command: whose configuration it is.
        overrides: for Hydra.

    Returns:
        The configuration; and the same with Hydra's own part.
    """
    config = composed(command, overrides, hydra=True)
    plain: Any = OmegaConf.to_container(config, resolve=False)
    choice = plain.pop("hydra")["runtime"]["choices"]
    schema.check_keys(command, plain, choice, lambda: keys(command, []))
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]), config


def _composed(command: str, overrides: list[str], *, hydra: bool = False) -> DictConfig:
    with hydra_ready():
        return hydra_compose(command, overrides, return_hydra_config=hydra)


@contextmanager
def hydra_ready(*more: str) -> Iterator[None]:
    """Hydra's global state is there, and afterwards as it was.

    Args:
        *more: folders of YAML files of the user's own.

    Yields:
        Nothing.

    Raises:
        ConfigError: one of the folders is not there.
    """
    register_resolvers()
    if GlobalHydra.instance().is_initialized():
        yield
        return
    for folder in more:
        if not Path(folder).expanduser().is_dir():
            remedy = "give the folder of your YAML files"
            raise ConfigError(f"there is no folder '{folder}'", "--config-dir", remedy)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if more:
            # what --config-dir does; compose knows no such thing
            path = create_config_search_path(str(CONF))
            for folder in more:
                path.prepend("command-line", f"file://{Path(folder).expanduser().absolute()}", anchor="schema")
            GlobalHydra.instance().clear()
            Hydra.create_main_hydra2("jhrun", path)
        yield


def _not_utf_8() -> str:
    """The first YAML file of the user's folders that is no UTF-8 text."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    for source in hydra.config_loader.get_sources():
        for path in sorted(Path(source.path).rglob("*.yaml")) if source.scheme() == "file" else []:
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                return str(path)
            except OSError:
                continue
    return "--config-dir"


def _first_line(error: Exception) -> str:
    told = str(error).strip() or str(error.__cause__ or "").strip()
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    # a heading says too little alone
    return (lines[0] if not lines[0].endswith(":") else " ".join(lines[:2])) if lines else type(error).__name__
