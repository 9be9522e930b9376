"""A matrix of numbers as shades, x in columns and ``by`` in lines."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec

from jhrun.records import Panel
from jhrun.reporting.plots.axes import Columns, labelled, words

LONGEST = 12
"""Letters of a name; the CSV has all."""


def size(panel: Panel, columns: Columns, room: float) -> tuple[float, float]:
    """Inches."""
    lines, across = len(set(columns[panel.by].tolist())), len(set(columns[panel.x].tolist()))
    return min(room, 1.5 + 0.42 * across), 1.1 + 0.3 * lines


def draw(drawing: Drawing, place: SubplotSpec, panel: Panel, columns: Columns) -> None:
    """The darker, the larger, by the root of the number, so that a few beside many are seen."""
    axes: Axes = drawing.add_subplot(place)
    lines, across = (list(dict.fromkeys(columns[name].tolist())) for name in (panel.by, panel.x))
    values = np.full((len(lines), len(across)), np.nan)
    for line, column, value in zip(columns[panel.by], columns[panel.x], columns[panel.series[0].y], strict=True):
        values[lines.index(line), across.index(column)] = value
    shades = np.sqrt(np.maximum(0, np.nan_to_num(values)))
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=float(shades.max()) or 1.0, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value) and value:
            dark = shades[i, j] > 0.6 * shades.max()
            axes.text(j, i, f"{value:g}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(len(across)), [words(str(name), LONGEST) for name in across], rotation=90)
    axes.set_yticks(range(len(lines)), [words(str(name), LONGEST) for name in lines])
    labelled(axes, panel)
