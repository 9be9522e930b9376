"""What an analysis shows: sections of text, tables and figures, described by kind and columns, drawn by others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Kind = Literal["lines", "bars", "histogram", "images", "matrix"]
Scale = Literal["linear", "log", "symlog", "root"]

Row = tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """One quantity of a panel.

    Attributes:
        y: the column of its values; of images one of (rows, ch, h, w).
        label: in the legend; beside images their name.
        low: the column of their intervals' lower ends, if there are any.
        high: of the upper ends.
        caption: of images, the column of the words above each.
    """

    y: str
    label: str = ""
    low: str = ""
    high: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Mark:
    """A straight line across a panel.

    Attributes:
        axis: along which its value is read, ``x`` or ``y``.
        value: where it stands.
        label: in the legend, if it has one.
    """

    axis: Literal["x", "y"]
    value: float
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    - ``lines``: each series against the column x; with ``by``, one line for each value of that column.
    - ``bars``: a horizontal bar for each row, x its name; with ``by``, each value of that column has its own look.
    - ``histogram``: of the column x; with ``by``, one below the other for each value of that column.
    - ``images``: a row of images for each series.
    - ``matrix``: the first series as shades with numbers, in columns by x and in lines by ``by``.

    Attributes:
        kind: as above.
        x: a column.
        series: what is drawn; none of a histogram.
        by: a column that parts the rows.
        groups: the order of its values; as they are met if not given.
        where: a column and a value: only rows with this value are drawn.
        most: so many rows are drawn, the first ones.
        title: above it.
        x_label: with the unit.
        y_label: with the unit.
        x_scale: ``linear``, ``log``, ``symlog`` or ``root``.
        y_scale: likewise.
        x_limits: the ends of the x axis; those of the values if not given.
        share: whether the values are shares, written in percent from 0 to 100.
        marks: lines across it.
    """

    kind: Kind
    x: str
    series: tuple[Series, ...] = ()
    by: str = ""
    groups: tuple[str, ...] = ()
    where: tuple[str, str | int | float] | None = None
    most: int | None = None
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    x_limits: tuple[float, float] | None = None
    share: bool = False
    marks: tuple[Mark, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The columns that it is drawn from."""
        named = [self.x, self.by, *(self.where[:1] if self.where else ())]
        named += [name for one in self.series for name in (one.y, one.low, one.high, one.caption)]
        return list(dict.fromkeys(filter(None, named)))


@dataclass(frozen=True)
class Figure:
    """Panels side by side, with the columns that they are drawn from; these are also what is downloaded.

    Attributes:
        name: of its files: letters, digits, dots and dashes.
        title: a few words.
        text: what it shows, in words, for those who do not see it too.
        columns: of one length; not a number stands for what is not known.
        panels: at least one.
        folded: whether a reader has to open it; on paper it is open.
        units: of columns, in words.
    """

    name: str
    title: str
    text: str
    columns: Mapping[str, NDArray[Any]]
    panels: tuple[Panel, ...]
    folded: bool = False
    units: Mapping[str, str] = field(default_factory=dict)

    def examine(self) -> None:
        """Refuse a figure that cannot be drawn.

        Raises:
            ValueError: a panel names a column that is not there, or columns have several lengths.
        """
        where = f"figure {self.name!r}"
        if not re.fullmatch(r"\w[\w.-]*", self.name, re.ASCII):
            raise ValueError(f"{where} needs a name of letters, digits, dots and dashes, for its files")
        if not self.panels:
            raise ValueError(f"{where} has no panel")
        lengths = {name: len(np.atleast_1d(column)) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{where} has columns of several lengths: {lengths}")
        for panel in self.panels:
            if panel.kind not in get_args(Kind):
                raise ValueError(
                    f"{where}: there is no kind {panel.kind!r} of panels; {', '.join(get_args(Kind))}"
                )
            for name in panel.columns:
                if name not in self.columns:
                    raise ValueError(f"{where}: a panel is drawn from {name!r}, which is no column of it")


@dataclass(frozen=True)
class Table:
    """A table of words.

    Attributes:
        header: of its columns.
        rows: below it, each as long.
        title: above it, if it needs one.
    """

    header: Row
    rows: tuple[Row, ...]
    title: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: a few words.
        text: a sentence or two that everybody should read.
        tables: below it.
        figures: below those.
        notes: longer explanations, folded away.
    """

    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """Rows of values as the columns of a figure.

    Args:
        rows: mappings with the same keys; None stands for a number that is not known.

    Returns:
        A column for each key: of numbers float64, of anything else text.

    Example:
        >>> columns_of([{"name": "a", "n": 1}, {"name": "b", "n": None}])
        {'name': array(['a', 'b'], dtype='<U1'), 'n': array([ 1., nan])}
    """
    return {key: _column([row[key] for row in rows]) for key in (rows[0] if rows else ())}


def _column(values: list[Any]) -> NDArray[Any]:
    if all(value is None or isinstance(value, int | float) for value in values):
        if all(type(value) is int for value in values) or all(type(value) is bool for value in values):
            return np.array(values)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(["" if value is None else str(value) for value in values])
