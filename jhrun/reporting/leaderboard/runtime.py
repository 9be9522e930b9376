"""Runs of ``experiment=paper/runtime`` beside the published seconds per epoch."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import PACE, Statistic
from jhrun.reporting.leaderboard.configuration import class_name
from jhrun.reporting.leaderboard.frame import written
from jhrun.reporting.leaderboard.published import SECONDS, SOURCE
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.tables import Row as Line
from jhrun.reporting.text import one_line

TABLE = "runtime"
HEADER: Line = ("method", "n", "s/epoch", "of hutchinson's", "published s/epoch", "of hutchinson's")
REMARK = (
    f"Published: {SOURCE}, on one A100. Seconds are of different machines: compare the ratios to hutchinson. Ours "
    "are the mean over all epochs, the first with its warming up included."
)


@dataclass(frozen=True)
class RuntimeLine:
    """A method's seconds per epoch.

    Attributes:
        method: the paper's name.
        rank: of our row; None where there is none, or it is not ranked.
        seconds_per_epoch: ours; None where there is no run.
        published: theirs; None for a method that was not.
    """

    method: str
    rank: int | None
    seconds_per_epoch: Statistic | None
    published: float | None


@dataclass(frozen=True)
class RuntimeTable:
    """Seconds per epoch of runs on the same data, at the same scale.

    Attributes:
        title: what it is of, and plainly what is not comparable.
        source: of the published seconds.
        lines: one for each row, and for each published method without one.
    """

    title: str
    source: str
    lines: list[RuntimeLine]

    @property
    def shown(self) -> list[Line]:
        """Header and rows, for people."""
        base = next((line.seconds_per_epoch for line in self.lines if line.method == "hutchinson"), None)
        return [HEADER, *(_line(line, base) for line in self.lines)]

    @property
    def remarks(self) -> list[str]:
        """How to read it."""
        return [REMARK]


def runtime_tables(board: Board) -> list[RuntimeTable]:
    """The table for each scale and data set that any row belongs to.

    Args:
        board: of all rows.

    Returns:
        One for each.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in board.rows:
        if row.leaves.get("paper.table") == TABLE and PACE in row.statistics:
            data = class_name(row.leaves.get("dataset._target_"))
            groups[one_line(row.leaves.get("paper.scale")), data].append(row)
    return [_table(scale, data, rows) for (scale, data), rows in sorted(groups.items(), key=lambda g: g[0])]


def _table(scale: str, data: str, rows: Sequence[Row]) -> RuntimeTable:
    title = "Seconds per epoch, Hessian, CIFAR-10"
    if scale == "tiny" or data != "cifar10":
        title += f" (ours: scale={scale}, {data}: not comparable with the paper's)"
    named = [(one_line(row.leaves.get("paper.method")), row) for row in rows]
    ours = [RuntimeLine(name, row.rank, row.statistics[PACE], SECONDS.get(name)) for name, row in named]
    done = {line.method for line in ours}
    missing = [RuntimeLine(name, None, None, SECONDS[name]) for name in SECONDS if name not in done]
    order = [*SECONDS, *done]
    return RuntimeTable(title, SOURCE, sorted([*ours, *missing], key=lambda line: order.index(line.method)))


def _line(line: RuntimeLine, base: Statistic | None) -> Line:
    ours, published = line.seconds_per_epoch, line.published
    ratio = "–" if ours is None or base is None else f"{ours.mean / base.mean:.2f}"
    n = 0 if ours is None else ours.n
    theirs = ("–", "–") if published is None else (f"{published:g}", f"{published / SECONDS['hutchinson']:.2f}")
    name = line.method if line.rank is None else f"{line.method} (#{line.rank})"
    return (name, str(n), written(ours, PACE, n), ratio, *theirs)
