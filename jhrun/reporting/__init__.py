"""From a run's records to tables, figures, Markdown and a page."""

import jhrun.reporting.style  # noqa: F401 - before any other module imports matplotlib
from jhrun.reporting.compared import as_tex, as_text, compare_cells
from jhrun.reporting.document import Report
from jhrun.reporting.evaluations import alone
from jhrun.reporting.leaderboard import Cell, cells_in, is_sweep, write_leaderboard
from jhrun.reporting.report import write_report
from jhrun.reporting.tables import deciding, headline, plain, remedy, verdict_lines, worst_words

__all__ = [
    "Cell",
    "Report",
    "alone",
    "as_tex",
    "as_text",
    "cells_in",
    "compare_cells",
    "deciding",
    "headline",
    "is_sweep",
    "plain",
    "remedy",
    "verdict_lines",
    "worst_words",
    "write_leaderboard",
    "write_report",
]
