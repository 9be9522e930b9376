"""Runs of ``experiment=paper/runtime`` beside the published seconds per epoch."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jhrun.reporting.leaderboard.columns import PACE, Statistic
from jhrun.reporting.leaderboard.configuration import class_name
from jhrun.reporting.leaderboard.documents import written
from jhrun.reporting.leaderboard.published import SECONDS, SOURCE
from jhrun.reporting.leaderboard.rows import Board, Row
from jhrun.reporting.tables import Row as Line
from jhrun.reporting.text import one_line

TABLE = "runtime"
HEADER: Line = ("method", "n", "s/epoch", "of hutchinson's", "published s/epoch", "of hutchinson's")
REMARK = (
    f"Published: {SOURCE}, on one A100. Seconds are of different machines: compare the ratios to hutchinson. Ours "
    "are the mean over all epochs, the first with its warming up included."
)


@dataclass(frozen=True)
class RuntimeTable:
    """Seconds per epoch of runs on the same data, at the same scale.

    Attributes:
        title: what it is of, and plainly what is not comparable.
        lines: method, rank and our seconds, those that were published; rank None where there is no run.
    """

    title: str
    lines: list[tuple[str, int | None, Statistic | None, float | None]]

    @property
    def shown(self) -> list[Line]:
        """Header and rows, for people."""
        base = next((ours for method, _, ours, _ in self.lines if method == "hutchinson"), None)
        return [HEADER, *(_line(*line, base) for line in self.lines)]

    @property
    def remarks(self) -> list[str]:
        """How to read it."""
        return [REMARK]

    @property
    def document(self) -> dict[str, Any]:
        """What ``leaderboard.json`` has of it."""
        return {
            "title": self.title,
            "source": SOURCE,
            "lines": [
                {
                    "method": method,
                    "rank": rank,
                    "seconds_per_epoch": ours and {"mean": ours.mean, "sd": ours.sd, "n": ours.n},
                    "published": published,
                }
                for method, rank, ours, published in self.lines
            ],
        }


def runtime_tables(board: Board) -> list[RuntimeTable]:
    """The table for each scale and data set that any row belongs to.

    Args:
        board: of all rows.

    Returns:
        One for each.
    """
    groups: dict[tuple[str, str], list[tuple[int, Row]]] = defaultdict(list)
    for rank, row in enumerate(board.rows, 1):
        if row.leaves.get("paper.table") == TABLE and PACE in row.statistics:
            data = class_name(row.leaves.get("dataset._target_"))
            groups[one_line(row.leaves.get("paper.scale")), data].append((rank, row))
    return [_table(scale, data, rows) for (scale, data), rows in sorted(groups.items())]


def _table(scale: str, data: str, rows: Sequence[tuple[int, Row]]) -> RuntimeTable:
    title = "Seconds per epoch, Hessian, CIFAR-10"
    if scale == "tiny" or data != "cifar10":
        title += f" (ours: scale={scale}, {data}: not comparable with the paper's)"
    ours = [(one_line(row.leaves.get("paper.method")), rank, row.statistics[PACE]) for rank, row in rows]
    done = {method for method, *_ in ours}
    missing = [(method, None, None, SECONDS[method]) for method in SECONDS if method not in done]
    order = [*SECONDS, *done]
    lines = [*((method, rank, pace, SECONDS.get(method)) for method, rank, pace in ours), *missing]
    return RuntimeTable(title, sorted(lines, key=lambda line: order.index(line[0])))


def _line(
    method: str, rank: int | None, ours: Statistic | None, published: float | None, base: Statistic | None
) -> Line:
    ratio = "–" if ours is None or base is None else f"{ours.mean / base.mean:.2f}"
    n = 0 if ours is None else ours.n
    theirs = ("–", "–") if published is None else (f"{published:g}", f"{published / SECONDS['hutchinson']:.2f}")
    return (method if rank is None else f"{method} (#{rank})", str(n), written(ours, PACE, n), ratio, *theirs)
