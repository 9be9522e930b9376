"""The figures of many runs as one table."""

from os import PathLike

import pandas as pd

from jhrun.commands.compare import cells_of
from jhrun.config.groups import brought
from jhrun.reporting.leaderboard import numbers
from jhrun.reporting.leaderboard.board import board
from jhrun.reporting.leaderboard.entries import read_entry


def results(*paths: str | PathLike[str]) -> pd.DataFrame:
    """The rows of a leaderboard over runs and sweeps, with all digits; nothing is written.

    Args:
        *paths: folders of runs, of sweeps, or of several runs; or a leaderboard's row, ``FOLDER:RANK``.

    Returns:
        A row for each configuration, the best first. The columns are those of ``leaderboard.csv``
        (docs/leaderboard.md): shares lie in [0, 1], and each figure has ``_mean``, ``_sd``, ``_n`` over its seeds.
    """
    cells = [cell for path in paths for cell in cells_of(str(path))]
    found = numbers(board([read_entry(cell) for cell in cells], brought("train")))
    figures = found.filter(regex="(^rank|_mean|_sd|_low|_high)$").columns
    # what is missing is NaN
    found[figures] = found[figures].apply(pd.to_numeric)
    return found
