"""The difference between two single runs on the same images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CAVEAT = "This compares two trained networks, and says nothing of other seeds of either method."
"""Stands beside every result of ``mcnemar``."""


@dataclass(frozen=True)
class Discordance:
    """The images on which two runs differ.

    Attributes:
        images: N.
        only_one: how many the first run alone has right.
        only_other: how many the second alone has right.
        difference: share of the first without that of the second.
        interval: 95 % of it, for as many discordant images as there were.
        p: of no difference, two-sided; not corrected for other comparisons.
    """

    images: int
    only_one: int
    only_other: int
    difference: float
    interval: tuple[float, float]
    p: float


def mcnemar(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Discordance:
    """Compare two runs by McNemar's exact test (Psychometrika 12, 1947).

    Where two networks are equally good, each of the n discordant images is right in either with probability ½, so
    that the number of the first's is binomial. The interval is Clopper and Pearson's for its share π, carried over
    to the difference (2π − 1)·n/N.

    Args:
        one: (N,), whether each image is right in the first run.
        other: (N,), in the second.

    Returns:
        The difference between the two networks; see ``CAVEAT``.

    Raises:
        ValueError: the shapes differ, or there is no image.

    Example:
        >>> mcnemar(np.array([True] * 9 + [False]), np.array([False] * 8 + [True] * 2)).p
        0.0390625
    """
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise ValueError(f"{one.shape} and {other.shape}: need one shape (images,) with an image or more")
    first, second, images = int((one & ~other).sum()), int((other & ~one).sum()), len(one)
    discordant = first + second
    if not discordant:
        return Discordance(images, 0, 0, 0.0, (0.0, 0.0), 1.0)
    test = stats.binomtest(first, discordant)
    ends = test.proportion_ci(method="exact")
    low, high = ((2 * float(end) - 1) * discordant / images for end in (ends.low, ends.high))
    return Discordance(images, first, second, (first - second) / images, (low, high), float(test.pvalue))
