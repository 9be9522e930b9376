"""A figure of a report: its file, its words and its data."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from jhrun.reporting.data import as_csv
from jhrun.reporting.drawing import as_bytes
from jhrun.reporting.tables import Row

WIDE = 7
"""Inches, from which on a figure is not shrunk to a telephone's width, where nobody could read it, but scrolls."""


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: of its file, without the ending.
        kind: svg for curves and bars, png for images.
        title: above it.
        text: what it shows, in words; also its alternative text.
        content: of the file.
        csv: the data it shows, for the file of the same name that ends in csv.
        wide: whether it scrolls on a narrow screen.
        table: shown below it, the header first; perhaps empty.
        folded: whether a reader has to open it; on paper it is open.
    """

    name: str
    kind: str
    title: str
    text: str
    content: bytes
    csv: str
    wide: bool
    table: Sequence[Row] = ()
    folded: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        text: str,
        figure: Figure,
        data: Mapping[str, Iterable[Any]],
        *,
        kind: str = "svg",
        table: Sequence[Row] = (),
        folded: bool = False,
    ) -> "Picture":
        """From a drawn figure.

        Args:
            name: of its file.
            title: above it.
            text: what it shows.
            figure: drawn.
            data: what it shows, in columns of equal length.
            kind: ``svg`` or ``png``.
            table: to be shown below it.
            folded: whether a reader has to open it.

        Returns:
            The picture.
        """
        wide = bool(figure.get_figwidth() > WIDE)
        return cls(name, kind, title, text, as_bytes(figure, kind), as_csv(data), wide, table, folded)

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.{self.kind}"

    @property
    def files(self) -> dict[str, bytes | str]:
        """Name and content of both its files."""
        return {self.file: self.content, f"{self.name}.csv": self.csv}

    @property
    def data(self) -> str:
        """Its content as a data URL."""
        mime = {"svg": "image/svg+xml", "png": "image/png"}[self.kind]
        return f"data:{mime};base64,{base64.b64encode(self.content).decode()}"

    @property
    def csv_data(self) -> str:
        """Its CSV as a data URL."""
        return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(self.csv.encode()).decode()}"
