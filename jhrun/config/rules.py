"""Checks of single values: each takes one, and raises a ValueError that says what it must be."""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, get_args

from jhrun.schedules import is_schedule, schedule


def whole(least: int, most: float = math.inf) -> Callable[[Any], None]:
    """A check for whole numbers."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            above = "" if most == math.inf else f" and at most {most:,.0f}"
            raise ValueError(f"must be a whole number of at least {least}{above}")

    return check


def at_least_0(value: Any) -> None:
    """A check for finite numbers that are not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("must be a finite number of at least 0")


def sizes(value: Any) -> None:
    """A check for a list of whole numbers, which may be empty."""
    if not isinstance(value, list):
        raise ValueError("must be a list of whole numbers, as in [64, 32]")
    for number in value:
        whole(1)(number)


def shape(value: Any) -> None:
    """A check for the shape of an image."""
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("must be channels, height and width, as in [3, 32, 32]")
    sizes(value)


def optional(check: Callable[[Any], Any]) -> Callable[[Any], None]:
    """The same check, passed by null."""
    return lambda value: None if value is None else check(value) and None


def one_of(*allowed: Any) -> Callable[[Any], None]:
    """A check for some values."""

    def check(value: Any) -> None:
        if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
            raise ValueError(f"must be one of {', '.join(str(a).lower() for a in allowed)}")

    return check


def share(value: Any) -> None:
    """A check for numbers in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError("must be at least 0 and below 1")


def part(value: Any) -> None:
    """A check for numbers above 0 and up to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("must be above 0 and at most 1")


def counts(value: Any) -> None:
    """A check for a list of whole numbers."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of whole numbers, as in [1, 2, 4]")
    for number in value:
        whole(1)(number)


def names(value: Any) -> None:
    """A check for a list of words: of a mere string, every letter would be one."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("must be a list of names, as in [lanczos, power]")


_KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    # YAML reads 1e-3 as text
    float: ("a number", lambda value: not isinstance(value, bool) and is_number(value)),
    NoneType: ("null", lambda value: value is None),
}
"""Annotations that can be checked: their words, and their checks."""


def of_kind(value: Any, annotation: Any) -> None:
    """A check of an argument by its annotation, where that is of ``_KINDS`` or a union of some.

    Args:
        value: as written; schedules are for others to refuse.
        annotation: of the parameter.

    Raises:
        ValueError: the value is of another kind.
    """
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if isinstance(value, Mapping) or not all(kind in _KINDS for kind in kinds):
        return
    if not any(_KINDS[kind][1](value) for kind in kinds):
        raise ValueError(f"must be {' or '.join(_KINDS[kind][0] for kind in kinds)}")


def is_number(value: Any) -> bool:
    """Whether a value is a number, or written as one."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def device_name(value: Any) -> None:
    """A check for ``auto``, ``cpu``, ``cuda`` and ``cuda:N``."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", str(value)):
        raise ValueError("must be one of auto, cpu, cuda, cuda:N")


def package_names(value: Any) -> None:
    """A check for a list of packages: of a mere string, every letter would be one."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        raise ValueError("must be a list of packages, as in [mypackage]")


def nodes(value: Any) -> None:
    """A check for a list of objects to build."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError("must be a list of mappings with a _target_ each")


def pair(value: Any) -> None:
    """A check for two numbers in [0, 1)."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("must be two numbers, as in [0.9, 0.999]")
    for number in value:
        share(number)


def node(value: Any) -> None:
    """A check for what must be a mapping of keys."""
    if not isinstance(value, Mapping):
        raise ValueError("must hold keys of its own: set them, not it")


def scheduled(good: Callable[[float], bool], rule: str) -> Callable[[Any, int], None]:
    """A check for every value that a schedule takes: its extremes are among the values that it is written with."""

    def check(value: Any, epochs: float) -> None:
        numbers: list[float] = []
        # what is not written as a schedule is told by it
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            numbers = written(value)
        for number in numbers:
            if not good(number):
                raise ValueError(f"{number:g} {rule}" if isinstance(value, Mapping) else rule)
        schedule(value, epochs)

    return check


def weight(value: Any, epochs: int) -> None:
    """A check for a regularizer's weight: w of (1 − w)·task + w·penalty, or {lambda: λ} of task + λ·penalty."""
    if isinstance(value, Mapping) and not is_lambda(value) and not is_schedule(value):
        raise ValueError("must be a number in [0, 1], as 0.2; {lambda: 4}; or a schedule, as {0: 0.25, 50: 0.5}")
    if is_lambda(value):
        scheduled(lambda strength: 0 <= strength < math.inf, "must be at least 0")(value["lambda"], epochs)
    else:
        scheduled(lambda w: 0 <= w <= 1, "must lie in [0, 1]")(value, epochs)


def is_lambda(value: Any) -> bool:
    """Whether a weight is written as {lambda: λ}."""
    return isinstance(value, Mapping) and set(value) == {"lambda"}


def wrong_classes(value: Any, classes: int) -> None:
    """A check for a number of classes other than the right one; what is no number is for others to refuse."""
    if isinstance(value, int) and value > classes - 1:
        raise ValueError(f"must be at most {classes - 1}, for there are {classes} classes")


def written(value: Any) -> list[float]:
    """The values, not the epochs, that a schedule is written with."""
    if not isinstance(value, Mapping):
        return [float(value)]
    if "cosine" in value:
        return [float(value["cosine"]["start"]), float(value["cosine"].get("end", 0))]
    return [float(v) for v in value.get("interpolate", value).values()]
