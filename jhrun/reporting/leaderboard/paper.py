"""Runs of the paper's protocol beside the published tables."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from jhrun.records.words import radius
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import PACE, Column, Statistic
from jhrun.reporting.leaderboard.configuration import class_name, shown
from jhrun.reporting.leaderboard.frame import written
from jhrun.reporting.leaderboard.published import EPOCHS, EPSILON, SOURCE, TABLES, TITLES, Published
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.tables import Row as Line
from jhrun.reporting.text import cell, one_line

HEADER: Line = (
    "method", "n", "clean (%)", "published", "difference", "PGD-20 (%)", "published", "difference",
    "worst case (%)", "clean, selected on test data (%)", "PGD-20, selected on test data (%)", "s/epoch",
)  # fmt: skip

EXPLANATION = (
    f"Published: {SOURCE}, mean ± standard deviation of three runs. Ours are of the last epoch's network; "
    "differences are in percentage points. The worst case is over the strongest attacks that each network met; "
    "the paper has none; PGD-20 alone counts its last iterate, as is published. The published way is another one: "
    "the best clean accuracy on the test set of all epochs and, separately, the best PGD-20 of the last ten. The "
    "two columns that say so give ours in that way: they are selected on test data, and stand here for the "
    "comparison alone."
)

_SHARE = Column("", "")
_FIGURES = ("clean", "pgd20", "worst_case", "selected_clean", "selected_pgd20")


@dataclass(frozen=True)
class PaperLine:
    """A row of a published table.

    Attributes:
        method: the paper's name.
        rank: of our row; None where there is none, or it is not ranked.
        figures: ours; empty where there is no run.
        published: None for a method that was not.
    """

    method: str
    rank: int | None
    figures: dict[str, Statistic]
    published: Published | None

    def difference(self, key: str) -> float | None:
        """Ours less theirs; None where one is not known."""
        if self.published is None or key not in self.figures:
            return None
        theirs: float = getattr(self.published, key)[0]
        return self.figures[key].mean - theirs


@dataclass(frozen=True)
class PaperTable:
    """One published table, with the runs that belong beside it.

    Attributes:
        table: its name, as in ``hessian_cifar10``.
        title: which table, and plainly what is not comparable.
        source: of the published figures.
        scale: of the runs, ``full`` or ``tiny``.
        data: what they were trained on.
        departures: why the runs are not comparable with it, in words; none where they may be.
        remarks: what else is not as in the paper, and what the worst case is over, sentences.
        lines: one for each row, and for each published method without one.
    """

    table: str
    title: str
    source: str
    scale: str
    data: str
    departures: list[str]
    remarks: list[str]
    lines: list[PaperLine]

    @property
    def shown(self) -> list[Line]:
        """Header and rows, for people."""
        return [HEADER, *map(_line, self.lines)]


def paper_tables(board: Board) -> list[PaperTable]:
    """The published tables that any row belongs to.

    Args:
        board: of all rows.

    Returns:
        A table for each combination of table, scale and data, in the order of the published ones.
    """
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in board.rows:
        table = row.leaves.get("paper.table")
        if isinstance(table, str) and table in TABLES and any(entry.paper for entry in row.counted):
            data = class_name(row.leaves.get("dataset._target_"))
            groups[table, one_line(row.leaves.get("paper.scale")), data].append(row)
    order = list(TABLES)
    return [
        _table(table, scale, data, rows)
        for (table, scale, data), rows in sorted(groups.items(), key=lambda g: (order.index(g[0][0]), g[0][1:]))
    ]


def paper_csv(found: Sequence[PaperTable]) -> str:
    """One line for each row of each table, shares with all their digits (docs/leaderboard.md)."""
    lines = [(table, line) for table in found for line in table.lines]
    columns: dict[str, list[object]] = {
        "table": [table.table for table, _ in lines],
        "scale": [cell(table.scale) for table, _ in lines],
        "data": [cell(table.data) for table, _ in lines],
        "method": [cell(line.method) for _, line in lines],
        "rank": [line.rank for _, line in lines],
    }
    for key in (*_FIGURES, PACE.key):
        for name in ("mean", "sd", "n"):
            statistics = [line.figures.get(key) for _, line in lines]
            columns[f"{key}_{name}"] = [s and getattr(s, name) for s in statistics]
    for key in ("clean", "pgd20"):
        for i, name in enumerate(("published", "published_sd")):
            theirs = [line.published for _, line in lines]
            columns[f"{key}_{name}"] = [published and getattr(published, key)[i] for published in theirs]
        columns[f"{key}_difference"] = [line.difference(key) for _, line in lines]
    return pd.DataFrame(columns, dtype=object).to_csv(index=False, lineterminator="\n")


def _table(table: str, scale: str, data: str, rows: Sequence[Row]) -> PaperTable:
    published, departures = TABLES[table], _departures(table, scale, data)
    by_method: dict[str, list[tuple[int | None, dict[str, Statistic]]]] = defaultdict(list)
    for row in rows:
        by_method[one_line(row.leaves.get("paper.method"))].append((row.rank, _statistics(row)))
    methods = [*published, *(method for method in by_method if method not in published)]
    lines = [
        PaperLine(method, rank, figures, published.get(method))
        for method in methods
        for rank, figures in by_method.get(method) or [(None, {})]
    ]
    title = f"{TITLES[table]} ({'; '.join(departures)})" if departures else TITLES[table]
    return PaperTable(table, title, SOURCE, scale, data, departures, _remarks(rows), lines)


def _statistics(row: Row) -> dict[str, Statistic]:
    runs = [entry.paper for entry in row.counted if entry.paper]
    found = {key: [run.figures[key] for run in runs if key in run.figures] for key in _FIGURES}
    statistics = {key: Statistic.of(values) for key, values in found.items() if values}
    return statistics | ({PACE.key: row.statistics[PACE]} if PACE in row.statistics else {})


def _departures(table: str, scale: str, data: str) -> list[str]:
    """Why no figure is comparable with the paper's."""
    found = []
    if scale == "tiny":
        found.append(
            "scale=tiny: a narrow network, few epochs, a subset: not comparable with the paper's figures, which "
            "stand here for the pipeline's sake"
        )
    if data != table.split("_")[1]:
        found.append(
            f"the data are {data}, not {TITLES[table].split(', ')[1]}: not comparable with the paper's figures"
        )
    return found


