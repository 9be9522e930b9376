"""The Pareto front of clean against worst-case accuracy: what no other configuration beats in both."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from jhrun.reporting.drawing import BLUE, Look, plain
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import CLEAN, Column, Statistic, is_worst
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.plots import NARROW, WIDE
from jhrun.reporting.text import cell, drawn

MOST_INTERVALS = 60
"""From so many points on those behind the front are drawn without their intervals."""

MOST_NAMED = 12
"""So many of the front's points have their name beside them; the table has all."""

_LINE = 12
"""Points from one name to the next."""


def eligible(board: Board) -> list[Row]:
    """The rows that the front is of: those that are compared, without a verdict of fail."""
    return [row for row in _measured(board) if not row.failed]


def left_out(board: Board) -> list[Row]:
    """The rows that have both figures, but a run whose verdict is fail."""
    return [row for row in _measured(board) if row.failed]


def incomparable(board: Board) -> list[Row]:
    """The rows that have a worst case, but of other attacks, images or data than those that are compared."""
    return [row for row in board.rows if _attacked(row) and not row.compared]


def front(board: Board) -> list[Row]:
    """The rows of the front, the most accurate first.

    Args:
        board: of all rows.

    Returns:
        Those which no other eligible row equals or beats in both figures and beats in one, by their means.
    """
    if board.worst is None:
        return []
    ordered = sorted(eligible(board), key=lambda row: _means(row, board.worst), reverse=True)
    chosen: list[Row] = []
    for row in ordered:
        clean, worst = _means(row, board.worst)
        if (
            not chosen
            or worst > _means(chosen[-1], board.worst)[1]
            or _means(chosen[-1], board.worst) == (clean, worst)
        ):
            chosen.append(row)
    return chosen


def front_figure(board: Board, *, narrow: bool = False) -> Figure:
    """Both figures of each eligible row with their intervals, and the front as a staircase with names.

    Args:
        board: of all rows, at least one of them eligible.
        narrow: whether it is for a telephone, or for a column of print.

    Returns:
        The figure. Below and left of the staircase nothing is better in both figures.
    """
    best, rows = front(board), eligible(board)
    figure = Figure(figsize=(NARROW, 4.4) if narrow else (WIDE, 5.2), layout="constrained")
    axes: Axes = figure.subplots()
    chosen = set(map(id, best))
    behind = [row for row in rows if id(row) not in chosen]
    handles = [*_points(axes, board, best, ahead=True), *_points(axes, board, behind, ahead=False)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
        axis.set_major_locator(MaxNLocator(4 if narrow else 8))
    axes.margins(0.08)
    # there is nothing below, but for half a marker
    left, bottom = (max(-0.01, ends[0]) for ends in (axes.get_xlim(), axes.get_ylim()))
    means = [_means(row, board.worst) for row in best]
    _stairs(axes, means, left, bottom)
    axes.set_xlim(left=left)
    axes.set_ylim(bottom=bottom)
    axes.set_xlabel("clean accuracy")
    axes.set_ylabel(drawn(_title(board)))
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    plain(axes)
    figure.legend(
        handles=handles, loc="outside upper left", ncols=1 if narrow else 2, frameon=False, fontsize="small"
    )
    # names find their places when all else has its own
    figure.draw_without_rendering()
    _names(axes, [row.label for row in best][:MOST_NAMED], means, 20 if narrow else 60)
    return figure


def _stairs(axes: Axes, means: Sequence[tuple[float, float]], left: float, bottom: float) -> None:
    """The border of the region that the front's rows dominate, the most accurate row first."""
    x, y = [means[0][0]], [bottom]
    for (clean, worst), (next_clean, _) in pairwise([*means, (left, 0.0)]):
        x += [clean, next_clean]
        y += [worst, worst]
    axes.plot(x, y, color=BLUE, linewidth=1.2, zorder=2)


def _names(axes: Axes, names: Sequence[str], means: Sequence[tuple[float, float]], longest: int) -> None:
    """Names right above the points, the most accurate lowest, one above the other where they would overlap."""
    points = axes.transData.transform(means) * 72 / axes.figure.dpi
    lowest = -np.inf
    for name, point, (_, height) in zip(names, means, points, strict=False):
        lowest = max(height + 5, lowest + _LINE)
        axes.annotate(
            drawn(name, longest), point, (7, lowest - height), textcoords="offset points", fontsize="small",
            color="black", zorder=4,
        )  # fmt: skip


def _title(board: Board) -> str:
    assert board.worst is not None
    return board.worst.title


def front_data(board: Board) -> dict[str, list[object]]:
    """What ``front_figure`` shows: a row for each point, and those that a verdict leaves out."""
    chosen, rows = set(map(id, front(board))), [*eligible(board), *left_out(board)]
    columns: dict[str, list[object]] = {
        "rank": [row.rank for row in rows],
        "configuration": [cell(row.label) for row in rows],
        "front": ["left out: verdict fail" if r.failed else "yes" if id(r) in chosen else "no" for r in rows],
    }
    assert board.worst is not None
    for name, column in (("clean", CLEAN), ("worst_case", board.worst)):
        found = [row.statistics[column] for row in rows]
        ends = [s.ends or (None, None) for s in found]
        columns |= {
            name: [s.mean for s in found],
            f"{name}_low": [low for low, _ in ends],
            f"{name}_high": [high for _, high in ends],
            f"{name}_n": [s.n for s in found],
            f"{name}_interval": ["95 % of one run" if s.sd is None else "mean ± sd" for s in found],
        }
    return columns


def _points(axes: Axes, board: Board, rows: Sequence[Row], *, ahead: bool) -> list[Line2D]:
    """Points with their intervals, circles for several seeds, squares for one; gives what the legend shows."""
    assert board.worst is not None
    intervals = ahead or len(rows) <= MOST_INTERVALS
    colour, order = (BLUE, 3) if ahead else ("0.55", 1)
    handles = []
    for several, marker in ((True, "o"), (False, "s")):
        found = [row for row in rows if (row.statistics[board.worst].n > 1) == several]
        if not found:
            continue
        look: Look = {"color": colour, "markersize": 7, "markerfacecolor": colour if ahead else "white"}
        x, y = ([row.statistics[column] for row in found] for column in (CLEAN, board.worst))
        axes.errorbar(
            [s.mean for s in x],
            [s.mean for s in y],
            xerr=_reach(x) if intervals else None,
            yerr=_reach(y) if intervals else None,
            fmt=marker,
            ecolor=colour,
            elinewidth=1,
            capsize=2,
            zorder=order,
            **look,
        )
        bars = "mean ± sd over seeds" if several else "one run, its 95 % interval"
        words = f"{'on' if ahead else 'behind'} the front: {bars if intervals else 'without bars'}"
        handles.append(Line2D([], [], linestyle="", marker=marker, label=words, **look))
    return handles


def _reach(found: Sequence[Statistic]) -> list[list[float]]:
    ends = [(s.mean, *(s.ends or (s.mean, s.mean))) for s in found]
    return [[max(0.0, mean - low) for mean, low, _ in ends], [max(0.0, high - mean) for mean, _, high in ends]]


def _measured(board: Board) -> list[Row]:
    return [row for row in board.rows if row.compared and board.worst in row.statistics]


def _attacked(row: Row) -> bool:
    return CLEAN in row.statistics and any(map(is_worst, row.statistics))


def _means(row: Row, worst: Column | None) -> tuple[float, float]:
    assert worst is not None
    # the sums of equals may differ by a rounding
    return round(row.statistics[CLEAN].mean, 12), round(row.statistics[worst].mean, 12)
