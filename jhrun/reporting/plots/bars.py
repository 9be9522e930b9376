"""A horizontal bar for each row, the first on top."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray

from jhrun.records import Panel, Series
from jhrun.reporting.drawing import COLOURS
from jhrun.reporting.plots.axes import Columns, groups_of, labelled, percent, plain, words

HATCHES = (None, "//", "xx", "++", "\\\\")
"""Of groups or series, beside their colours."""

LONGEST = 20
"""Letters of a row's name; the CSV has all."""


def size(panel: Panel, columns: Columns, room: float) -> tuple[float, float]:
    """Inches: as wide as it may be."""
    return room, 0.8 + 0.34 * len(columns[panel.x]) * max(1.0, 0.75 * len(panel.series))


def draw(drawing: Drawing, place: SubplotSpec, panel: Panel, columns: Columns) -> None:
    """Each series has a look of its own; of a single series each group."""
    axes: Axes = drawing.add_subplot(place)
    n, k = len(columns[panel.x]), len(panel.series)
    height = 0.76 / k
    rows = {"row": np.arange(n), **columns}
    for number, series in enumerate(panel.series):
        for place_of, (_, own) in enumerate(groups_of(panel, rows)):
            at = own["row"] + (number - (k - 1) / 2) * height
            _bars(axes, series, own, at, 0.9 * height, place_of if panel.by else number)
            if panel.share and k == 1:
                _written(axes, np.asarray(own[series.y], dtype=np.float64), at)
    axes.set_yticks(range(n), [words(str(name), LONGEST) for name in columns[panel.x]])
    axes.invert_yaxis()
    axes.margins(y=0.02)
    labelled(axes, panel)
    if panel.share:
        axes.set_xlim(0, 1)
        percent(axes, "x")
    elif panel.x_scale != "linear":
        axes.set_xscale(panel.x_scale)
    plain(axes)


def _bars(axes: Axes, series: Series, rows: Columns, at: NDArray[Any], height: float, look: int) -> None:
    values = np.asarray(rows[series.y], dtype=np.float64)
    axes.barh(
        at,
        values,
        height=height,
        color=COLOURS[look % len(COLOURS)],
        hatch=HATCHES[look % len(HATCHES)],
        edgecolor="white",
        linewidth=0,
        label=words(series.label) or None,
    )
    if not (series.low and series.high):
        return
    ends = [np.asarray(rows[name], dtype=np.float64) for name in (series.low, series.high)]
    reach = np.nan_to_num(np.maximum(0.0, np.stack([values - ends[0], ends[1] - values])))
    # black on a white edge, so that it is seen on any bar
    for colour, width in (("white", 3.5), ("black", 1.5)):
        axes.errorbar(
            values,
            at,
            xerr=reach,
            fmt="none",
            ecolor=colour,
            elinewidth=width,
            capsize=3 + width / 2,
            capthick=width,
        )


def _written(axes: Axes, values: NDArray[Any], at: NDArray[Any]) -> None:
    """Shares in letters, right of all bars."""
    for value, place in zip(values, at, strict=True):
        if np.isfinite(value):
            axes.text(1.02, place, f"{100 * value:.1f} %", va="center", fontweight="bold")
