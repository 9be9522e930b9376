"""Intervals, paired differences and ranks: all statistics of the table are here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05
RESAMPLES = 9_999

Right = NDArray[np.bool_]
"""Whether an answer is right, (S, N): seeds and images, the same ones in every row of a comparison."""


@dataclass(frozen=True)
class Difference:
    """Of two rows' mean accuracies.

    Attributes:
        mean: the first row's less the second's.
        low: lower end of the 95 % interval.
        high: upper end.
        p: that such a difference is chance; after ``holm`` corrected.
    """

    mean: float
    low: float
    high: float
    p: float


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean's 95 % interval by Student's t, mean ± t₀.₉₇₅(S − 1)·s/√S; all numbers for a single value.

    Args:
        values: one for each seed, S of them.

    Returns:
        Its ends, not cut off at 0 and 1.

    Example:
        >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]
        [-0.484, 4.484]
    """
    if len(values) < 2:
        return -np.inf, np.inf
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * stats.sem(values)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def differences(rows: Mapping[str, Right], pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """Paired differences, by a bootstrap over seeds and images at once.

    A resample draws S seeds and N images with replacement, the same ones for all rows. The interval is that of
    percentiles, and p is twice the share of resamples on the other side of 0.

    Source: A. B. Owen, *The pigeonhole bootstrap*, Ann. Appl. Stat. 1, 2007. It is on the safe side where answers
    differ at random in each seed and image: of these alone, the interval is √3 times too wide. Where seeds alone
    differ, it is too narrow by √(1 − 1/S).

    Args:
        rows: by name.
        pairs: names of the first and the second row.

    Returns:
        One for each pair, not corrected.
    """
    if not pairs:
        return []
    seeds, images = next(iter(rows.values())).shape
    random = np.random.default_rng(0)
    of_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES).astype(np.float32) / seeds
    of_images = random.multinomial(images, np.full(images, 1 / images), RESAMPLES).astype(np.float32) / images
    wanted = {name for pair in pairs for name in pair}
    means = {name: ((of_seeds @ rows[name].astype(np.float32)) * of_images).sum(1) for name in wanted}
    return [_difference(rows[a], rows[b], means[a] - means[b]) for a, b in pairs]


def _difference(one: Right, other: Right, resampled: NDArray[np.float32]) -> Difference:
    low, high = np.quantile(resampled, [LEVEL / 2, 1 - LEVEL / 2])
    # equal sums may differ by a rounding
    rounding = 1e-6
    beyond = min((resampled <= rounding).sum(), (resampled >= -rounding).sum())
    p = min(1.0, 2 * (1 + int(beyond)) / (1 + len(resampled)))
    return Difference(float(one.mean() - other.mean()), float(low), float(high), p)


def holm(p: Sequence[float]) -> list[float]:
    """Probabilities corrected for their number (S. Holm, Scand. J. Statist. 6, 1979).

    Args:
        p: of all comparisons of a table.

    Returns:
        The corrected ones, in the same order: the k-th smallest times (m − k + 1), never decreasing, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p), 0.0
    for place, number in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - place) * p[number]))
        corrected[number] = largest
    return corrected


def ranks(rows: Mapping[str, Right]) -> dict[str, int]:
    """1 + how many rows are better, where a row is better only if it can be told apart, Holm corrected.

    Args:
        rows: by name; each with each is compared.

    Returns:
        By name. Rows that cannot be told from the best have rank 1, and rows may share any rank.
    """
    pairs = list(combinations(rows, 2))
    found = differences(rows, pairs)
    beaten = dict.fromkeys(rows, 0)
    for (a, b), difference, p in zip(pairs, found, holm([d.p for d in found]), strict=True):
        if p < LEVEL:
            beaten[b if difference.mean > 0 else a] += 1
    return {name: 1 + count for name, count in beaten.items()}
