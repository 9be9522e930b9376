"""What people type, KEY=VALUE, as Hydra's grammar can read it."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep
from hydra.errors import HydraException

from jhrun.config.groups import COMPOSED, CONF, choose, contents, defaults
from jhrun.config.values import CHECKS, SCHEDULES
from jhrun.errors import ConfigError

_WORD = re.compile(r"^[~+]{0,2}([\w./@-]+)=", flags=re.ASCII)

_PLAIN = re.compile(r"[A-Za-z_]\w*|[\w.-]*/[\w./-]*", flags=re.ASCII)
"""What Hydra's grammar takes for a string as it is, but for ``true``, ``null`` and the like."""

_CALL = re.compile(r"(choice|glob|interval|range|tag|sort|shuffle|int|float|str|bool|json_str)\(")
"""How the functions of Hydra's grammar begin."""


def prepare(overrides: list[str], *, multirun: bool) -> list[str]:
    """Overrides as Hydra's grammar can read them.

    Text is quoted (in a multirun, each of a comma-separated list): values of ``text_keys``, paths, and whatever
    the grammar cannot read. A mapping replaces the value of a key in a section, instead of being merged into it:
    the stages of two schedules must not mix.

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
        key, equals, value = override.partition("=")
        name = key.lstrip("+~")
        if equals and _is_text(name, value, multirun=multirun):
            # a sweep has one folder, commas or not
            several = multirun and not _quoted(value) and not name.startswith("hydra.")
            values = value.split(",") if several else [value]
            prepared.append(f"{key}={','.join(map(_quote, values))}")
            continue
        if value.startswith("{") and "." in key and not key.startswith(("+", "~")):
            prepared.append(f"{key}=null")
        prepared.append(_choice(override, name) if _is_group(name) else override)
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


def typed_keys(overrides: list[str]) -> list[str]:
    """The keys and groups that overrides name."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    return [override.key_or_group.replace("/", ".") for override in parsed]


@cache
def text_keys() -> frozenset[str]:
    """The keys outside of groups that hold text: by default a word or nothing, and no rule asks for more.

    A new key for a folder or a name is among them without being listed anywhere.

    Returns:
        Dotted keys of all commands, ``hydra.run.dir`` and the like included.
    """
    found = set()
    for command in COMPOSED:
        leaves = flatten(contents(CONF / f"{command}.yaml"))
        found |= {key for key, value in leaves.items() if value is None or isinstance(value, str)}
    return frozenset(found - CHECKS.keys() - SCHEDULES.keys())


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


def _is_text(key: str, value: str, *, multirun: bool) -> bool:
    """Whether a value is to be taken letter by letter."""
    if value in {"", "null"} or _is_group(key) or (multirun and _CALL.match(value)):
        return False
    if key in text_keys():
        return True
    if value[0] in "[{'\"" or _CALL.match(value) or "${" in value:
        # whatever is wrong in it, it is not text
        return False
    ruled = key in CHECKS or key in SCHEDULES
    return ("/" in value and not ruled) or not readable(f"x={value}")


def readable(override: str) -> bool:
    """Whether Hydra's grammar can read an override."""
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True


def _is_group(key: str) -> bool:
    """Whether a key is the name of a group, ours or Hydra's."""
    return "/" in key or "@" in key or any(key in defaults(command) for command in COMPOSED)


def _choice(override: str, group: str) -> str:
    """The override of a group, if it is one that Hydra can compose; a number is the name of a choice too.

    Args:
        override: as typed.
        group: its key.

    Returns:
        The override for Hydra.

    Raises:
        ConfigError: it is a mapping, or a list or nothing where one choice must be.
    """
    default = next((defaults(command)[group] for command in COMPOSED if group in defaults(command)), None)
    if default is None:
        return override
    several, optional = default.startswith("["), default == "null"
    if override.startswith("~"):
        raise ConfigError(f"'{override}' cannot be taken away", "command line", choose(group))
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        # told with everything else that cannot be read
        return override
    for value in _values(parsed):
        if isinstance(value, dict):
            remedy = f"choose one, and set its keys one by one, as in {group}.KEY=VALUE"
            raise ConfigError(f"{group} takes the name of a choice and no mapping", f"'{override}'", remedy)
        if isinstance(value, list) and not several:
            raise ConfigError(f"{group} takes one choice and no list", f"'{override}'", choose(group))
        if isinstance(value, list) and not all(isinstance(name, str) for name in value):
            raise ConfigError(f"{group} takes a list of names and nothing else", f"'{override}'", choose(group))
        if value == "" or (value is None and not optional):
            raise ConfigError(f"{group} is given no choice", f"'{override}'", choose(group))
    if isinstance(parsed.value(), int | float):
        return f"{parsed.get_key_element()}='{override.partition('=')[2]}'"
    return override


def _values(parsed: Override) -> Iterator[Any]:
    value = parsed.value()
    if isinstance(value, ChoiceSweep):
        yield from value.list
    elif not isinstance(value, Sweep):
        yield value


def _quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _quote(value: str) -> str:
    if _quoted(value) or ("/" in value and _PLAIN.fullmatch(value)):
        return value
    if value.startswith("~"):
        value = str(Path(value).expanduser())
    # text is text, also where OmegaConf would see a reference in it
    value = value.replace("${", "\\${")
    # in Hydra's quoted strings a backslash is special before a quote, and at the end
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{chr(92) * trailing}'"
