"""What the figures share: a palette, lines, and how a figure becomes a file."""

import io
from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
"""Okabe and Ito's palette, which colour-blind people can tell apart. Never the only mark: hatches, markers and
line styles say the same on paper without colours."""

COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
"""The same for many lines, without the yellow, which white paper swallows."""

Look = Mapping[str, Any]
"""How matplotlib draws a mark."""

STYLES = ("-", "--", "-.", ":")
"""For lines beyond as many as there are colours."""


def as_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as ``svg`` or ``png``, without the date, so that the same records give the same file."""
    buffer = io.BytesIO()
    # without a salt of its own, an SVG names its parts at random
    with rc_context({"svg.hashsalt": "jhrun"}):
        figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def draw_line(
    axes: Axes, points: list[tuple[Any, Any]], colour: str, label: str, style: str, *, thin: bool = False
) -> None:
    """A curve through the points that have a value; a few are marked, as a line could not be seen."""
    there = [point for point in points if point[1] is not None]
    if there:
        x, y = zip(*there, strict=True)
        width, size = (0.8, 3) if thin else (None, None)
        marker = "o" if len(there) < 3 else None
        axes.plot(x, y, style, color=colour, label=label, marker=marker, linewidth=width, markersize=size)


def plain(axes: Axes) -> None:
    """Without the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
