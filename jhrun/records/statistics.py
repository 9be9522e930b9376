"""Shares with their intervals, and how quantities are spread."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Proportion:
    """A share of n trials, with its 95 % Wilson score interval (E. B. Wilson, JASA 22, 1927).

    Attributes:
        accuracy: the share of successes, in [0, 1].
        n: number of trials.
        ci95: the interval's ends.

    Example:
        >>> low, high = Proportion.of(9, 10).ci95
        >>> round(low, 4), round(high, 4)
        (0.5958, 0.9821)
    """

    accuracy: float
    n: int
    ci95: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse what is no share.

        Raises:
            ValueError: n < 1, or a number outside [0, 1].
        """
        if self.n < 1 or not all(0 <= share <= 1 for share in (self.accuracy, *self.ci95)):
            low, high = self.ci95
            raise ValueError(f"{self.accuracy:g} of n = {self.n} with the interval {low:g}, {high:g} is no share")

    @classmethod
    def of(cls, successes: int, n: int) -> "Proportion":
        """From counts.

        Args:
            successes: how many trials succeeded.
            n: how many there were, at least one.

        Returns:
            The share p = successes/n and the interval
            (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n), z = 1.96.

        Raises:
            ValueError: n < 1 or successes outside 0 … n.
        """
        # scipy.stats takes 0.8 s to import, and most commands make no share
        from scipy.stats import binomtest  # noqa: PLC0415

        if n < 1 or not 0 <= successes <= n:
            raise ValueError(f"{successes} successes in {n} trials: need n ≥ 1 and 0 ≤ successes ≤ n")
        low, high = binomtest(successes, n).proportion_ci(method="wilson")
        return cls(successes / n, n, (float(low), float(high)))


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
        numbers = values.double().numpy()
        quantiles = np.quantile(numbers, (0, 0.1, 0.5, 0.9, 1), method="inverted_cdf")
        found = [float(number) for number in (numbers.mean(), *quantiles)]
        return cls(len(numbers), *(number if math.isfinite(number) else None for number in found))
