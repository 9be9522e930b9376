"""Any runs and sweeps beside each other: a row for each configuration, mean and deviation over its seeds."""

from jhrun.reporting.leaderboard.cells import Cell, cells_in, is_sweep
from jhrun.reporting.leaderboard.frame import as_text, numbers
from jhrun.reporting.leaderboard.interface import BoardDocument
from jhrun.reporting.leaderboard.write import write_leaderboard

__all__ = ["BoardDocument", "Cell", "as_text", "cells_in", "is_sweep", "numbers", "write_leaderboard"]
