"""The classes that a choice of ours names, and what they rest on."""

import importlib
from collections.abc import Iterator
from typing import Any

from jhrun.config.groups import CONF, contents
from jhrun.records.evidence import Evidence


def evidence(group: str, choice: str) -> tuple[dict[str, Evidence], list[str]]:
    """What the classes of a choice rest on.

    Args:
        group: one of ``groups.METHODS``.
        choice: of the package's own, as in ``groups.choices``.

    Returns:
        Evidence by the class's dotted name; and the names without any. A node that holds others, as a sum of terms
        does, needs none of its own.
    """
    found, lacking = {}, []
    for name, holds in _targets(group, choice):
        module, _, attribute = name.rpartition(".")
        # our own files may name what they like: the closed door is for everybody else's
        own = getattr(getattr(importlib.import_module(module), attribute), "evidence", None)
        if isinstance(own, Evidence):
            found[name] = own
        elif not holds:
            lacking.append(name)
    return found, lacking


def _targets(group: str, choice: str) -> Iterator[tuple[str, bool]]:
    """Each ``_target_`` of a choice and of the choices in its defaults list, and whether it holds others."""
    values = contents(CONF / group / f"{choice}.yaml") or {}
    for other in values.pop("defaults", []):
        if isinstance(other, str) and other != "_self_":
            yield from _targets(group, other)
    yield from _walk(values)


def _walk(node: Any) -> Iterator[tuple[str, bool]]:
    """Depth first: inner nodes stand before the one that holds them."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    inner = [found for value in values for found in _walk(value)]
    yield from inner
    if isinstance(node, dict) and node.get("_target_"):
        yield str(node["_target_"]), bool(inner)
