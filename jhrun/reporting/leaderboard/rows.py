"""The rows of a leaderboard: one for each configuration, mean and standard deviation over its seeds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jhrun.records import FAIL
from jhrun.reporting.leaderboard import configuration
from jhrun.reporting.leaderboard.columns import CLEAN, MEMORY, PACE, SKILL, Column, Statistic, Value, is_worst
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.labels import labels
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
    """

    entries: list[Entry]
    repeated: list[Entry]
    leaves: configuration.Leaves
    statistics: dict[Column, Statistic] = field(default_factory=dict)
    label: str = ""

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
        worst: the worst case that rows are ranked by; None where there is none.
        data: what most of the rows that have it were trained on; the front is of these alone.
    """

    rows: list[Row]
    columns: list[Column]
    keys: list[str]
    worst: Column | None
    data: str | None = None


def board(entries: Sequence[Entry]) -> Board:
    """Group cells into rows, and rank them.

    Args:
        entries: of all cells.

    Returns:
        The rows, ranked by the worst case that most runs have, or by a task's skill, then by clean accuracy; after
        them those with a verdict of fail, and last those without figures.
    """
    rows = [_row(group) for group in _grouped(entries)]
    columns = _columns(rows)
    found = Counter(c for row in rows for c, s in row.statistics.items() if is_worst(c) for _ in range(s.n))
    worst = found.most_common(1)[0][0] if found else None
    keys = configuration.differing(row.leaves for row in rows if row.leaves)
    _name(rows, keys)
    order = [column for column in (worst, SKILL, CLEAN) if column is not None]
    rows.sort(key=lambda row: (_standing(row), [-_mean(row, column) for column in order]))
    data = Counter(data_of(row) for row in rows if worst in row.statistics)
    return Board(rows, columns, keys, worst, data.most_common(1)[0][0] if data else None)


def data_of(row: Row) -> str:
    """What a row was trained on, in a word."""
    return configuration.class_name(row.leaves.get("dataset._target_", "unknown data"))


def _grouped(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Cells of one configuration and one source; those whose source is not known go with the first of theirs."""
    groups: dict[str, dict[str | None, list[Entry]]] = defaultdict(dict)
    unknown = []
    for entry in entries:
        key = configuration.identity(entry.leaves, entry.cell.overrides or (_folder(entry),))
        if entry.known:
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
    _tell_apart(rows, lambda row, _: _folder(row.entries[0]))
    _tell_apart(rows, lambda _, number: str(number))


def _tell_apart(rows: Sequence[Row], by: Callable[[Row, int], str]) -> None:
    """Add something in brackets to labels that several rows have, or that are empty."""
    count, seen = Counter(row.label for row in rows), Counter[str]()
    for row in rows:
        label = row.label
        if not label or count[label] > 1:
            seen[label] += 1
            more = by(row, seen[label])
            row.label = f"{label} ({more})".strip() if more else label


def _columns(rows: Sequence[Row]) -> list[Column]:
    """In the order of the first run that has each; worst cases after all attacks, time and memory last."""
    found = dict.fromkeys(column for row in rows for column in row.statistics)
    return sorted(found, key=lambda c: 2 if c in {PACE, MEMORY} else 1 if is_worst(c) else 0)


def _standing(row: Row) -> int:
    figures = row.statistics.keys() - {PACE, MEMORY}
    return 2 if not figures else 1 if row.failed else 0


def _mean(row: Row, column: Column) -> float:
    return row.statistics[column].mean if column in row.statistics else float("-inf")


def _folder(entry: Entry) -> str:
    return "" if entry.cell.folder is None else one_line(entry.cell.folder.name)
