"""The rows of a leaderboard: one for each configuration, mean and standard deviation over its seeds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jhrun.errors import JhrunError
from jhrun.jsonio import DAMAGED
from jhrun.records import FAIL
from jhrun.reporting.leaderboard import configuration
from jhrun.reporting.leaderboard.columns import (
    CLEAN,
    MEMORY,
    PACE,
    SKILL,
    Column,
    Statistic,
    Value,
    ordered,
    shared_column,
)
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.labels import labels
from jhrun.reporting.leaderboard.shared import Shared, agree, compare
from jhrun.reporting.text import one_line


@dataclass
class Row:
    """A configuration.

    Attributes:
        entries: its cells, one for each seed.
        repeated: cells that do not count, since another one of the same seed does.
        leaves: its keys and values.
        statistics: of the runs that have finished.
        label: what tells it from the other rows.
        compared: whether its figures and those of the other rows that are compared are of the same data, attacks
            and images.
    """

    entries: list[Entry]
    repeated: list[Entry]
    leaves: configuration.Leaves
    statistics: dict[Column, Statistic] = field(default_factory=dict)
    label: str = ""
    compared: bool = True

    @property
    def counted(self) -> list[Entry]:
        """The runs whose figures count."""
        return [entry for entry in self.entries if entry.counts]

    @property
    def verdicts(self) -> dict[str, int]:
        """How many runs have which verdict."""
        return dict(Counter(e.verdict for e in self.counted if e.verdict is not None))

    @property
    def states(self) -> dict[str, int]:
        """How many cells stand how."""
        return dict(Counter(entry.state for entry in self.entries))

    @property
    def attacks(self) -> int:
        """The smallest number of attacks that the worst case of one of its runs is over."""
        return min((entry.attacks for entry in self.counted), default=0)

    @property
    def has_figures(self) -> bool:
        """Whether it has any besides time and memory."""
        return bool(self.statistics.keys() - {PACE, MEMORY})

    @property
    def failed(self) -> bool:
        """Whether the figures of one of its runs are not to be believed."""
        return FAIL in self.verdicts


@dataclass(frozen=True)
class Board:
    """All of a leaderboard's rows.

    Attributes:
        rows: the best first.
        columns: that any row has, in order.
        keys: that differ between rows.
        worst: the worst case that rows are ranked by, over the shared attacks; None where there is none.
        shared: those attacks and images; None likewise.
        unread: why no worst case is ranked by, where that is to be told.
    """

    rows: list[Row]
    columns: list[Column]
    keys: list[str]
    worst: Column | None
    shared: Shared | None = None
    unread: str = ""


def board(entries: Sequence[Entry]) -> Board:
    """Group cells into rows, and rank them.

    Args:
        entries: of all cells.

    Returns:
        The rows, ranked by the worst case over the attacks, settings and images that all compared rows have, or
        by a task's skill, then by clean accuracy; after them those with a verdict of fail, those that cannot be
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
    keys = configuration.differing(row.leaves for row in rows if row.leaves)
    _name(rows, keys)
    order = [column for column in (worst, SKILL, CLEAN) if column is not None]
    rows.sort(key=lambda row: (_standing(row), [-_mean(row, column) for column in order]))
    return Board(rows, columns, keys, worst, shared, unread)


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """A row for each configuration and source, in the order in which they are met; without labels.

    Args:
        entries: of all cells.

    Returns:
        The rows.
    """
    return [_row(group) for group in _grouped(entries)]


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


def data_of(row: Row) -> str:
    """What a row was trained on, in a word."""
    return configuration.class_name(row.leaves.get("dataset._target_", "unknown data"))


def _grouped(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Cells of one configuration and one source; those whose source is not known go with the first of theirs."""
    groups: dict[str, dict[str | None, list[Entry]]] = defaultdict(dict)
    unknown = []
    for entry in entries:
        key = configuration.identity(entry.leaves, entry.cell.overrides or (_folder(entry),))
        if entry.code is not None:
            groups[key].setdefault(entry.code, []).append(entry)
        else:
            groups.setdefault(key, {})
            unknown.append((key, entry))
    for key, entry in unknown:
        codes = groups[key]
        codes.setdefault(next(iter(codes), None), []).append(entry)
    return [group for codes in groups.values() for group in codes.values()]


def _row(group: list[Entry]) -> Row:
    """Of the cells of one seed the newest finished one counts; of those whose seed is not known every one."""
    seeds: dict[Any, list[Entry]] = defaultdict(list)
    for i, entry in enumerate(group):
        seeds[entry.seed if entry.seed is not None else ("unknown", i)].append(entry)
    chosen, repeated = [], []
    for same in seeds.values():
        best = max(same, key=lambda e: (e.counts, e.when))
        chosen.append(best)
        repeated += [entry for entry in same if entry is not best]
    row = Row(chosen, repeated, {})
    first = next((e for e in group if e.leaves is not None), group[0])
    code = next((e.code for e in group if e.code is not None), None)
    if first.leaves is not None:
        row.leaves = first.leaves | ({} if code is None else {configuration.CODE: code})
    values: dict[Column, list[Value]] = defaultdict(list)
    for entry in row.counted:
        for column, value in entry.values.items():
            values[column].append(value)
    row.statistics = {column: Statistic.of(found) for column, found in values.items()}
    return row


def _name(rows: Sequence[Row], keys: Sequence[str]) -> None:
    """Give each row a label that no other has."""
    known = [row for row in rows if row.leaves]
    for row, label in zip(known, labels([row.leaves for row in known], keys), strict=True):
        row.label = label
    for row in rows:
        if not row.leaves:
            typed = [word for word in row.entries[0].cell.overrides if not word.startswith("seed=")]
            row.label = one_line(" ".join(typed))
    tell_apart(rows)


def tell_apart(rows: Sequence[Row]) -> None:
    """Add the folder's name, and then a number, to labels that several rows have, or that are empty.

    Args:
        rows: with labels.
    """
    _add(rows, lambda row, _: _folder(row.entries[0]))
    _add(rows, lambda _, number: str(number))


def _add(rows: Sequence[Row], by: Callable[[Row, int], str]) -> None:
    """Add something in brackets to labels that several rows have, or that are empty."""
    count, seen = Counter(row.label for row in rows), Counter[str]()
    for row in rows:
        label = row.label
        if not label or count[label] > 1:
            seen[label] += 1
            more = by(row, seen[label])
            row.label = f"{label} ({more})".strip() if more else label


def _standing(row: Row) -> int:
    if not row.has_figures:
        return 3
    return 2 if not row.compared else 1 if row.failed else 0


def _mean(row: Row, column: Column) -> float:
    return row.statistics[column].mean if column in row.statistics else float("-inf")


def _folder(entry: Entry) -> str:
    return "" if entry.cell.folder is None else one_line(entry.cell.folder.name)
