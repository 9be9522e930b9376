"""What a configuration is: a run's keys and values, without its seed and what changes no result."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from jhrun.reporting import words
from jhrun.reporting.text import one_line

INDIFFERENT = frozenset({
    "seed", "device", "threads", "checkpoint", "log", "resume", "resume_force", "plugins", "logger", "sweep",
    "dataset.download",
})  # fmt: skip
"""Keys that do not change what comes out; and ``dataset.root`` of data that are downloaded."""

CODE = "code"
"""Stands among a row's keys for the hash of the source that its runs were made with."""

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""A value as JSON has it."""

Leaves: TypeAlias = dict[str, Plain]
"""Values by dotted keys."""


def leaves(config: Mapping[str, object]) -> Leaves:
    """The leaves that make a configuration, by dotted keys.

    Args:
        config: resolved plain values, from YAML or from JSON.

    Returns:
        Key → value; schedules are leaves, and so are lists, but those of mappings are entered by number.

    Example:
        >>> leaves({"seed": 1, "solver": {"n": {0: 2, 50: 4.0}}, "penalties": [{"of": "loss"}]})
        {'solver.n': {'0': 2, '50': 4}, 'penalties.0.of': 'loss'}
    """
    # JSON writes a schedule's epochs as text, YAML as numbers
    found: Leaves = {key: value for key, value in _flat(_plain(config), "") if not _indifferent(key)}
    dataset = config.get("dataset")
    if isinstance(dataset, dict) and "download" in dataset:
        found.pop("dataset.root", None)
    return found


def identity(found: Leaves | None, otherwise: Sequence[str]) -> str:
    """A text that two configurations share if they are the same.

    Args:
        found: the leaves; None where there is no configuration.
        otherwise: what was typed, which then stands for it, but for the seed.

    Returns:
        JSON.
    """
    if found is not None:
        return json.dumps(found, sort_keys=True)
    return json.dumps([word for word in map(one_line, otherwise) if not word.startswith("seed=")])


def differing(all_leaves: Iterable[Leaves]) -> list[str]:
    """The keys whose values are not the same in all configurations, in their order there.

    Args:
        all_leaves: of the configurations.

    Returns:
        Keys; one that some lack is among them, but for the code's version, which a job has once it was begun.
    """
    seen: dict[str, set[str]] = {}
    count: dict[str, int] = {}
    total = 0
    for found in all_leaves:
        total += 1
        for key, value in found.items():
            seen.setdefault(key, set()).add(json.dumps(value, sort_keys=True))
            count[key] = count.get(key, 0) + 1
    return [key for key, values in seen.items() if len(values) > 1 or (count[key] < total and key != CODE)]


def shown(value: Plain) -> str:
    """A leaf's value in a few words: of a class its name alone.

    Args:
        value: of a leaf.

    Returns:
        One line.

    Example:
        >>> shown({"0": 0.1, "5": 0.2}), shown(True), shown([8, 8]), shown(None)
        ('0: 0.1, 5: 0.2', 'yes', '[8, 8]', 'null')
    """
    return "null" if value is None else one_line(words.schedule(value))


def class_name(value: Plain) -> str:
    """The last part of a dotted path."""
    return shown(value).rsplit(".", 1)[-1]


def _plain(value: object) -> Plain:
    """As JSON has it: keys are texts, a whole number is an integer, and what is no JSON is text."""
    if isinstance(value, Mapping):
        return {one_line(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        return value if abs(value) <= float(2**1023) else str(value)
    return one_line(value)


def _flat(node: Plain, prefix: str) -> Iterable[tuple[str, Plain]]:
    items: Iterable[tuple[str | int, Plain]]
    if isinstance(node, dict) and node and not _is_schedule(node):
        items = node.items()
    elif isinstance(node, list) and node and all(isinstance(item, dict) for item in node):
        items = enumerate(node)
    else:
        yield prefix, node
        return
    for key, value in items:
        yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))


def _is_schedule(node: Leaves) -> bool:
    return all(_is_number(key) for key in node) or set(node) in ({"interpolate"}, {"cosine"})


def _is_number(key: str) -> bool:
    try:
        float(key)
    except ValueError:
        return False
    return True


def section(key: str) -> str:
    """The part of a configuration that a key belongs to: a group's name, or the key of a single value."""
    return key.split(".", 1)[0]


def _indifferent(key: str) -> bool:
    return key in INDIFFERENT or section(key) in INDIFFERENT
