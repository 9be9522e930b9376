"""``methods.tex``, ``references.bib`` and ``table.tex``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jhrun.errors import JhrunError
from jhrun.files import write_aside
from jhrun.folder import RunFolder
from jhrun.jsonio import DAMAGED
from jhrun.reporting.document import Node, Report
from jhrun.reporting.latex.evaluation import titles
from jhrun.reporting.latex.methods import Described, methods, shared_methods
from jhrun.reporting.latex.references import References
from jhrun.reporting.latex.table import tabular
from jhrun.reporting.summary import summarise
from jhrun.reporting.tables import headline_table

FOR_A_PAPER = "For a paper: methods.tex, table.tex, references.bib and figures/*.pdf."

HEADS = {"accuracy": "acc. (%)", "95 % interval": "95 % CI"}
"""Of the headline's table, with the unit in them."""

MOST = 50
"""Configurations of a leaderboard that a paragraph tells of."""

Runs = tuple[str, Sequence[tuple[Path | None, Node | None]]]
"""A configuration's label, and the folder and the configuration of each of its finished runs."""


def paper_files(report: Report) -> Mapping[str, str]:
    """What a paper takes of a run, by the files' names.

    Args:
        report: of the run.

    Returns:
        The contents.
    """
    references = References()
    text = methods(report, references)
    return {"methods.tex": text, "references.bib": str(references), "table.tex": _table(report)}


def _table(report: Report) -> str:
    """The headline, narrow enough for a column."""
    header, *rows = headline_table(report) or [()]
    if not rows:
        return tabular([], notes=["nothing was evaluated"])
    names = titles(report.attacks)
    table = [
        tuple(HEADS.get(cell, cell) for cell in header),
        *((names.get(row[0], row[0]), *(cell.removesuffix(" %") for cell in row[1:])) for row in rows),
    ]
    return tabular(table, notes=[f"checkpoint {report.checkpoint}, evaluation {report.evaluation}"])


def write_board(output: Path, rows: Sequence[Runs]) -> None:
    """Write ``methods.tex`` and ``references.bib`` of a leaderboard.

    Args:
        output: its folder.
        rows: the configurations, the best first.
    """
    references = References()
    text = shared_methods([_described(label, runs) for label, runs in rows[:MOST]], references)
    if len(rows) > MOST:
        text += f"\n% of {len(rows)} configurations the {MOST} of the best rank\n"
    write_aside(output / "methods.tex", text)
    write_aside(output / "references.bib", str(references))


def _described(label: str, runs: Sequence[tuple[Path | None, Node | None]]) -> Described:
    """A configuration by the first of its runs that can be read."""
    first, seeds = None, []
    for folder, config in runs:
        if folder is None or config is None:
            continue
        seed = config.get("seed")
        seeds += [seed] if isinstance(seed, int) else []
        if first is None:
            try:
                first = summarise(RunFolder(folder), config)
            except (JhrunError, OSError, *DAMAGED):
                # the leaderboard itself says why
                continue
    return Described(label, first, sorted(seeds))
