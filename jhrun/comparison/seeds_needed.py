"""How many seeds would show a difference."""

import math
from bisect import bisect_left

from scipy import stats

MOST = 1000
"""Nobody trains more."""


def power(seeds: int, difference: float, sd: float, image_variance: float = 0.0) -> float:
    r"""The probability that the test of ``paired`` finds a true difference, two-sided at 5 %.

    The mean over S seeds has the variance v = sd²/S + image_variance. D̄/√v̂ has Student's noncentral distribution
    with noncentrality difference/√v and ν = v²/((sd²/S)²/(S−1)) degrees of freedom (Satterthwaite; the images'
    part is taken as known). Its probability beyond ±t_ν is the power (Cohen, Statistical Power Analysis, 1988).

    Args:
        seeds: S, at least 2.
        difference: that is to be found, in shares.
        sd: of the difference of one seed, ``Difference.sd``.
        image_variance: that more seeds do not lower, ``Difference.image_variance``.

    Returns:
        In [0, 1].
    """
    of_seeds = sd**2 / seeds
    variance = of_seeds + image_variance
    if variance == 0:
        return float(difference != 0)
    dof = (seeds - 1) * (variance / of_seeds) ** 2 if of_seeds else math.inf
    # beyond, Student's distribution is the normal one to all digits that matter
    dof, shift = min(dof, 1e6), abs(difference) / math.sqrt(variance)
    beyond = float(stats.t.ppf(0.975, dof))
    return float(stats.nct.sf(beyond, dof, shift) + stats.nct.cdf(-beyond, dof, shift))


def seeds_needed(difference: float, sd: float, image_variance: float = 0.0, *, wanted: float = 0.8) -> int | None:
    """The least number of seeds with which ``power`` is reached.

    Args:
        difference: that is to be found, in shares: 0.01 for one point.
        sd: of the difference of one seed.
        image_variance: that more seeds do not lower.
        wanted: the power.

    Returns:
        At least 2; None where not even ``MOST`` seeds are enough.

    Example:
        >>> seeds_needed(0.01, sd=0.0125), seeds_needed(0.01, sd=1.0)
        (15, None)
    """
    counts = range(2, MOST + 1)
    place = bisect_left(counts, wanted, key=lambda s: power(s, difference, sd, image_variance))
    return counts[place] if place < len(counts) else None
