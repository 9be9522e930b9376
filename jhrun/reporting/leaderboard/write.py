"""``leaderboard.md``, ``.html``, ``.csv``, ``.tex``, ``.json`` and ``figures/``: any runs, beside each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jhrun.errors import UnsafeError
from jhrun.files import write_aside
from jhrun.jsonio import write_json
from jhrun.reporting import tables, text
from jhrun.reporting.ladder import ladder, ladder_data
from jhrun.reporting.latex import FOR_A_PAPER, write_board
from jhrun.reporting.leaderboard import documents
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.curves import MOST_SEEDS, curves_data, curves_figure, drawn_rows
from jhrun.reporting.leaderboard.entries import read_entry
from jhrun.reporting.leaderboard.front import (
    MOST_NAMED,
    eligible,
    front,
    front_data,
    front_figure,
    incomparable,
    left_out,
)
from jhrun.reporting.leaderboard.notes import meanings, named, notes
from jhrun.reporting.leaderboard.paper import EXPLANATION, paper_csv, paper_document, paper_tables
from jhrun.reporting.leaderboard.rows import Board, board
from jhrun.reporting.leaderboard.rungs import rungs
from jhrun.reporting.leaderboard.runtime import runtime_tables
from jhrun.reporting.picture import Picture
from jhrun.reporting.plots import NARROW, WIDE
from jhrun.reporting.report import pages
from jhrun.reporting.style import own_style

FIGURES = ("ladder", "front", "curves")


@own_style()
def write_leaderboard(cells: Sequence[Cell], output: Path, *, paper: bool = False) -> list[tables.Row]:
    """Write a leaderboard, over an older one if there is one; nothing in the runs is touched.

    Args:
        cells: what was to be run, at least one.
        output: a folder; made if it is missing.
        paper: whether to set runs of the paper's protocol beside the published tables.

    Returns:
        The table, header first.

    Raises:
        UnsafeError: the figures would be written elsewhere.
    """
    if (output / "figures").is_symlink():
        raise UnsafeError("a symbolic link leaves the folder", str(output / "figures"), "remove it")
    entries = [read_entry(cell) for cell in cells]
    found = board(entries)
    table, remarks = documents.table(found), notes(found)
    drawn = (_ladder(found), _front(found), _curves(found))
    pictures = [picture for picture in drawn if picture is not None]
    (output / "figures").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        for file, content in picture.files.items():
            write_aside(output / "figures" / file, content)
    for name in {*FIGURES} - {picture.name for picture in pictures}:
        # of an older leaderboard
        for ending in ("svg", "csv", "pdf"):
            (output / "figures" / f"{name}.{ending}").unlink(missing_ok=True)
    published = paper_tables(found) if paper else None
    paces = runtime_tables(found) if paper else []
    if published is None:
        (output / "paper.csv").unlink(missing_ok=True)
    else:
        write_aside(output / "paper.csv", paper_csv(published))
    beside: dict[str, Any] = {"paper": None if published is None else paper_document(published)}
    beside["runtime"] = [pace.document for pace in paces] if paper else None
    write_json(output / "leaderboard.json", documents.document(found, entries, remarks) | beside)
    write_aside(output / "leaderboard.csv", documents.csv(found))
    write_aside(output / "leaderboard.tex", documents.latex(found))
    write_board(output, [(row.label, [(e.cell.folder, e.cell.config) for e in row.counted]) for row in found.rows])
    for ending, content in pages(
        "leaderboard",
        table_rows=[line for line in table if line[0] != "–"],
        apart=[table[0], *rest] if (rest := [line for line in table if line[0] == "–"]) else [],
        meanings=meanings(found),
        notes=remarks,
        pictures=pictures,
        paper=None if published is None else [*published, *paces],
        explanation=EXPLANATION,
        missing=documents.missing(found),
        differences=documents.differences(found) if found.keys else [],
        runs=[
            (row.label, str(entry.seed), text.one_line(entry.cell.folder))
            for row in found.rows
            for entry in (*row.entries, *row.repeated)
            if entry.cell.folder is not None
        ],
        name=text.one_line(output.name),
        cells=len(entries),
        finished=sum(entry.counts for entry in entries),
        rows=len(found.rows),
        tables=tables,
        for_a_paper=FOR_A_PAPER.replace("table.tex", "leaderboard.tex"),
    ):
        write_aside(output / f"leaderboard.{ending}", content)
    return table


def _ladder(found: Board) -> Picture | None:
    shown = rungs(found)
    if not shown:
        return None
    text = (
        "Each row's worst case over the shared attacks, beside clean accuracy, and PGD-20 where all runs know it; "
        "means over seeds, a dot for each seed. The distance from PGD-20 to the worst case is its inflation. "
        "Numbers are ranks."
    )
    wide, narrow = (ladder(shown, width) for width in (WIDE, NARROW))
    return Picture.of("ladder", "The ladder", text, wide, ladder_data(shown), narrow)


def _front(found: Board) -> Picture | None:
    if not eligible(found):
        return None
    rank = {id(row): i for i, row in enumerate(found.rows, 1)}
    best, out, others = front(found), left_out(found), incomparable(found)
    words = [
        "No other configuration is better in one figure and not worse in the other. Bars: mean ± sample standard "
        "deviation over seeds (circles); of a single run its own 95 % interval, which tells of the test "
        "examples and nothing of other seeds (squares). Numbers are ranks.",
        "" if len(best) <= MOST_NAMED else f"The {MOST_NAMED} most accurate have theirs.",
        f"On the front: {named(f'{rank[id(row)]} {row.label}' for row in best)}.",
        f"Left out, for the verdict on a run of theirs is fail: {named(row.label for row in out)}." if out else "",
        f"Not drawn, for they are not compared: {named(row.label for row in others)}." if others else "",
    ]
    title = "Clean against worst-case accuracy: the Pareto front"
    return Picture.of("front", title, " ".join(filter(None, words)), front_figure(found), front_data(found))


def _curves(found: Board) -> Picture | None:
    rows = drawn_rows(found.rows)
    if not rows:
        return None
    begun = sum(any(entry.curve for entry in row.entries) for row in found.rows)
    words = [
        "Each run after each of its epochs: on the validation part, or on the training batches where it has none. "
        "A configuration has one colour and line style, and each of its seeds a thin line.",
        f"Of {begun} configurations the {len(rows)} of the best rank are drawn." if begun > len(rows) else "",
        f"Of each, {MOST_SEEDS} seeds." if any(len(row.entries) > MOST_SEEDS for row in rows) else "",
        "A curve of what should be zero means something only where the loss has fallen."
        if any(entry.regression for row in rows for entry in row.entries)
        else "",
    ]
    return Picture.of(
        "curves", "Learning curves", " ".join(filter(None, words)), curves_figure(rows), curves_data(rows)
    )
