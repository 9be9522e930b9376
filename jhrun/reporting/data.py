"""The data of a figure as CSV, to lie beside it."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any


def as_csv(columns: Mapping[str, Iterable[Any]]) -> str:
    """Columns of equal length as CSV (RFC 4180, lines ended by a line feed).

    Args:
        columns: by name; numbers are written with all their digits, so that they are read as they were.

    Returns:
        A line of names and one for each row.

    Example:
        >>> print(as_csv({"t": [0.1, 2.0], "name": ["a", "b, c"]}), end="")
        t,name
        0.1,a
        2.0,"b, c"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def share_columns(shares: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """Shares with their 95 % intervals, in columns."""
    shares = list(shares)
    return {
        "accuracy": [p["accuracy"] for p in shares],
        "ci95_low": [p["ci95"][0] for p in shares],
        "ci95_high": [p["ci95"][1] for p in shares],
        "n": [p["n"] for p in shares],
    }
