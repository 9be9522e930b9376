"""Numbers that change over training: learning rate, weights, any argument of a method.

In YAML and on the command line, any of them is written in one of four ways:

- ``0.3``: constant;
- ``{0: 0.25, 50: 0.5, 70: 0.75}``: piecewise constant, *from epoch: value*;
- ``{interpolate: {0: 0, 10: 0.3}}``: linear between the epochs named, level after the last;
- ``{cosine: {start: 1e-3, end: 0, warmup: 5}}``: linear from 0 in the warm-up epochs, then half a cosine.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

Schedule = Callable[[float], float]
"""Epochs since the beginning, with fractions → value."""


def schedule(description: Any, epochs: float) -> Schedule:
    """A schedule from the form in which it is written.

    Args:
        description: a number or one of the mappings above.
        epochs: the training's length, where a cosine ends.

    Returns:
        A function of the epoch.

    Raises:
        ValueError: it is written in none of the four ways.

    Example:
        >>> weight = schedule({0: 0.25, 50: 0.5}, epochs=100)
        >>> weight(49.9), weight(50)
        (0.25, 0.5)
        >>> schedule({"interpolate": {0: 0, 10: 0.3}}, epochs=100)(5)
        0.15
    """
    if not isinstance(description, Mapping):
        value = _number(description)
        return lambda _: value
    if set(description) == {"interpolate"}:
        return _interpolated(_stages(description["interpolate"]))
    if set(description) == {"cosine"}:
        return _cosine(description["cosine"], epochs)
    return _piecewise(_stages(description))


def is_schedule(value: Any) -> bool:
    """Whether a value is written as a schedule: a mapping with numbers for keys, or one of the named forms.

    Args:
        value: of a configuration.

    Returns:
        Yes or no.

    Example:
        >>> is_schedule({0: 0.25, 50: 0.5}), is_schedule({"cosine": {"start": 1}}), is_schedule({"lambda": 4})
        (True, True, False)
    """
    if not isinstance(value, Mapping) or not value:
        return False
    named = set(value) in ({"interpolate"}, {"cosine"})
    return named or all(isinstance(key, int | float) and not isinstance(key, bool) for key in value)


def first_epochs(description: Any) -> list[float]:
    """The epochs at which a piecewise constant schedule takes a new value; none for the other forms.

    Args:
        description: as of ``schedule``.

    Returns:
        Epochs, as they are written.

    Example:
        >>> first_epochs({0: 0.25, 50: 0.5}), first_epochs(0.3)
        ([0.0, 50.0], [])
    """
    if not isinstance(description, Mapping) or set(description) & {"interpolate", "cosine"}:
        return []
    return [start for start, _ in _stages(description)]


def _piecewise(stages: list[tuple[float, float]]) -> Schedule:
    starts = [start for start, _ in stages]
    return lambda epoch: stages[bisect_right(starts, epoch) - 1][1]


def _interpolated(stages: list[tuple[float, float]]) -> Schedule:
    def value(epoch: float) -> float:
        for (x0, y0), (x1, y1) in pairwise(stages):
            if epoch < x1:
                return y0 + (y1 - y0) * (epoch - x0) / (x1 - x0)
        return stages[-1][1]

    return value


def _cosine(settings: Any, epochs: float) -> Schedule:
    if not isinstance(settings, Mapping) or not {"start"} <= set(settings) <= {"start", "end", "warmup"}:
        raise ValueError(f"cosine: {settings!r}: needs start, and may have end and warmup")
    start, end = _number(settings["start"]), _number(settings.get("end", 0))
    warmup = _number(settings.get("warmup", 0))
    if not 0 <= warmup < epochs:
        raise ValueError(f"warmup={warmup:g}: must be at least 0 and below train.epochs={epochs}")

    def value(epoch: float) -> float:
        if epoch < warmup:
            return start * epoch / warmup
        share = min(1.0, (epoch - warmup) / (epochs - warmup))
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    return value


def _stages(mapping: Any) -> list[tuple[float, float]]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise ValueError(f"{mapping!r}: must map epochs to values, as in {{0: 0.25, 50: 0.5}}")
    stages = sorted((_number(epoch), _number(value)) for epoch, value in mapping.items())
    if len({epoch for epoch, _ in stages}) < len(stages):
        raise ValueError(f"{mapping!r}: an epoch is named twice")
    if stages[0][0] != 0:
        raise ValueError(f"the first stage starts at epoch {stages[0][0]:g}: it must start at 0")
    return stages


def _number(value: Any) -> float:
    """A finite number, from one or from its decimal form."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r}: must be a finite number or a schedule such as {{0: 0.25, 50: 0.5}}")
    return number
