"""``leaderboard.md``, ``.html``, ``.csv``, ``.json``, ``table.tex`` and ``figures/``: runs beside each other."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jhrun.errors import UnsafeError
from jhrun.files import write_aside
from jhrun.jsonio import as_plain, write_json
from jhrun.reporting import tables, text
from jhrun.reporting.ladder import ladder_picture
from jhrun.reporting.latex import FOR_A_PAPER, write_board
from jhrun.reporting.leaderboard import frame, page
from jhrun.reporting.leaderboard.board import Board, board
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
from jhrun.reporting.leaderboard.interface import document
from jhrun.reporting.leaderboard.notes import differences, meanings, missing, named, notes
from jhrun.reporting.leaderboard.paper import EXPLANATION, paper_csv, paper_tables
from jhrun.reporting.leaderboard.rungs import rungs
from jhrun.reporting.leaderboard.runtime import runtime_tables
from jhrun.reporting.leaderboard.settings import Files
from jhrun.reporting.picture import Picture
from jhrun.reporting.report import pages
from jhrun.reporting.style import own_style

FIGURES = ("ladder", "front", "curves")
FORMER = ("leaderboard.tex",)
"""Files of an older leaderboard that no longer are."""


@own_style()
def write_leaderboard(cells: Sequence[Cell], output: Path, files: Files, *, paper: bool = False) -> Board:
    """Write a leaderboard, over an older one if there is one; nothing in the runs is touched.

    Args:
        cells: what was to be run, at least one.
        output: a folder; made if it is missing.
        files: by group and choice the values of the choice's file, by which settings are named.
        paper: whether to set runs of the paper's protocol beside the published tables.

    Returns:
        The rows.

    Raises:
        UnsafeError: the figures would be written elsewhere.
    """
    if (output / "figures").is_symlink():
        raise UnsafeError("a symbolic link leaves the folder", str(output / "figures"), "remove it")
    entries = [read_entry(cell) for cell in cells]
    found = board(entries, files)
    remarks = notes(found)
    pictures = [picture for picture in (_ladder(found), _front(found), _curves(found)) if picture is not None]
    _figures(output, pictures)
    published, paces = (paper_tables(found), runtime_tables(found)) if paper else (None, None)
    for name in (*FORMER, *(["paper.csv"] if published is None else [])):
        (output / name).unlink(missing_ok=True)
    if published is not None:
        write_aside(output / "paper.csv", paper_csv(published))
    write_json(output / "leaderboard.json", as_plain(document(found, entries, remarks, published, paces)))
    write_aside(output / "leaderboard.csv", frame.as_csv(found))
    write_aside(output / "table.tex", frame.as_latex(found))
    write_board(output, [(row.label, [(e.cell.folder, e.cell.config) for e in row.counted]) for row in found.rows])
    compared, apart = ([row for row in found.rows if (row.compared == which)] for which in (True, False))
    for ending, content in pages(
        "leaderboard",
        header=frame.titles(found, frame.table(found)),
        sections=[
            (rows, frame.as_markdown(found, rows), page.lines(found, rows, output)) for rows in (compared, apart)
        ],
        meanings=meanings(found),
        notes=remarks,
        pictures=pictures,
        paper=None if published is None else [*published, *(paces or [])],
        explanation=EXPLANATION,
        missing=missing(found),
        differences=differences(found),
        name=text.one_line(output.name),
        cells=len(entries),
        finished=sum(entry.counts for entry in entries),
        rows=len(found.rows),
        tables=tables,
        for_a_paper=FOR_A_PAPER,
    ):
        write_aside(output / f"leaderboard.{ending}", content)
    return found


def _figures(output: Path, pictures: Sequence[Picture]) -> None:
    """Write the figures, and remove those of an older leaderboard that are no more."""
    (output / "figures").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        for file, content in picture.files.items():
            write_aside(output / "figures" / file, content)
    for name in {*FIGURES} - {picture.name for picture in pictures}:
        for ending in ("svg", "csv", "pdf"):
            (output / "figures" / f"{name}.{ending}").unlink(missing_ok=True)


def _ladder(found: Board) -> Picture | None:
    shown = rungs(found)
    if not shown:
        return None
    text = (
        "Each row's worst case over the shared attacks, beside clean accuracy, and PGD-20 where all runs know it; "
        "means over seeds, a dot for each seed. The distance from PGD-20 to the worst case is its inflation. "
        "Numbers are ranks."
    )
    return ladder_picture("The ladder", text, shown)


def _front(found: Board) -> Picture | None:
    if not eligible(found):
        return None
    best, out, others = front(found), left_out(found), incomparable(found)
    words = [
        "No other configuration is better in one figure and not worse in the other: those on the staircase have "
        "their names. Bars: mean ± sample standard deviation over seeds (circles); of a single run its own 95 % "
        "interval, which tells of the test examples and nothing of other seeds (squares).",
        "" if len(best) <= MOST_NAMED else f"Only the {MOST_NAMED} most accurate have theirs.",
        f"On the front: {named(row.label for row in best)}.",
        f"Left out, for the verdict on a run of theirs is fail: {named(row.label for row in out)}." if out else "",
        f"Not drawn, for they are not compared: {named(row.label for row in others)}." if others else "",
    ]
    title = "Clean against worst-case accuracy: the Pareto front"
    text = " ".join(filter(None, words))
    return Picture.of("front", title, text, partial(front_figure, found), front_data(found))


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
    text = " ".join(filter(None, words))
    return Picture.of("curves", "Learning curves", text, partial(curves_figure, rows), curves_data(rows))
