"""The tests that need a GPU, with the tracebacks of those that fail."""

from pathlib import Path

import pytest

from gpu.part import Part, run

ROOT = Path(__file__).parents[2]


class Rows:
    """A pytest plugin: one row for each test, as soon as it ends; tests that compile come last."""

    def __init__(self, part: Part) -> None:
        """Keep the part."""
        self.part = part

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Order by price: the compiler takes tens of seconds."""
        items.sort(key=lambda item: "compiled" in item.nodeid or "cuda_graphs" in item.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read is a failure."""
        if report.failed:
            self.part.row(test=report.nodeid, outcome="failed", seconds=0.0, traceback=str(report.longrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the test itself, and what goes wrong before or after it."""
        if report.when == "call" or report.outcome != "passed":
            failed = report.outcome == "failed"
            self.part.row(
                test=report.nodeid,
                outcome=report.outcome,
                seconds=round(report.duration, 2),
                traceback=str(report.longrepr) if failed else None,
            )
        if self.part.left <= 0:
            pytest.exit("the time is up")


def work(part: Part) -> str:
    """Run them in one process."""
    wanted = part.order.arguments.get("files")
    files = wanted or [str(f) for f in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in f.read_text()]
    options = [
        "-m",
        "cuda",
        "-o",
        "addopts=--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
    ]
    code = pytest.main([*options, "-q", *files], plugins=[Rows(part)])
    part.row(test="all", outcome="passed" if code == 0 else "failed", seconds=None, traceback=None)
    return "done"


if __name__ == "__main__":
    run(work)
