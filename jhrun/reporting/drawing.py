"""What the figures share: a palette, lines, and how a figure becomes a file."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fontTools import subset
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


DATES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""What says nothing of when a file was made, so that the same records give the same file."""


def as_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as ``svg``, ``png`` or ``pdf``, without the date; the fonts of a PDF lie in it as TrueType."""
    buffer = io.BytesIO()
    # without a salt of its own, an SVG names its parts at random
    with rc_context({"svg.hashsalt": "jhrun", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=kind, dpi=160, metadata=DATES.get(kind))
    return buffer.getvalue()


def as_print(figure: Figure) -> bytes:
    """A figure that was drawn before as ``pdf``, laid out as it was then, which saves a third of the time."""
    figure.set_layout_engine("none")
    # one composite of all images takes longer to make than the rest of the figure
    with _small_fonts(), rc_context({"image.composite_image": False}):
        return as_bytes(figure, "pdf")


@contextmanager
def _small_fonts() -> Iterator[None]:
    """Fonts are cut down without their tables for setting text, which a PDF's text, set already, does not need.

    To cut them, too, takes three times as long as all the rest; where fontTools has no such list, it is done.
    """
    unset = ["GSUB", "GPOS", "GDEF", "kern", "MATH"]
    before = getattr(subset.Options, "_drop_tables_default", None)
    if before is None:
        yield
        return
    subset.Options._drop_tables_default = [*before, *unset]
    try:
        yield
    finally:
        subset.Options._drop_tables_default = before


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
