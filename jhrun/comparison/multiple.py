"""Many comparisons at once: corrected p values, and the ranks they allow."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p: Sequence[float]) -> list[float]:
    """Holm's correction (Scandinavian Journal of Statistics 6, 1979).

    With the m values in increasing order, the k-th becomes max_{j ≤ k} min(1, (m − j + 1)·p_j). Whoever calls
    a difference what is then below 5 % errs in at most 5 % of all tables, however the tests depend on each other.

    Args:
        p: of each comparison of one table.

    Returns:
        Corrected, in the same order.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected, highest = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[i]))
        corrected[i] = highest
    return corrected


def ranks(means: Sequence[float], p: NDArray[np.float64], level: float = 0.05) -> list[int]:
    """Ranks with ties: 1 for the best and for all that cannot be told from it.

    Of the others, the best leads the next group, whose rank is 1 plus the number of those before it, and so on.
    All of a group cannot be told from its leader; two of them may well be told from each other.

    Args:
        means: of each method; more is better.
        p: (M, M), symmetric, corrected: of no difference between two methods.
        level: below which two are told apart.

    Returns:
        Of each method.

    Example:
        >>> p = np.array([[1.0, 0.2, 0.01], [0.2, 1.0, 0.3], [0.01, 0.3, 1.0]])
        >>> ranks([0.5, 0.4, 0.3], p)
        [1, 1, 3]
    """
    left, found = sorted(range(len(means)), key=lambda i: -means[i]), [0] * len(means)
    while left:
        group = [i for i in left if i == left[0] or p[left[0], i] >= level]
        for i in group:
            found[i] = len(means) - len(left) + 1
        left = [i for i in left if i not in group]
    return found
