"""The rows of a leaderboard: one for each configuration, mean and standard deviation over its seeds."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from jhrun.records import FAIL
from jhrun.reporting.leaderboard import configuration
from jhrun.reporting.leaderboard.columns import COST, MEMORY, PACE, Column, Statistic, Value
from jhrun.reporting.leaderboard.entries import Entry


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
        rank: 1 + how many rows are better by the figure that ranks, so that equals share it; None where the row
            has no such figure, or is not compared.
        best: whether it cannot be told from the first row.
    """

    entries: list[Entry]
    repeated: list[Entry]
    leaves: configuration.Leaves
    statistics: dict[Column, Statistic] = field(default_factory=dict)
    label: str = ""
    compared: bool = True
    rank: int | None = None
    best: bool = False

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
        """Whether it has any besides cost, time and memory."""
        return bool(self.statistics.keys() - {COST, PACE, MEMORY})

    @property
    def failed(self) -> bool:
        """Whether the figures of one of its runs are not to be believed."""
        return FAIL in self.verdicts


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """A row for each configuration and source, in the order in which they are met; without labels.

    Args:
        entries: of all cells, at least one.

    Returns:
        The rows. Of cells of one seed the newest finished one counts; of those whose seed is not known every one.
    """
    frame = pd.DataFrame({
        "key": [configuration.identity(e.leaves, e.cell.overrides or (str(e.cell.folder),)) for e in entries],
        "code": [e.code for e in entries],
        "seed": [f"unknown {i}" if e.seed is None else repr(e.seed) for i, e in enumerate(entries)],
        "counts": [e.counts for e in entries],
        "when": [e.when for e in entries],
    }, dtype=object)  # fmt: skip
    # a job that never began goes with the first source of its configuration
    frame["code"] = frame["code"].fillna(frame.groupby("key")["code"].transform("first")).fillna("")
    newest = frame.sort_values(["counts", "when"], kind="stable")
    chosen = frame.index.isin(newest.groupby(["key", "code", "seed"]).tail(1).index)
    groups = [group.index.to_list() for _, group in frame.groupby(["key", "code"], sort=False)]
    return [
        _row([entries[i] for i in places if chosen[i]], [entries[i] for i in places if not chosen[i]])
        for places in groups
    ]


def _row(chosen: list[Entry], repeated: list[Entry]) -> Row:
    row, group = Row(chosen, repeated, {}), [*chosen, *repeated]
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


def data_of(row: Row) -> str:
    """What a row was trained on, in a word."""
    return configuration.class_name(row.leaves.get("dataset._target_", "unknown data"))
