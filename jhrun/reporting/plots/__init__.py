"""How the figures of a section are drawn: one file for each kind of panel."""

from jhrun.reporting.plots.draw import NARROW, WIDE, drawn_figure

__all__ = ["NARROW", "WIDE", "drawn_figure"]
