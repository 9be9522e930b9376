"""Rows of images, a series each."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec

from jhrun.records import Panel
from jhrun.reporting.drawing import RED
from jhrun.reporting.plots.axes import Columns, words

WRONG = "✗"
"""A caption with this sign is drawn in red."""


def size(panel: Panel, columns: Columns, room: float) -> tuple[float, float]:  # noqa: ARG001 - images scroll
    """Inches: each image as large as it needs to be."""
    return 1.1 * max(1, len(columns[panel.x])) + 0.4, 1.3 * len(panel.series)


def draw(drawing: Drawing, place: SubplotSpec, panel: Panel, columns: Columns) -> None:
    """On one pair of axes: with a pair for each image, laying them out would take most of a report's time."""
    axes: Axes = drawing.add_subplot(place)
    k = len(columns[panel.x])
    for row, series in enumerate(panel.series):
        top = 1.2 * row + 0.22
        axes.text(-0.04, top + 0.46, words(series.label), rotation=90, ha="right", va="center", fontsize=9)
        for column, picture in enumerate(columns[series.y]):
            pixels = np.nan_to_num(np.asarray(picture, dtype=np.float64))
            flat = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels[:3], 0, -1)
            extent = (column + 0.04, column + 0.96, top + 0.92, top)
            axes.imshow(np.clip(flat, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)
            if series.caption:
                said = words(str(columns[series.caption][column]), 14)
                colour = RED if WRONG in said else "black"
                axes.text(column + 0.5, top - 0.03, said, ha="center", va="bottom", fontsize=9, color=colour)
    axes.set(xlim=(0, k), ylim=(1.2 * len(panel.series), 0), aspect="auto")
    axes.set_axis_off()
