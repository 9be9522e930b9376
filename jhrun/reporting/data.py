"""The data of a figure as CSV, to lie beside it."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jhrun.reporting.text import cell, one_line


def as_csv(columns: Mapping[str, Iterable[Any]]) -> str:
    """Columns of equal length as CSV (RFC 4180, lines ended by a line feed).

    Args:
        columns: by name, arrays or lists; numbers are written with all their digits, so that they are read as they
            were; not a number and None leave the cell empty; images are left out.

    Returns:
        A line of names and one for each row.

    Example:
        >>> print(as_csv({"t": [0.1, 2.0], "name": ["a", "b, c"]}), end="")
        t,name
        0.1,a
        2.0,"b, c"
    """
    plain = {
        cell(one_line(name)): _plain(column) for name, column in columns.items() if getattr(column, "ndim", 1) < 2
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(plain)
    writer.writerows(zip(*plain.values(), strict=True))
    return text.getvalue()


def _plain(column: Iterable[Any]) -> list[Any]:
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return cell(one_line(value)) if isinstance(value, str) else value
