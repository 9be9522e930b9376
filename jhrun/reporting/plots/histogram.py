"""How a quantity is spread, group by group."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jhrun.records import Panel
from jhrun.reporting.drawing import COLOURS
from jhrun.reporting.plots.axes import Columns, groups_of, plain, symlog_scale, words

BINS = 30
HATCHES = (None, "////", "xxx", "++")


def size(panel: Panel, columns: Columns, room: float) -> tuple[float, float]:
    """Inches: as wide as it may be."""
    return room, 0.7 + 1.35 * len(list(groups_of(panel, columns)))


def draw(drawing: Drawing, place: SubplotSpec, panel: Panel, columns: Columns) -> None:
    """Groups share the bins, not the heights: a group of few examples is still seen. A black line is a median."""
    parts = list(groups_of(panel, columns))
    grid = place.subgridspec(max(1, len(parts)), 1)
    everything = np.asarray(columns[panel.x], dtype=np.float64)
    first: Axes | None = None
    for number, (group, rows) in enumerate(parts):
        axes: Axes = drawing.add_subplot(grid[number, 0], sharex=first)
        if first is None:
            first = axes
            edges = _edges(axes, everything[np.isfinite(everything)], panel)
        values = np.asarray(rows[panel.x], dtype=np.float64)
        values = values[np.isfinite(values)]
        # one shape, not a bar for each bin, which would make a file ten times as large
        axes.stairs(
            np.histogram(values, edges)[0],
            edges,
            fill=True,
            facecolor=COLOURS[number % len(COLOURS)],
            hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white",
            linewidth=0,
        )
        if len(values):
            axes.axvline(float(np.quantile(values, 0.5, method="inverted_cdf")), color="black", linewidth=1.2)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
        axes.set_ylabel(words(f"{group}\nn = {len(rows[panel.x]):,}" if group else panel.y_label))
        if number + 1 < len(parts):
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel(words(panel.x_label))
        plain(axes)


def _edges(axes: Axes, values: NDArray[Any], panel: Panel) -> NDArray[Any]:
    """Bins of equal width on the axis, whose scale is set."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    elif panel.x_scale == "symlog":
        symlog_scale(axes, values)
        low = min(low, 0.0)
    elif panel.x_scale == "log" and low > 0:
        axes.set_xscale("log")
    transform = axes.xaxis.get_transform()
    ends = transform.transform(np.array([low, high]))
    edges: NDArray[Any] = transform.inverted().transform(np.linspace(ends[0], ends[1], BINS + 1))
    # rounding must not leave the extreme examples out
    edges[0], edges[-1] = low, high
    return edges
