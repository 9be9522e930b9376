"""From a run's records to tables, figures, Markdown and a page."""

import jhrun.reporting.style  # noqa: F401 - before any other module imports matplotlib
from jhrun.reporting.document import Report
from jhrun.reporting.evaluations import alone
from jhrun.reporting.report import write_report
from jhrun.reporting.tables import deciding, headline, plain, remedy, verdict_lines, worst_words

__all__ = [
    "Report",
    "alone",
    "deciding",
    "headline",
    "plain",
    "remedy",
    "verdict_lines",
    "worst_words",
    "write_report",
]
