"""The mean of a figure over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Mean:
    """A figure over seeds.

    Attributes:
        each: of each seed.
        mean: over them.
        sd: sample standard deviation; None of one seed.
        interval: 95 % of the mean, over fresh seeds on these images; None of one seed.
    """

    each: tuple[float, ...]
    mean: float
    sd: float | None
    interval: tuple[float, float] | None


def over_seeds(values: Sequence[float]) -> Mean:
    """Mean with Student's 95 % interval, mean ± t_{S−1}·sd/√S.

    Args:
        values: of each seed, at least one.

    Returns:
        The mean.

    Raises:
        ValueError: there is none.

    Example:
        >>> low, high = over_seeds([0.40, 0.45, 0.50]).interval
        >>> round(low, 3), round(high, 3)
        (0.326, 0.574)
    """
    if not len(values):
        raise ValueError("no value: need one of each seed, at least one")
    each = tuple(float(value) for value in values)
    mean = float(np.mean(each))
    if len(each) == 1:
        return Mean(each, mean, None, None)
    sd = float(np.std(each, ddof=1))
    half = float(stats.t.ppf(0.975, len(each) - 1)) * sd / math.sqrt(len(each))
    return Mean(each, mean, sd, (mean - half, mean + half))
