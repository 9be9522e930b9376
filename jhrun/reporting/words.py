"""How counts, times and schedules are said."""

from typing import Any


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
