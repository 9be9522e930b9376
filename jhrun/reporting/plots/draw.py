"""A figure of any panels, wide or narrow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from matplotlib.artist import Artist
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec

from jhrun.records import Figure, Panel
from jhrun.reporting.plots import bars, histogram, images, lines, matrix
from jhrun.reporting.plots.axes import Columns, rows_of

MANY = 3
"""More panels than so many are small ones."""

WIDE, NARROW = 9.5, 3.9
"""Inches: a page's column, and a telephone's or a journal's."""


@dataclass(frozen=True)
class Drawer:
    """How panels of a kind are drawn.

    Attributes:
        draw: into a place of a drawing.
        size: inches that a panel would take, from the panel, its rows and the width that it may have.
    """

    draw: Callable[[Drawing, SubplotSpec, Panel, Columns], None]
    size: Callable[[Panel, Columns, float], tuple[float, float]]


DRAWERS: Mapping[str, Drawer] = {
    "lines": Drawer(lines.draw, lines.size),
    "bars": Drawer(bars.draw, bars.size),
    "histogram": Drawer(histogram.draw, histogram.size),
    "images": Drawer(images.draw, images.size),
    "matrix": Drawer(matrix.draw, matrix.size),
}


def drawn_figure(figure: Figure, *, narrow: bool = False) -> Drawing:
    """Draw a figure.

    Args:
        figure: examined.
        narrow: whether its panels are stacked, for a telephone or for a column of print.

    Returns:
        The drawing, with one legend for all panels.
    """
    n = len(figure.panels)
    columns = (1 if narrow else n) if n <= MANY else (2 if narrow else 4)
    room = (NARROW if narrow else WIDE) / columns
    rows = [rows_of(panel, figure.columns) for panel in figure.panels]
    sizes = [DRAWERS[panel.kind].size(panel, own, room) for panel, own in zip(figure.panels, rows, strict=True)]
    width, height = (max(size[i] for size in sizes) for i in range(2))
    lines_of = math.ceil(n / columns)
    drawing = Drawing(figsize=(width * columns, height * lines_of + 0.3), layout="constrained")
    grid = drawing.add_gridspec(lines_of, columns)
    # panels with the same labels share them
    alike = len({(panel.x_label, panel.y_label) for panel in figure.panels}) == 1
    for number, (panel, own) in enumerate(zip(figure.panels, rows, strict=True)):
        shown = panel
        if alike:
            shown = replace(
                panel,
                x_label=panel.x_label if number + columns >= n else "",
                y_label=panel.y_label if number % columns == 0 else "",
            )
        DRAWERS[panel.kind].draw(drawing, grid[number // columns, number % columns], shown, own)
    _legend(drawing)
    return drawing


def _legend(drawing: Drawing) -> None:
    """One for all panels, each label once, where there are labels."""
    named: dict[str, Artist] = {}
    for axes in drawing.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(str(label), handle)
    if named:
        longest = max(map(len, named))
        room = max(1, int(drawing.get_figwidth() * 11 / (longest + 6)))
        drawing.legend(
            list(named.values()),
            list(named),
            loc="outside upper center",
            ncols=min(room, len(named), 4),
            frameon=False,
            fontsize="small",
        )
