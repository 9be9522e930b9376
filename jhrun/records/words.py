"""How radii, samples and classes are said, in records and on pages."""

from collections.abc import Sequence


def radius(epsilon: float) -> str:
    """ε as people write it: a multiple of 1/255 where it is one, else a decimal.

    Args:
        epsilon: in pixels of [0, 1].

    Returns:
        A few letters.

    Example:
        >>> radius(8 / 255), radius(0.1)
        ('8/255', '0.1')
    """
    pixels = epsilon * 255
    if pixels and abs(pixels - round(pixels)) < 1e-6:
        return f"{round(pixels)}/255"
    return f"{epsilon:g}"


def ball(epsilon: float, norm: str) -> str:
    """ε, with its norm where that is not ℓ∞; only in ℓ∞ is it a number of grey levels."""
    return radius(epsilon) if norm == "inf" else f"{epsilon:g} (ℓ{norm})"


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
