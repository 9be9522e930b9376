"""Methods of a paper in prose: of one run, or of many, what they share before what differs."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jhrun.errors import JhrunError
from jhrun.jsonio import DAMAGED
from jhrun.reporting.document import Report
from jhrun.reporting.latex import evaluation, training
from jhrun.reporting.latex.loss import loss
from jhrun.reporting.latex.names import Names
from jhrun.reporting.latex.references import References
from jhrun.reporting.latex.values import listed
from jhrun.reporting.text import one_line, tex

HEAD = "% made by jhrun from the records of the run; cites what is in references.bib\n"

TRAINING = ("data", "network", "loss", "optimizer", "budget", "averaging", "seeds")
"""Aspects of the first paragraph; those of the second are of the evaluation."""


@dataclass(frozen=True)
class Described:
    """A configuration and its runs.

    Attributes:
        label: what it is called.
        report: of one of its runs; None where none has finished.
        seeds: of all of its runs.
    """

    label: str
    report: Report | None
    seeds: Sequence[int]


def methods(report: Report, references: References) -> str:
    r"""``methods.tex`` of one run: two paragraphs, to be taken in by ``\input``.

    Args:
        report: of the run.
        references: get what is cited.

    Returns:
        LaTeX.
    """
    found = _aspects(report, [report.setup.seed], references)
    return HEAD + _paragraphs(found)


def shared_methods(rows: Sequence[Described], references: References) -> str:
    r"""``methods.tex`` of a leaderboard: what all configurations share, and in a list what differs.

    Args:
        rows: the configurations, in order.
        references: get what is cited.

    Returns:
        LaTeX.
    """
    aspects: dict[int, dict[str, str]] = {}
    for number, row in enumerate(rows, 1):
        if row.report is not None:
            # of a run whose records are odd the leaderboard itself says so
            with suppress(JhrunError, *DAMAGED):
                aspects[number] = _aspects(row.report, row.seeds, references)
    there = [(number, row) for number, row in enumerate(rows, 1) if number in aspects]
    if not there:
        return f"{HEAD}No run has finished yet.\n"
    first = next(iter(aspects.values()))
    common = {name: text for name, text in first.items() if all(a.get(name) == text for a in aspects.values())}
    text = HEAD + _paragraphs(common)
    apart = [name for name in first if name not in common]
    if len(there) < 2:
        return text
    called = "; ".join(f"({n})~{tex(one_line(row.label))}" for n, row in there)
    text += f"\n{len(there)} configurations were compared: {called}.\n"
    for name in apart:
        groups: dict[str, list[int]] = {}
        for number, found in aspects.items():
            groups.setdefault(found.get(name, ""), []).append(number)
        told = [f"For {_numbers(numbers)}: {sentence}" for sentence, numbers in groups.items() if sentence]
        text += "\n" + "\n".join(told) + "\n"
    return text


def _numbers(numbers: Sequence[int]) -> str:
    return f"configuration{'s' if len(numbers) > 1 else ''} {listed([f'({n})' for n in numbers])}"


def _aspects(report: Report, seeds: Sequence[int], references: References) -> dict[str, str]:
    """A run's sentences by what they are of."""
    names = Names(report, references)
    return {
        "data": training.data(names),
        "network": training.network(names),
        "loss": loss(names),
        "optimizer": training.optimizer(names),
        "budget": training.budget(names),
        "averaging": training.averaging(names),
        "seeds": evaluation.seeds(seeds),
        "selection": evaluation.selection(report),
        "attacks": evaluation.attacks(report, len(seeds), references),
        "meaning": evaluation.meaning(report, len(seeds), references),
        "versions": evaluation.versions(report, references),
    }


def _paragraphs(found: Mapping[str, str]) -> str:
    both = [
        "\n".join(text for name, text in found.items() if text and (name in TRAINING) == first)
        for first in (True, False)
    ]
    return "\n\n".join(text for text in both if text) + "\n"
