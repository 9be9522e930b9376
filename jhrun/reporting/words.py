"""How counts, times and schedules are said."""

from collections.abc import Sequence
from typing import Any


def sample(n: int, total: int) -> str:
    """Which examples a share is of: a subset is called one wherever a number of it is shown.

    Args:
        n: how many were classified.
        total: how many there are.

    Returns:
        A few words.

    Example:
        >>> sample(1000, 10000), sample(359, 359)
        ('1,000 of 10,000 test examples, drawn at random', 'all 359 test examples')
    """
    if subset(n, total):
        return f"{n:,} of {total:,} test examples, drawn at random"
    return f"all {n:,} test examples"


def subset(n: int, total: int) -> bool:
    """Whether there are more examples than were classified."""
    return n < total


def counted(n: int, thing: str) -> str:
    """A number of things: ``1 check``, ``2 checks``."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Args:
        seconds: at least 0.

    Returns:
        In the largest two units.

    Example:
        >>> duration(7.25), duration(754), duration(7540)
        ('7.2 s', '12 min 34 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def memory(count: float) -> str:
    """Bytes as people say them.

    Args:
        count: at least 0.

    Returns:
        In MiB, or from 10 GiB on in GiB.

    Example:
        >>> memory(612 * 2**20), memory(70 * 2**30)
        ('612 MiB', '70.0 GiB')
    """
    mebibytes = count / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 10 * 1024 else f"{mebibytes / 1024:,.1f} GiB"


def schedule(value: Any) -> str:
    """A schedule as it is written in YAML, on one line.

    Args:
        value: a number, a mapping, or any other value, which is written as it is.

    Returns:
        Its text.

    Example:
        >>> schedule({0: 0.25, 50: 0.5}), schedule(0.3)
        ('0: 0.25, 50: 0.5', '0.3')
    """
    if isinstance(value, dict):
        return ", ".join(f"{k}: {f'({schedule(v)})' if isinstance(v, dict) else v}" for k, v in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def class_name(classes: Sequence[str], number: int) -> str:
    """What a class is called; a network may have outputs beyond the data's classes, which have no name.

    Args:
        classes: names.
        number: of an output, at least 0.

    Returns:
        Its name.

    Example:
        >>> class_name(["cat", "dog"], 1), class_name(["cat", "dog"], 2)
        ('dog', 'output 2')
    """
    return classes[number] if 0 <= number < len(classes) else f"output {number}"
