"""Shares with their intervals, and how quantities are spread."""

import math
from dataclasses import dataclass

from torch import Tensor

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Proportion:
    """A share of n trials, with its 95 % Wilson score interval (E. B. Wilson, JASA 22, 1927).

    Attributes:
        accuracy: the share of successes, in [0, 1].
        n: number of trials.
        ci95: the interval's ends.

    Example:
        >>> Proportion.of(9, 10).ci95
        (0.5958499732047616, 0.9821237869049271)
    """

    accuracy: float
    n: int
    ci95: tuple[float, float]

    @classmethod
    def of(cls, successes: int, n: int) -> "Proportion":
        """From counts.

        Args:
            successes: how many trials succeeded.
            n: how many there were, at least one.

        Returns:
            The share p = successes/n and the interval
            (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).

        Raises:
            ValueError: n < 1 or successes outside 0 … n.
        """
        if n < 1 or not 0 <= successes <= n:
            raise ValueError(f"{successes} successes in {n} trials: need n ≥ 1 and 0 ≤ successes ≤ n")
        p, z2 = successes / n, Z95**2
        centre = p + z2 / (2 * n)
        half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = ((centre + sign * half) / (1 + z2 / n) for sign in (-1, 1))
        return cls(p, n, (max(0.0, low), min(1.0, high)))


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over examples.

    Attributes:
        n: how many examples.
        mean: over them; None where it is not finite.
        min: the smallest value.
        p10: the 10 % quantile. A quantile is an observed value: the smallest one that is not below that share of
            all (type 1 of Hyndman and Fan, 1996). None where it is not finite.
        median: the 50 % quantile.
        p90: the 90 % quantile.
        max: the largest value.
    """

    n: int
    mean: float | None
    min: float | None
    p10: float | None
    median: float | None
    p90: float | None
    max: float | None

    @classmethod
    def of(cls, values: Tensor) -> "Spread":
        """Of some values.

        Args:
            values: (N,), at least one.

        Returns:
            Their spread.

        Example:
            >>> import torch
            >>> Spread.of(torch.tensor([3.0, 1.0, 2.0, torch.inf]))
            Spread(n=4, mean=None, min=1.0, p10=1.0, median=2.0, p90=None, max=None)
        """
        ordered = values.double().sort().values
        n = len(ordered)
        places = (0, *(math.ceil(share * n / 100) - 1 for share in (10, 50, 90)), n - 1)
        found = [float(v) for v in (ordered.mean(), *(ordered[i] for i in places))]
        return cls(n, *(v if math.isfinite(v) else None for v in found))
