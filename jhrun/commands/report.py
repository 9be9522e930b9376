"""``jhrun report RUN``: write a run's report anew from its records."""

from jhrun.config import stored
from jhrun.folder import RunFolder
from jhrun.reporting import headline, write_report


def run(path: str) -> None:
    """Write the report and print its headline.

    Args:
        path: of the run's folder.
    """
    folder = RunFolder.existing(path)
    report = write_report(folder, stored.read(folder.config))
    print(f"{headline(report)}\n\nreport: {folder.path / 'report.html'}\n{folder.path}")
