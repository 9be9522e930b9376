"""A figure of a page: its files, its words and its data."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from matplotlib.figure import Figure as Drawing

from jhrun.records import Figure
from jhrun.reporting.adaptive import adaptive
from jhrun.reporting.data import as_csv
from jhrun.reporting.drawing import as_bytes, as_print
from jhrun.reporting.plots import drawn_figure


class Draw(Protocol):
    """Makes a drawing; a narrow one, its panels stacked, for a telephone or a column of print."""

    def __call__(self, *, narrow: bool = False) -> Drawing:
        """Draw."""
        ...


class Rendering(NamedTuple):
    """A drawing's files.

    Attributes:
        content: of the SVG or PNG.
        pdf: for print, at the width of a column.
        narrow: the same for a telephone; None for images, which scroll there.
    """

    content: bytes
    pdf: bytes
    narrow: bytes | None


def render(draw: Draw, kind: str) -> Rendering:
    """Draw, and make the files.

    Args:
        draw: makes the drawing.
        kind: ``svg`` or ``png``.

    Returns:
        The files' contents.
    """
    drawing = draw()
    if kind == "png":
        return Rendering(as_bytes(drawing, kind), as_print(drawing), None)
    content, narrow = adaptive(as_bytes(drawing, kind)), draw(narrow=True)
    return Rendering(content, narrow=adaptive(as_bytes(narrow, kind)), pdf=as_print(narrow))


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
        narrow: the same for a telephone, its panels stacked; None where it scrolls there.
        folded: whether a reader has to open it; on paper it is open.
    """

    name: str
    kind: str
    title: str
    text: str
    content: bytes
    csv: str
    pdf: bytes
    narrow: bytes | None = None
    folded: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        text: str,
        draw: Draw,
        data: Mapping[str, Iterable[Any]],
        *,
        kind: str = "svg",
        folded: bool = False,
    ) -> "Picture":
        """From a drawing.

        Args:
            name: of its file.
            title: above it.
            text: what it shows.
            draw: makes it.
            data: what it shows, in columns of equal length.
            kind: ``svg`` or ``png``.
            folded: whether a reader has to open it.

        Returns:
            The picture.
        """
        made = render(draw, kind)
        return cls(name, kind, title, text, made.content, as_csv(data), made.pdf, made.narrow, folded)

    @classmethod
    def drawn(cls, figure: Figure) -> "Picture":
        """From a description.

        Args:
            figure: examined.

        Returns:
            The picture, wide and narrow; images scroll on a telephone.
        """
        return cls.of(
            figure.name,
            figure.title,
            figure.text,
            partial(drawn_figure, figure),
            figure.columns,
            kind="png" if any(panel.kind == "images" for panel in figure.panels) else "svg",
            folded=figure.folded,
        )

    @property
    def wide(self) -> bool:
        """Whether it scrolls on a narrow screen."""
        return self.narrow is None

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