def _remarks(rows: Sequence[Row]) -> list[str]:
    """What else is not as in the paper, and what the worst case is over."""
    runs = [entry.paper for row in rows for entry in row.counted if entry.paper]
    remarks = []
    if epochs := {shown(row.leaves.get("train.epochs")) for row in rows} - {str(EPOCHS)}:
        remarks.append(f"Trained for {_listed(epochs)} epochs, the paper's for {EPOCHS}.")
    if radii := {run.epsilon for run in runs} - {"", radius(EPSILON)}:
        remarks.append(f"PGD-20 at ε = {_listed(radii)}, the paper's at {radius(EPSILON)}.")
    if examples := {run.examples for run in runs} - {""}:
        remarks.append(f"PGD-20 on {_listed(examples)}.")
    if over := {run.over for run in runs} - {""}:
        remarks.append(f"The worst case is over {_listed(over)}.")
    return remarks


def _listed(values: set[str]) -> str:
    return " or ".join(sorted(values))


def _line(line: PaperLine) -> Line:
    figures = line.figures
    n = max((s.n for s in figures.values()), default=0)
    ours = {key: _percent(figures.get(key), n) for key in _FIGURES}
    cells = [line.method if line.rank is None else f"{line.method} (#{line.rank})", str(n)]
    for key in ("clean", "pgd20"):
        theirs = "–"
        if line.published is not None:
            mean, sd = getattr(line.published, key)
            theirs = _percent(Statistic(mean, sd, n), n)
        difference = line.difference(key)
        cells += [ours[key], theirs, "–" if difference is None else f"{100 * difference:+.1f}".replace("-", "−")]
    cells += [ours[key] for key in ("worst_case", "selected_clean", "selected_pgd20")]
    return (*cells, written(figures.get(PACE.key), PACE, n))


def _percent(found: Statistic | None, n: int) -> str:
    return written(found, _SHARE, n).replace(" %", "")
