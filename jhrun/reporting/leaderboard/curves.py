"""The learning curves of several configurations over each other: a colour for each, a thin line for each seed."""

import math
from collections.abc import Callable, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from jhrun.reporting.drawing import COLOURS, STYLES, draw_line, plain
from jhrun.reporting.leaderboard.entries import CURVES, Curve, Entry
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.plots import NARROW, WIDE
from jhrun.reporting.tables import STRUCTURE
from jhrun.reporting.text import drawn, one_line

MOST_CONFIGURATIONS = 12
"""So many are drawn, those of the best rank; nobody could tell more apart."""

MOST_SEEDS = 10
"""So many seeds of each are drawn."""

MOST_PANELS = 3
"""So many stand side by side."""

Points = Callable[[Curve], Sequence[float]]


def drawn_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows whose curves are drawn: of those that have any the first."""
    return [row for row in rows if any(entry.curve for entry in row.entries)][:MOST_CONFIGURATIONS]


def curves_figure(rows: Sequence[Row], *, narrow: bool = False) -> Figure:
    """Loss, accuracy or structure, and penalty of each run, against parameter updates.

    Args:
        rows: at most as many as ``drawn_rows`` gives.
        narrow: whether the panels are stacked, for a telephone or for a column of print.

    Returns:
        One panel for each figure that any of the runs has; what is positive on a logarithmic axis.
    """
    runs = [(number, row, entry) for number, row in enumerate(rows) for entry in _entries(row)]
    panels = [p for p in _panels() if any(_known(p[2](entry.curve)) for _, _, entry in runs)]
    columns = 1 if narrow else min(max(1, len(panels)), MOST_PANELS)
    stacked, names = math.ceil(len(panels) / columns), len(rows) if narrow else math.ceil(len(rows) / 2)
    size = (NARROW, 2.4) if narrow else (WIDE, 2.6 if columns > 1 else 3.6)
    figure = Figure(figsize=(size[0], size[1] * max(1, stacked) + 0.24 * names), layout="constrained")
    if not panels:
        return figure
    grid = figure.subplots(stacked, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes, (title, scale, points) in zip(grid, panels, strict=False):
        for number, row, entry in runs:
            colour, style = COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS) % len(STYLES)]
            pairs = zip(entry.curve["steps"], points(entry.curve), strict=True)
            known = [(x, y) for x, y in pairs if math.isfinite(y) and (scale == "linear" or y > 0)]
            draw_line(axes, known, colour, "", style, thin=len(_entries(row)) > 1)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("updates")
        axes.set_yscale(scale)
        if scale == "linear":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        plain(axes)
    handles = []
    for number, row in enumerate(rows):
        colour, style = COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS) % len(STYLES)]
        handles += grid[0].plot([], [], style, color=colour, label=drawn(row.label, 44 if narrow else 60))
    figure.legend(
        handles=handles, loc="outside lower left", ncols=1 if narrow else 2, frameon=False, fontsize="small"
    )
    return figure


def curves_data(rows: Sequence[Row]) -> dict[str, list[object]]:
    """What ``curves_figure`` shows: a line for each run and epoch, the run by its configuration and seed."""
    runs = [(row.label, entry) for row in rows for entry in _entries(row)]
    columns: dict[str, list[object]] = {
        "configuration": [label for label, entry in runs for _ in entry.curve["epoch"]],
        "seed": [entry.seed for _, entry in runs for _ in entry.curve["epoch"]],
        "run": [one_line(entry.cell.folder) for _, entry in runs for _ in entry.curve["epoch"]],
    }
    for key in CURVES:
        whole = key in {"epoch", "steps"}
        values = [v for _, entry in runs for v in entry.curve[key]]
        columns[key] = [None if math.isnan(v) else int(v) if whole else v for v in values]
    return columns


def _entries(row: Row) -> list[Entry]:
    return [entry for entry in row.entries if entry.curve][:MOST_SEEDS]


def _known(values: Sequence[float]) -> bool:
    return any(map(math.isfinite, values))


def _panels() -> list[tuple[str, str, Points]]:
    """Title, scale, and the figures of a run's epochs."""

    def held_out(key: str) -> Points:
        # where there is no validation part, the training batches
        trained = "task_loss" if key == "loss" else key
        return lambda curve: [
            t if math.isnan(v) else v for v, t in zip(curve[f"validation_{key}"], curve[trained], strict=True)
        ]

    def plainly(key: str) -> Points:
        return lambda curve: curve[key]

    return [
        ("task loss", "log", held_out("loss")),
        ("accuracy", "linear", held_out("accuracy")),
        *((formula, "log", plainly(key)) for key, formula in STRUCTURE.items()),
        ("mean penalty", "log", plainly("penalty")),
    ]
