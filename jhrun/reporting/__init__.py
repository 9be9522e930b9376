"""From a run's records to tables, figures, Markdown and a page."""

import jhrun.reporting.style  # noqa: F401 - before any other module imports matplotlib
from jhrun.reporting.leaderboard import Cell, cells_in, is_sweep, write_leaderboard
from jhrun.reporting.report import write_report
from jhrun.reporting.tables import headline, plain, verdict_line

__all__ = [
    "Cell",
    "cells_in",
    "headline",
    "is_sweep",
    "plain",
    "verdict_line",
    "write_leaderboard",
    "write_report",
]
