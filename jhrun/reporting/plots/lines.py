"""Series against x."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jhrun.records import Panel, Series
from jhrun.reporting.drawing import COLOURS, STYLES
from jhrun.reporting.plots.axes import Columns, groups_of, inches, labelled, percent, plain, root_scale, words

FEW = 30
"""Points of a line with intervals: fewer are marked."""


def size(panel: Panel, columns: Columns, room: float) -> tuple[float, float]:  # noqa: ARG001 - all are alike
    """Inches: as wide as it may be."""
    return room, max(1.8, min(3.4, 0.7 * room))


def draw(drawing: Drawing, place: SubplotSpec, panel: Panel, columns: Columns) -> None:
    """A line for each series and group; of a single point a diamond."""
    axes: Axes = drawing.add_subplot(place)
    number = 0
    for group, rows in groups_of(panel, columns):
        for series in panel.series:
            _line(axes, panel, series, rows, group, number)
            number += 1
    labelled(axes, panel)
    _scales(axes, panel, columns)
    plain(axes)


def _line(axes: Axes, panel: Panel, series: Series, rows: Columns, group: str, number: int) -> None:
    x, y = (np.asarray(rows[name], dtype=np.float64) for name in (panel.x, series.y))
    there = np.isfinite(x) & np.isfinite(y)
    if panel.y_scale == "log":
        there &= y > 0
    if not there.any():
        return
    alone = int(there.sum()) == 1
    style = "" if alone else STYLES[number % len(STYLES)]
    few = "D" if alone else "o" if series.low and int(there.sum()) < FEW else ""
    axes.errorbar(
        x[there],
        y[there],
        _reach(series, rows, y, there),
        linestyle=style,
        marker=few,
        color=COLOURS[number % len(COLOURS)],
        markersize=7 if alone else 4,
        capsize=3 if series.low else 0,
        label=words(" ".join(filter(None, (group, series.label)))) or None,
    )


def _reach(series: Series, rows: Columns, y: NDArray[Any], there: NDArray[Any]) -> NDArray[Any] | None:
    """How far the interval goes below and above each value."""
    if not (series.low and series.high):
        return None
    low, high = (np.asarray(rows[name], dtype=np.float64) for name in (series.low, series.high))
    reach: NDArray[Any] = np.nan_to_num(np.maximum(0.0, np.stack([y - low, high - y])))[:, there]
    return reach


def _scales(axes: Axes, panel: Panel, columns: Columns) -> None:
    x = np.asarray(columns[panel.x], dtype=np.float64)
    if panel.x_scale == "root":
        root_scale(axes, x[np.isfinite(x)])
    elif panel.x_scale != "linear":
        axes.set_xscale(panel.x_scale)
    elif columns[panel.x].dtype.kind in "iu":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=max(3, int(1.4 * inches(axes))), integer=True))
    if panel.x_limits is not None:
        axes.set_xlim(*panel.x_limits)
    if panel.share:
        axes.set_ylim(-0.02, 1.02)
        percent(axes, "y")
    elif panel.y_scale != "linear":
        axes.set_yscale(panel.y_scale)
