"""From a run's records to tables, figures, Markdown and a page."""

from jhrun.reporting.comparison import write_comparison
from jhrun.reporting.report import write_report
from jhrun.reporting.tables import headline, plain, verdict_line

__all__ = ["headline", "plain", "verdict_line", "write_comparison", "write_report"]
