"""The loss around some examples, where a masked gradient shows."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jhrun.evaluation.analysis import OUTCOMES
from jhrun.evaluation.slices import REACH
from jhrun.reporting.drawing import BLUE, ORANGE, plain

Arrays = dict[str, NDArray[Any]]


def slices(lines: Arrays, found: Arrays, each: Arrays, classes: list[str]) -> Figure:
    """The loss along the gradient's sign and along random signs, one panel for each example.

    Args:
        lines: of ``slices.npz``.
        found: of ``curvature.npz``.
        each: of ``per_example.npz``.
        classes: their names.

    Returns:
        The figure, with dotted lines at ±ε.
    """
    epsilon = lines["t"][-1] / REACH
    k = len(lines["position"])
    columns = min(4, k)
    rows = -(-k // columns)
    figure = Figure(figsize=(2.25 * columns, 0.6 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes in grid.flat[k:]:
        axes.set_visible(False)
    for axes, position, along, across in zip(
        grid.flat, lines["position"], lines["gradient"], lines["random"], strict=False
    ):
        for edge in (-epsilon, epsilon):
            axes.axvline(edge, color="0.6", linestyle=":", linewidth=1)
        axes.plot(lines["t"], across, "--", color=ORANGE)
        axes.plot(lines["t"], along, "-", color=BLUE)
        axes.plot(0, along[len(along) // 2], "o", color="black", markersize=4)
        outcome = OUTCOMES[found["outcome"][position]]
        axes.set_title(f"{classes[each['target'][position]]}, {outcome}", fontsize=9)
        top = axes.get_ylim()[1]
        axes.set_ylim(-0.04 * top, top)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        plain(axes)
    handles = [
        Line2D([], [], color=BLUE, linestyle="-", label="along the gradient's sign"),
        Line2D([], [], color=ORANGE, linestyle="--", label="along random signs"),
        Line2D([], [], color="0.6", linestyle=":", label="±ε"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    figure.supxlabel("ℓ∞ distance t (pixel units)", fontsize=10)
    figure.supylabel("loss", fontsize=10)
    return figure


def slice_data(lines: Arrays) -> dict[str, list[Any]]:
    """What ``slices`` shows: a row for each example and distance."""
    k, points = lines["gradient"].shape
    return {
        "position": np.repeat(lines["position"], points).tolist(),
        "t": np.tile(lines["t"], k).tolist(),
        "gradient": lines["gradient"].flatten().tolist(),
        "random": lines["random"].flatten().tolist(),
    }
