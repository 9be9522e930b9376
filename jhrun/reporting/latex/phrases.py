"""Arguments of a configuration as phrases."""

from collections.abc import Mapping
from typing import Any

from jhrun.reporting.document import Node
from jhrun.reporting.latex.values import equation, spoken
from jhrun.reporting.latex.vocabulary import COUNTS, KEYS, PHRASES, SYMBOLS, UNSAID
from jhrun.reporting.text import one_line, tex

MOST = 20
"""Arguments of a thing that are said."""


def phrase(key: str, value: Any) -> str:
    """An argument in words; empty where there is nothing to say.

    Args:
        key: of a configuration.
        value: its own.

    Returns:
        LaTeX.

    Example:
        >>> phrase("iterations", 4), phrase("restarts", 1), phrase("lr", 0.1), phrase("nesterov", True)
        ('4 iterations', '1 restart', 'learning rate 0.1', "in Nesterov's form")
    """
    known = PHRASES.get((key, str(value)))
    if known is not None or value is None or value is False or (key in COUNTS and value == 0):
        return known or ""
    name = tex(one_line(key.replace("_", " ")))
    if value is True:
        return name
    return equation(SYMBOLS[key], value) if key in SYMBOLS else _said(key, name, value)


def _said(key: str, name: str, value: Any) -> str:
    if key in COUNTS and value == 1:
        return f"1 {COUNTS[key]}"
    said = spoken(value)
    if key in KEYS:
        return KEYS[key].format(said)
    if key in COUNTS and not isinstance(value, Mapping):
        return f"{said} {name}"
    one = isinstance(value, list) and len(value) == 1
    return f"{name.removesuffix('s') if one else name} {said}"


def phrases(node: Node) -> list[str]:
    """The arguments of a choice in words."""
    found = (phrase(str(key), value) for key, value in [*node.items()][:MOST] if key not in UNSAID)
    return [text for text in found if text]
