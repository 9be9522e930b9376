"""A leaderboard: rows that can be compared, ranked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jhrun.errors import JhrunError
from jhrun.jsonio import DAMAGED
from jhrun.reporting.leaderboard.columns import CLEAN, SKILL, Column, Statistic, ordered, over_all, shared_column
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.names import name_rows
from jhrun.reporting.leaderboard.rows import Row, data_of, rows_of
from jhrun.reporting.leaderboard.settings import Files
from jhrun.reporting.leaderboard.shared import Shared, agree, compare
from jhrun.reporting.leaderboard.ties import cannot_be_told
from jhrun.reporting.text import one_line

_ROUNDING = 12
"""Decimals in which means must differ to rank differently."""


@dataclass(frozen=True)
class Board:
    """All of a leaderboard's rows.

    Attributes:
        rows: the best first.
        columns: that any row has, in order.
        differing: for each setting that differs, as it is typed, the value of every row.
        worst: the worst case that rows are ranked by, over the shared attacks; None where there is none.
        shared: these attacks and their images; None where there is no worst case.
        twin: the worst case over all attacks of a run, where the shared attacks are all that any run met; tables
            show it once.
        unread: what could not be compared for want of examples, a sentence; empty where nothing.
    """

    rows: list[Row]
    columns: list[Column]
    differing: Mapping[str, tuple[str, ...]]
    worst: Column | None
    shared: Shared | None = None
    unread: str = ""
    twin: Column | None = None


def board(entries: Sequence[Entry], files: Files) -> Board:
    """Group cells into rows, and rank them.

    Args:
        entries: of all cells, at least one.
        files: by group and choice the values of the choice's file, by which settings are named.

    Returns:
        The rows, ranked by the worst case over the attacks, settings and images that all compared rows have, or
        by a task's skill, or by clean accuracy; after them those with a verdict of fail, those that cannot be
        compared, and last those without figures.
    """
    rows = rows_of(entries)
    worst, shared, unread = None, None, ""
    try:
        worst, shared = _compare(rows)
    except (JhrunError, *DAMAGED) as failure:
        unread = one_line(f"No worst case could be ranked by: {failure}.")
        for row in rows:
            row.compared = not row.attacks
    columns = ordered(column for row in rows for column in row.statistics)
    _rank(rows, worst or (SKILL if SKILL in columns else CLEAN))
    differing = name_rows(rows, files)
    twin = None
    if shared is not None and worst is not None:
        unread, twin = _mark_best(rows, shared), _twin(rows, columns, worst)
    if worst is not None and twin is not None:
        worst = replace(worst, title=twin.title)
        columns = [worst if column == worst else column for column in columns]
    return Board(rows, columns, differing, worst, shared, unread, twin)


def _twin(rows: Sequence[Row], columns: Sequence[Column], worst: Column) -> Column | None:
    """The worst case over all attacks of a run, if each row's is that over the shared ones."""
    over = [column for column in columns if over_all(column)]
    same = all(row.statistics.get(over[0]) == row.statistics.get(worst) for row in rows) if over else False
    return over[0] if same and len(over) == 1 else None


def _rank(rows: list[Row], by: Column) -> None:
    """Sort rows, of equals those with the higher clean accuracy first, and number them; equals share a number."""
    rows.sort(key=lambda row: (_standing(row), -_mean(row, by), -_mean(row, CLEAN)))
    before: tuple[int, float] | None = None
    for place, row in enumerate(rows, 1):
        if row.compared and by in row.statistics:
            here = (_standing(row), _mean(row, by))
            row.rank = rows[place - 2].rank if here == before else place
            row.best = row.rank == 1 and not row.failed
            before = here


def _mark_best(rows: Sequence[Row], shared: Shared) -> str:
    """Mark the rows that cannot be told from the first; gives why that is not known, in a sentence."""
    ranked = [row for row in rows if row.rank is not None and not row.failed]
    try:
        for row in cannot_be_told(ranked, shared):
            row.best = True
    except (JhrunError, *DAMAGED) as failure:
        return one_line(f"Which rows cannot be told from the best is not known: {failure}.")
    return ""


def _compare(rows: Sequence[Row]) -> tuple[Column | None, Shared | None]:
    """Give the rows that can be compared their figures over the shared attacks, and mark the others."""
    attacked = [row for row in rows if any(entry.run for entry in row.counted)]
    if not attacked:
        return None, None
    found = Counter(_examined(row) for row in attacked)
    usual = found.most_common(1)[0][0]
    places, attacks = agree(
        [[entry.run for entry in row.counted] if _examined(row) == usual else [] for row in attacked]
    )
    chosen = [attacked[i] for i in places]
    here = set(map(id, chosen))
    for row in rows:
        row.compared = id(row) in here or not row.has_figures
    if not chosen:
        return None, None
    shared, figures = compare([entry.run for row in chosen for entry in row.counted], attacks)
    column, left = shared_column(attacks[0].norm, attacks[0].epsilon), iter(figures)
    for row in chosen:
        clean, worst = zip(*(next(left) for _ in row.counted), strict=True)
        row.statistics |= {CLEAN: Statistic.of(clean), column: Statistic.of(worst)}
    return column, shared


def _examined(row: Row) -> tuple[str, int]:
    """The data of a row, and how many test examples there are."""
    return data_of(row), max((test.total for entry in row.counted for test in entry.run), default=0)


def _standing(row: Row) -> int:
    if not row.has_figures:
        return 3
    return 2 if not row.compared else 1 if row.failed else 0


def _mean(row: Row, column: Column) -> float:
    # the sums of equals may differ by a rounding
    return round(row.statistics[column].mean, _ROUNDING) if column in row.statistics else float("-inf")
