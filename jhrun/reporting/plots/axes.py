"""What the panels share: rows of columns, scales, marks, and how groups are told apart."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, PercentFormatter
from numpy.typing import NDArray

from jhrun.records import Panel
from jhrun.reporting.text import drawn, one_line

Columns = Mapping[str, NDArray[Any]]

GREY = "0.5"
"""Of lines that explain; seen on white and on black."""


def words(text: str, longest: int = 60) -> str:
    """A text as matplotlib draws it; its lines stay."""
    return "\n".join(drawn(one_line(line), longest) for line in text.split("\n"))


def rows_of(panel: Panel, columns: Columns) -> Columns:
    """The rows that a panel draws."""
    chosen = {name: columns[name] for name in panel.columns}
    if panel.where is not None:
        name, value = panel.where
        here = chosen[name] == value
        chosen = {key: column[here] for key, column in chosen.items()}
    return {key: column[: panel.most] for key, column in chosen.items()}


def groups_of(panel: Panel, columns: Columns) -> Iterator[tuple[str, Columns]]:
    """The rows of each value of ``by``, by name; all of them under no name without it."""
    if not panel.by:
        yield "", columns
        return
    values = columns[panel.by]
    there = list(dict.fromkeys(values.tolist()))
    for value in [*(g for g in panel.groups if g in there), *(v for v in there if v not in panel.groups)]:
        here = values == value
        yield str(value), {key: column[here] for key, column in columns.items()}


def plain(axes: Axes) -> None:
    """Without the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)


def labelled(axes: Axes, panel: Panel) -> None:
    """Title, labels and marks."""
    axes.set_title(words(panel.title), fontsize="small")
    axes.set_xlabel(words(panel.x_label))
    axes.set_ylabel(words(panel.y_label))
    for mark, style in zip(panel.marks, marks_styles(len(panel.marks)), strict=True):
        line = axes.axvline if mark.axis == "x" else axes.axhline
        line(mark.value, color=GREY, linestyle=style, linewidth=1.2, label=words(mark.label) or None)


def marks_styles(n: int) -> Sequence[str]:
    """Line styles of marks, those of one label after the other."""
    return [("--", ":", "-.")[i % 3] for i in range(n)]


def percent(axes: Axes, which: str) -> None:
    """Write an axis in percent, with room for what lies at its ends."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(PercentFormatter(1))


def root_scale(axes: Axes, values: NDArray[Any]) -> None:
    """The root of x, so that the small values can be told apart; a tick at each value whose label has room."""
    axes.set_xscale("function", functions=(_root, _square))
    end = float(values.max(initial=0.0)) or 1.0
    axes.set_xlim(-4e-4 * end, 1.04 * end)
    # a letter's share of the axis
    letter = 0.053 / inches(axes)
    chosen: dict[float, str] = {}
    for value in sorted(set(values.tolist()), reverse=True):
        text = f"{value:.3g}"
        room = [
            math.sqrt(other / end) - math.sqrt(max(0.0, value) / end) - letter * (len(text) + len(there))
            for other, there in chosen.items()
        ]
        if min(room, default=1.0) >= 0.005:
            chosen[value] = text
    axes.set_xticks(list(chosen), list(chosen.values()))
    axes.xaxis.set_minor_locator(NullLocator())


def symlog_scale(axes: Axes, values: NDArray[Any], decades: int = 8) -> None:
    """Decades for all but the smallest tenth, which a linear piece around 0 takes."""
    modulus = np.sort(np.abs(values[values != 0]))
    if not len(modulus):
        return
    first, last = (math.floor(math.log10(m)) for m in (modulus[len(modulus) // 10], modulus[-1]))
    first = max(first, last - decades)
    axes.set_xscale("symlog", linthresh=10.0**first)
    low, high = min(float(values.min()), 0.0), float(values.max())
    stride = max(1, math.ceil((last - first) / (1 if low < 0 else 4)))
    powers = [10.0**e for e in range(last, first, -stride)] or [10.0**last]
    axes.xaxis.set_major_locator(
        FixedLocator([t for t in [0, *powers, *(-p for p in powers)] if low <= t <= high])
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def inches(axes: Axes) -> float:
    """How much room a panel has across, from its place in the grid."""
    place = axes.get_subplotspec()
    columns = 1 if place is None else place.get_gridspec().ncols
    return float(axes.figure.figbbox.width / axes.figure.dpi / columns)


def _root(x: NDArray[Any]) -> NDArray[Any]:
    root: NDArray[Any] = np.sign(x) * np.sqrt(np.abs(x))
    return root


def _square(x: NDArray[Any]) -> NDArray[Any]:
    square: NDArray[Any] = np.sign(x) * x**2
    return square
