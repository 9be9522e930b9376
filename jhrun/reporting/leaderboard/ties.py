"""Which rows cannot be told from the best: the same seeds and images, compared as ``jhrun compare`` does."""

from collections.abc import Sequence

import numpy as np

from jhrun.comparison import Method, against
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.leaderboard.shared import Shared, examples, together

LEVEL = 0.05
MOST = 30
"""So many rows of the best ranks are compared with the first; the others are taken to be behind it."""


def cannot_be_told(rows: Sequence[Row], shared: Shared) -> list[Row]:
    """The rows whose worst case cannot be told from the first row's, by Holm-corrected tests at 5 %.

    Args:
        rows: that are compared, the best first.
        shared: attacks and images of all of them.

    Returns:
        The first row, and of the ``MOST`` best those that share a seed with it and of which it is not shown that
        they are behind.
    """
    rows = rows[:MOST]
    if len(rows) < 2:
        return list(rows)
    read = together([examples(entry.run, shared.attacks) for row in rows for entry in row.counted])
    images = np.logical_and.reduce([one.seen for one in read])
    once, left, methods = all(len(row.counted) == 1 for row in rows), iter(read), []
    for row in rows:
        found = [next(left) for _ in row.counted]
        right, robust = (np.stack([getattr(one, of)[images] for one in found]) for of in ("right", "robust"))
        # one run each is paired whatever its seed
        methods.append(Method(row.label, (0,) if once else _seeds(row), right, robust))
    chances = against(methods[0], methods[1:])
    return [rows[0], *(row for row, p in zip(rows[1:], chances, strict=True) if p is not None and p >= LEVEL)]


def _seeds(row: Row) -> tuple[int, ...]:
    """Of each run; a seed that is no number is no other's."""
    return tuple(e.seed if isinstance(e.seed, int) else -1 - i for i, e in enumerate(row.counted))
