"""Checks of attacks' settings, where they enter."""

from typing import Any


def require_whole(**settings: Any) -> None:
    """Refuse what is not a whole number of at least 1.

    Args:
        **settings: by name.

    Raises:
        ValueError: names the first one that is not.
    """
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}={value}: must be a whole number of at least 1")


def require_positive(**settings: Any) -> None:
    """Refuse what is not a finite number above 0.

    Args:
        **settings: by name.

    Raises:
        ValueError: names the first one that is not.
    """
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ValueError(f"{name}={value}: must be a number above 0")
