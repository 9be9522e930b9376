"""Which keys a command's configuration has: those of its own YAML file and of its groups, and no others.

Hydra refuses a mistyped key on the command line. A key that comes from a file, from ``+KEY=`` or with a mapping is
merged without a word, and one that ``~KEY`` takes away is missed only where it is needed: here both are told.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jhrun.config.groups import CONF, contents, defaults, groups, nearest
from jhrun.config.values import written_as
from jhrun.errors import ConfigError

GLOBAL = ("experiment", "scale")
"""Groups whose files set keys of the whole configuration."""

LISTED = ("attack", "analysis")
"""Groups of which several are chosen, each by its name."""

_REFERENCE = re.compile(r"\$\{\.*([\w.]+)")


def check_keys(
    command: str, config: Mapping[str, Any], choice: Mapping[str, Any], known: Callable[[], Iterable[str]]
) -> None:
    """Refuse keys that nothing reads, and name those that are missing.

    Args:
        command: whose configuration it is.
        config: composed, not resolved; Hydra's own part taken out.
        choice: what was chosen of each group.
        known: gives the keys that can be meant by a mistyped one.

    Raises:
        ConfigError: names all of them.
    """
    own = _own(command)
    read = {name for text in _texts(config) for name in _REFERENCE.findall(text)}
    faults = []
    for key in _unknown(command, config, own):
        # a user's own key may be referred to by others
        if not any(key == name or key.endswith(f".{name}") or name.startswith(f"{key}.") for name in read):
            faults.append(_told(key, choice, known()))
    for key, default in own.items():
        if isinstance(default, Mapping) and not isinstance(config.get(key, default), Mapping):
            example = f"as in {key}.{next(iter(default))}=…"
            faults.append(f"{key}={written_as(config[key])}: must hold keys of its own: set them, {example}")
    faults += [f"'{key}' is missing: leave out what takes it away" for key in _missing(config, own)]
    needed = [group for group, default in defaults(command).items() if default != "null" and default[0] != "["]
    faults += [f"there is no {group}: choose one, {group}=…" for group in needed if group not in config]
    if faults:
        where = " ".join(f"{group}={choice[group]}" for group in GLOBAL if choice.get(group))
        raise ConfigError("; ".join(dict.fromkeys(faults)), where or f"jhrun {command}", "")


def _told(key: str, choice: Mapping[str, Any], known: Iterable[str]) -> str:
    group = key.split(".", maxsplit=1)[0]
    if group in GLOBAL:
        file, line = f"{group}/{choice.get(group)}.yaml", "# @package _global_"
        return f"{file} changes nothing: its first line must be '{line}'"
    if group in LISTED:
        what = f"'{key}' is no {group}: the first line of a file must be '# @package {group}.NAME'"
        return f"{what}, and ~{key} takes one away"
    return f"there is no key '{key}': {nearest(key, known)}"


def _unknown(command: str, config: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """Dotted keys that have no place; a group's class knows its own arguments."""
    nodes: dict[str, set[str]] = {name: _of_files(name) for name in groups(command) if name == "search"}
    for key, value in config.items():
        if key in own or key in nodes:
            inner = own.get(key)
            allowed = {*(inner if isinstance(inner, Mapping) else ()), *nodes.get(key, set())}
            if isinstance(value, Mapping) and allowed:
                yield from (f"{key}.{name}" for name in value if name not in allowed)
        elif key in LISTED:
            if isinstance(value, Mapping):
                yield from (f"{key}.{name}" for name, node in value.items() if not isinstance(node, Mapping))
        elif key not in groups(command) or key in GLOBAL:
            yield str(key)


def _missing(config: Any, own: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Keys of the command's own file that a call takes away."""
    for key, default in own.items():
        if key not in config:
            yield f"{prefix}{key}"
        elif isinstance(default, Mapping) and isinstance(config[key], Mapping):
            yield from _missing(config[key], default, f"{prefix}{key}.")


@cache
def _own(command: str) -> dict[str, Any]:
    """The keys of a command's own file, with their defaults."""
    found = contents(CONF / f"{command}.yaml")
    return {key: value for key, value in found.items() if key not in {"defaults", "hydra"}}


@cache
def _of_files(group: str) -> set[str]:
    """The keys that the files of a group set in its own section."""
    found = set()
    for path in sorted((CONF / group).glob("*.yaml")):
        keys = contents(path)
        found |= set(keys.get(group, keys))
    return found


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str) and "${" in node:
        yield node
