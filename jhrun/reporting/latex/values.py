"""Values of a configuration in words: numbers, schedules, lists."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jhrun.reporting import words
from jhrun.reporting.text import one_line, tex

MOST = 20
"""Stages of a schedule, or items of a list, that are said."""


def number(value: float) -> str:
    r"""A number as mathematics writes it.

    Args:
        value: of any size.

    Returns:
        LaTeX.

    Example:
        >>> number(0.05), number(1e-8)
        ('0.05', '$1\\times10^{-8}$')
    """
    text = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    digits, _, power = text.partition("e")
    if power:
        return rf"${digits}\times10^{{{int(power)}}}$"
    return f"${text}$" if value < 0 else text


def spoken(value: Any) -> str:
    """Any value of a configuration; a schedule by its stages.

    Args:
        value: plain.

    Returns:
        LaTeX.

    Example:
        >>> spoken([0.9, 0.999]), spoken({0: 0.1, 50: 0.01})
        ('0.9 and 0.999', '0.1, then 0.01 after epoch 50')
        >>> spoken({"cosine": {"start": 0.1, "end": 0, "warmup": 5}})
        'falling from 0.1 to 0 along half a cosine, after a linear warm-up of 5 epochs'
    """
    if isinstance(value, bool) or value is None:
        return words.schedule(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return _schedule(value)
    if isinstance(value, list | tuple):
        return listed([spoken(item) for item in value[:MOST]])
    try:
        # YAML reads 1e-3 as a string
        return number(float(value))
    except (TypeError, ValueError):
        return tex(one_line(value))


def _schedule(value: Mapping[Any, Any]) -> str:
    cosine, between = value.get("cosine"), value.get("interpolate")
    if isinstance(cosine, Mapping):
        text = f"falling from {spoken(cosine.get('start'))} to {spoken(cosine.get('end', 0))} along half a cosine"
        warmup = cosine.get("warmup")
        return (
            f"{text}, after a linear warm-up of {spoken(warmup)} {'epoch' if warmup == 1 else 'epochs'}"
            if warmup
            else text
        )
    if isinstance(between, Mapping):
        ends = [f"{spoken(level)} at epoch {spoken(epoch)}" for epoch, level in [*between.items()][:MOST]]
        return f"interpolated linearly between {listed(ends)}"
    if "_target_" in value:
        return tex(one_line(value.get("_target_")).rsplit(".", 1)[-1])
    if not value or not all(str(key).replace(".", "", 1).isdigit() for key in value):
        return tex(one_line(words.schedule(dict(value))))
    (_, first), *later = [*value.items()][:MOST]
    return ", then ".join(
        [spoken(first), *(f"{spoken(level)} after epoch {spoken(epoch)}" for epoch, level in later)]
    )


def equation(symbol: str, value: Any) -> str:
    """A symbol and its value.

    Args:
        symbol: of mathematics.
        value: of a configuration.

    Returns:
        LaTeX.

    Example:
        >>> equation("w", 0.2), equation("b", [0.9, 0.99])
        ('$w=0.2$', '$b=(0.9, 0.99)$')
        >>> equation("w", {0: 1, 5: 2})
        '$w$ equal to 1, then 2 after epoch 5'
    """
    numbers = [spoken(one).strip("$") for one in (value if isinstance(value, list) else [value])[:MOST]]
    plain = all(re.fullmatch(r"[-\d.,]+|[-\d.]+\\times10\^\{-?\d+\}", one) for one in numbers)
    if not plain or not numbers:
        return f"${symbol}$ equal to {spoken(value)}"
    return f"${symbol}={numbers[0]}$" if len(numbers) == 1 else f"${symbol}=({', '.join(numbers)})$"


def listed(texts: Sequence[str]) -> str:
    """Texts as a sentence lists them.

    Args:
        texts: any number.

    Returns:
        One text.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    *first, last = [*texts] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def bracketed(texts: Sequence[str]) -> str:
    """Texts in brackets after a word; empty for none."""
    return f" ({', '.join(texts)})" if texts else ""
