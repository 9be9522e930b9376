"""A bootstrap over seeds and images: the interval of a difference without a model of its distribution."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from jhrun.comparison.paired import Right

DRAWS = 10_000
_AT_ONCE = 1_000


def resampled(one: Right, other: Right, *, seed: int = 0, draws: int = DRAWS) -> NDArray[np.float64]:
    r"""Mean differences of two methods over resampled seeds and images, both drawn with replacement.

    A seed and an image are drawn for both methods at once, and each image for all seeds: Owen's pigeonhole
    bootstrap (Annals of Applied Statistics 1, 2007). In the terms of ``paired`` the variance of its draws is

        Σ_s (D̄_s − D̄)²/S² + Σ_i (D̄_i − D̄)²/N² + Σ_si (D_si − D̄_s − D̄_i + D̄)²/(SN)²,

    which counts σ_e²/(SN) three times, and σ_a²/S as (S−1)/S of itself.

    Args:
        one: (S, N), of the first method.
        other: (S, N), of the second; same seeds, same images.
        seed: of the draws; the same gives the same.
        draws: how many.

    Returns:
        (draws,).

    Raises:
        ValueError: the shapes differ.
    """
    if one.shape != other.shape or one.ndim != 2:
        raise ValueError(f"{one.shape} and {other.shape}: need one shape (seeds, images)")
    d = one.astype(np.float64) - other
    s, n = d.shape
    rng, means = np.random.default_rng(seed), []
    for begin in range(0, draws, _AT_ONCE):
        size = min(_AT_ONCE, draws - begin)
        seeds = rng.multinomial(s, np.full(s, 1 / s), size)
        images = rng.multinomial(n, np.full(n, 1 / n), size)
        means.append(((seeds @ d) * images).sum(axis=1) / d.size)
    return np.concatenate(means)


def bootstrap_interval(one: Right, other: Right, *, seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    r"""The 95 % interval of the mean difference: the expanded percentiles of ``resampled``.

    Percentiles of few seeds are too near each other. Hesterberg (The American Statistician 69, 2015) takes those
    at Φ(±t·√(S/(S−1))) instead, t the 97.5 % quantile of Student's distribution with S − 1 degrees of freedom: for
    S = 10 the 0.9 and 99.1 % percentiles. Where seeds matter little beside σ_e, this interval is far too wide, by
    the variance of ``resampled``; in 900 simulated pairs it missed the truth in 0 to 5 %. ``paired`` decides.

    Args:
        one: (S, N), of the first method.
        other: (S, N), of the second; same seeds, same images.
        seed: of the draws.
        draws: how many.

    Returns:
        Both ends.

    Raises:
        ValueError: the shapes differ, or there are fewer than two seeds.
    """
    if one.ndim != 2 or len(one) < 2:
        raise ValueError(f"{one.shape}: need the shape (seeds, images) with two seeds or more")
    s = len(one)
    tail = float(stats.norm.cdf(-stats.t.ppf(0.975, s - 1) * math.sqrt(s / (s - 1))))
    low, high = np.quantile(resampled(one, other, seed=seed, draws=draws), [tail, 1 - tail])
    return float(low), float(high)
