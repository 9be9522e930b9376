"""From a run's records to tables, figures, Markdown and a page."""

from jhrun.reporting.report import write_report
from jhrun.reporting.tables import headline

__all__ = ["headline", "write_report"]
