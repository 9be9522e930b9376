"""``leaderboard.json``, typed: the interface of a leaderboard for programs (docs/leaderboard.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import Column, Statistic
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.front import front
from jhrun.reporting.leaderboard.paper import PaperTable
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.leaderboard.runtime import RuntimeTable
from jhrun.reporting.leaderboard.shared import Shared

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class RowDocument:
    """A configuration.

    Attributes:
        rank: equals share it; None where it is not ranked.
        label: what tells it from the others.
        best: whether it cannot be told from the first.
        front: whether it is on the Pareto front.
        compared: whether its figures can be compared with the others'.
        n: how many runs count.
        seeds: theirs.
        attacks: the smallest number of attacks that a run's worst case is over.
        verdicts: how many runs have which.
        states: how many cells stand how.
        figures: by the column's key.
    """

    rank: int | None
    label: str
    best: bool
    front: bool
    compared: bool
    n: int
    seeds: tuple[int | str | None, ...]
    attacks: int
    verdicts: Mapping[str, int]
    states: Mapping[str, int]
    figures: Mapping[str, Statistic]


@dataclass(frozen=True)
class CellDocument:
    """A run, or a job that never began.

    Attributes:
        row: the place of its row, from 0.
        run: its folder.
        overrides: of a sweep's job, as typed.
        seed: as configured.
        state: how it stands.
        error: in one line.
        verdict: of its headline.
        evaluated: which checkpoint on which examples, in words.
        figures: by the column's key.
        counts: whether they are in the row's means.
    """

    row: int
    run: str | None
    overrides: tuple[str, ...]
    seed: int | str | None
    state: str
    error: str | None
    verdict: str | None
    evaluated: str | None
    figures: Mapping[str, float]
    counts: bool


@dataclass(frozen=True)
class BoardDocument:
    """All of it.

    Attributes:
        schema_version: of this document.
        columns: that any row has.
        ranked_by: the key of the worst case that ranks; None where there is none.
        shared: attacks and images over which rows are compared; None where no row was attacked.
        rows: the best first.
        differing: for each setting that differs, the value of every row.
        cells: in the order in which they were found.
        notes: sentences.
        paper: the published tables; None where they were not asked for.
        runtime: seconds per epoch beside the published ones; None where they were not asked for.
    """

    schema_version: int
    columns: tuple[Column, ...]
    ranked_by: str | None
    shared: Shared | None
    rows: tuple[RowDocument, ...]
    differing: Mapping[str, tuple[str, ...]]
    cells: tuple[CellDocument, ...]
    notes: tuple[str, ...]
    paper: tuple[PaperTable, ...] | None
    runtime: tuple[RuntimeTable, ...] | None


def document(
    board: Board,
    entries: Sequence[Entry],
    notes: Sequence[str],
    paper: Sequence[PaperTable] | None,
    runtime: Sequence[RuntimeTable] | None,
) -> BoardDocument:
    """Put a leaderboard into one document.

    Args:
        board: of all rows.
        entries: of all cells, as they were found.
        notes: sentences.
        paper: the published tables, if they were asked for.
        runtime: the tables of seconds per epoch, if they were asked for.

    Returns:
        The document.
    """
    place = {id(entry): i for i, row in enumerate(board.rows) for entry in (*row.entries, *row.repeated)}
    used = {id(entry) for row in board.rows for entry in row.counted}
    best = set(map(id, front(board)))
    return BoardDocument(
        SCHEMA_VERSION,
        tuple(board.columns),
        None if board.worst is None else board.worst.key,
        board.shared,
        tuple(_row(row, on_front=id(row) in best) for row in board.rows),
        board.differing,
        tuple(_cell(entry, place[id(entry)], counts=id(entry) in used) for entry in entries),
        tuple(notes),
        None if paper is None else tuple(paper),
        None if runtime is None else tuple(runtime),
    )


def _row(row: Row, *, on_front: bool) -> RowDocument:
    return RowDocument(
        row.rank,
        row.label,
        row.best,
        on_front,
        row.compared,
        len(row.counted),
        tuple(entry.seed for entry in row.counted),
        row.attacks,
        row.verdicts,
        row.states,
        {column.key: found for column, found in row.statistics.items()},
    )


def _cell(entry: Entry, row: int, *, counts: bool) -> CellDocument:
    folder = entry.cell.folder
    return CellDocument(
        row,
        None if folder is None else _writable(folder),
        tuple(map(_writable, entry.cell.overrides)),
        entry.seed,
        entry.state,
        entry.error,
        entry.verdict,
        entry.evaluated or None,
        {column.key: found.value for column, found in entry.values.items()},
        counts,
    )


def _writable(value: object) -> str:
    """Its text, without the lone surrogates that no file can hold."""
    return str(value).encode(errors="replace").decode()
