"""Whether an evaluation can be believed: the box at the top of the report."""

from dataclasses import dataclass
from pathlib import Path

from jhrun.errors import pasteable
from jhrun.records import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, Verdict
from jhrun.reporting.document import Report
from jhrun.reporting.tables import Row, deciding, remedy
from jhrun.reporting.words import counted

SYMBOLS = {PASS: "✓", INCOMPLETE: "…", SUSPECT: "?", FAIL: "✗", NOT_CHECKED: "–"}
"""An outcome is never told by its colour alone."""

HEADER: Row = ("outcome", "check", "value", "threshold", "what it means", "source")


@dataclass(frozen=True)
class Box:
    """What the box shows.

    Attributes:
        outcome: ``pass``, ``incomplete``, ``suspect`` or ``fail``.
        symbol: of it.
        sentence: which checks decided.
        table: all checks, the header first.
        command: what makes the checks that were not made, to be pasted; empty where nothing does.
        time: how long that takes, in words.
    """

    outcome: str
    symbol: str
    sentence: str
    table: list[Row]
    command: str = ""
    time: str = ""

    @property
    def word(self) -> str:
        """The outcome in capitals."""
        return self.outcome.upper()

    @property
    def outcomes(self) -> list[str]:
        """Of each row below the header, as names of CSS classes."""
        return [row[0].split(" ", 1)[1].replace(" ", "-") for row in self.table[1:]]


def box(report: Report) -> Box | None:
    """The box of an evaluation.

    Args:
        report: of a run.

    Returns:
        What to show; None where there is no verdict.
    """
    verdict = report.verdict
    if verdict is None:
        return None
    outcome = verdict.outcome
    rows = [
        (
            f"{SYMBOLS[check.outcome]} {check.outcome}",
            check.name,
            _number(check.value),
            _number(check.threshold),
            pasteable(check.text, run=Path(report.run)),
            check.source,
        )
        for check in verdict.checks
    ]
    return Box(outcome, SYMBOLS[outcome], sentence(verdict), [HEADER, *rows], *(remedy(report) or ()))


def sentence(verdict: Verdict) -> str:
    """Which checks decided, in one sentence.

    Args:
        verdict: of an evaluation.

    Returns:
        What the outcome asks of the reader, and why.

    Example:
        >>> from jhrun.records import Check
        >>> rest = (None, None, "", "")
        >>> sentence(Verdict((Check("suite", "suspect", *rest), Check("twin", "not checked", *rest))))
        'These figures are to be doubted, for 1 of 2 checks is suspect (suite); not checked: twin.'
    """
    outcome, checks = verdict.outcome, verdict.checks
    n, names = len(checks), deciding(verdict)
    passed = sum(check.outcome == PASS for check in checks)
    if outcome == FAIL:
        text = f"These figures are not to be believed, for {len(names)} of {counted(n, 'check')} failed"
    elif outcome == SUSPECT:
        are = "is" if len(names) == 1 else "are"
        text = f"These figures are to be doubted, for {len(names)} of {counted(n, 'check')} {are} suspect"
    elif not passed:
        text = "Nothing was checked, so that this says nothing of the figures"
    elif outcome == INCOMPLETE:
        text = (
            f"Nothing odd was found, but not everything was checked: {passed} of {counted(n, 'check')} passed, "
            f"{len(names)} that a pass needs {'was' if len(names) == 1 else 'were'} not made"
        )
    else:
        text = f"Nothing was found that speaks against the figures: {passed} of {counted(n, 'check')} passed"
    parts = [f"{text} ({', '.join(names)})" if names else text]
    for label, other in (("suspect", SUSPECT), ("not checked", NOT_CHECKED)):
        there = [c.name for c in checks if c.outcome == other and c.name not in names]
        if there:
            parts.append(f"{label}: {', '.join(there)}")
    return "; ".join(parts) + "."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")
