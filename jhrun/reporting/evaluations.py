"""Each evaluation of a run by itself: its figures, its verdict, on how many examples, and when."""

from dataclasses import dataclass, replace

from jhrun.folder import RunFolder
from jhrun.records.words import sample
from jhrun.reporting import tables, words
from jhrun.reporting.document import Report
from jhrun.reporting.joined import single
from jhrun.reporting.tables import Row
from jhrun.reporting.verdict import Box, box


@dataclass(frozen=True)
class Part:
    """One evaluation.

    Attributes:
        name: of it.
        text: checkpoint, examples and date, and what it is to the headline.
        table: its figures, the header first; empty where it has none.
        verdict: its box; None where it has no verdict.
    """

    name: str
    text: str
    table: list[Row]
    verdict: Box | None

    @property
    def title(self) -> str:
        """Its name, and the verdict in a word."""
        return f"{self.name}: {self.verdict.symbol} {self.verdict.outcome}" if self.verdict else self.name


def alone(folder: RunFolder, report: Report, name: str) -> Report:
    """A run's report with one evaluation in the place of the headline."""
    return replace(report, **vars(single(folder, report.evaluations, name)))


def parts(folder: RunFolder, report: Report) -> list[Part]:
    """Every evaluation, the newest first; none where there is one, which the whole page is about."""
    names = list(reversed(list(report.evaluations)))
    return [_part(alone(folder, report, name), report) for name in names] if len(names) > 1 else []


def joined_words(report: Report) -> str:
    """What the headline is made of, in a sentence; empty where there is one evaluation."""
    if len(report.evaluations) < 2:
        return ""
    if report.pinned:
        return f"Pinned: these are the figures of evaluation {report.evaluation} alone."
    names = report.joined
    others = len(report.evaluations) - len(names)
    text = f"Below: {words.counted(others, 'other evaluation')}, of another claim." if others else ""
    if len(names) < 2:
        return f"These are the figures of evaluation {names[0]}. {text}".strip()
    return (
        f"The worst case is over {len(names)} evaluations of the same network at the same ε ({', '.join(names)}): "
        "an example counts when it is right in each one that attacked it. Examples, clean accuracy and verdict "
        f"are those of {report.evaluation}. {text}"
    ).strip()


def _part(own: Report, report: Report) -> Part:
    name = str(own.evaluation)
    record = report.evaluations[name]
    parts = [f"checkpoint {own.checkpoint}, epoch {record.epoch}"]
    if own.clean is not None:
        parts.append(sample(own.clean.n, own.total))
    parts.append(record.date.replace("T", " ")[:16])
    if name in report.joined:
        parts.append("part of the headline")
    return Part(name, "; ".join(filter(None, parts)) + ".", tables.headline_table(own), box(own))
