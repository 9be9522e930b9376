"""A figure of a page: its files, its words and its data."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure as Drawing

from jhrun.records import Figure
from jhrun.reporting.adaptive import adaptive
from jhrun.reporting.data import as_csv
from jhrun.reporting.drawing import as_bytes, as_print
from jhrun.reporting.plots import NARROW, drawn_figure


@dataclass(frozen=True)
class Picture:
    """A figure of a page.

    Attributes:
        name: of its file, without the ending.
        kind: svg for curves and bars, png for images.
        title: above it.
        text: what it shows, in words; also its alternative text.
        content: of the file.
        csv: the data it shows, for the file of the same name that ends in csv.
        pdf: the same for print, at the width of a column.
        wide: whether it scrolls on a narrow screen.
        folded: whether a reader has to open it; on paper it is open.
        narrow: the same for a telephone, its panels stacked; None where it is no other.
    """

    name: str
    kind: str
    title: str
    text: str
    content: bytes
    csv: str
    pdf: bytes
    wide: bool = False
    folded: bool = False
    narrow: bytes | None = None

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        text: str,
        drawing: Drawing,
        data: Mapping[str, Iterable[Any]],
        narrow: Drawing | None = None,
    ) -> "Picture":
        """From a drawing.

        Args:
            name: of its file.
            title: above it.
            text: what it shows.
            drawing: of it.
            data: what it shows, in columns of equal length.
            narrow: the same for a telephone; without it, a drawing that is wider than half a page scrolls there.

        Returns:
            The picture, an SVG.
        """
        wide = narrow is None and bool(drawing.get_figwidth() > 2 * NARROW)
        content = adaptive(as_bytes(drawing, "svg"))
        other = None if narrow is None else adaptive(as_bytes(narrow, "svg"))
        pdf = as_print(narrow or drawing)
        return cls(name, "svg", title, text, content, as_csv(data), pdf, wide, narrow=other)

    @classmethod
    def drawn(cls, figure: Figure) -> "Picture":
        """From a description.

        Args:
            figure: examined.

        Returns:
            The picture, wide and narrow; images scroll on a telephone.
        """
        name, title, text = figure.name, figure.title, figure.text
        drawing = drawn_figure(figure)
        if any(panel.kind == "images" for panel in figure.panels):
            content, csv = as_bytes(drawing, "png"), as_csv(figure.columns)
            pdf = as_print(drawing)
            return cls(name, "png", title, text, content, csv, pdf, wide=True, folded=figure.folded)
        picture = cls.of(name, title, text, drawing, figure.columns, drawn_figure(figure, narrow=True))
        return replace(picture, folded=figure.folded)

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.{self.kind}"

    @property
    def files(self) -> dict[str, bytes | str]:
        """Name and content of its files."""
        return {self.file: self.content, f"{self.name}.csv": self.csv, f"{self.name}.pdf": self.pdf}

    @property
    def data(self) -> str:
        """Its content as a data URL."""
        return _url({"svg": "image/svg+xml", "png": "image/png"}[self.kind], self.content)

    @property
    def narrow_data(self) -> str:
        """That of the narrow one; empty where there is none."""
        return "" if self.narrow is None else _url("image/svg+xml", self.narrow)

    @property
    def csv_data(self) -> str:
        """Its CSV as a data URL."""
        return _url("text/csv;charset=utf-8", self.csv.encode())


def _url(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
