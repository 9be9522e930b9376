"""Tables for the package booktabs."""

from collections.abc import Sequence

from jhrun.reporting.tables import Row
from jhrun.reporting.text import one_line, tex


def tabular(
    table: Sequence[Row],
    *,
    bold: Sequence[bool] = (),
    notes: Sequence[str] = (),
) -> str:
    r"""A ``tabular``, to be taken in by ``\input``.

    Args:
        table: header first; text, which is escaped here. The first column begins on the left, the others end on
            the right.
        bold: for each row below the header whether it is bold; none is where this is empty.
        notes: comments above it, a line each.

    Returns:
        LaTeX; comments alone where there is no table.

    Example:
        >>> print(tabular([("", "n"), ("a_1", "5")], bold=[True]))
        % needs \usepackage{booktabs}
        \begin{tabular}{@{}lr@{}}
        \toprule
         & n \\
        \midrule
        \textbf{a\_1} & \textbf{5} \\
        \bottomrule
        \end{tabular}
        <BLANKLINE>
    """
    comments = [f"% {one_line(note)}" for note in notes]
    if not table:
        return "\n".join([*(comments or ["% there is no table"]), ""])
    header, *rows = table
    marks = bold or [False] * len(rows)
    body = [
        _line([rf"\textbf{{{tex(cell)}}}" if marked else tex(cell) for cell in row])
        for row, marked in zip(rows, marks, strict=True)
    ]
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            *comments,
            rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            _line([tex(cell) for cell in header]),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _line(cells: Sequence[str]) -> str:
    line = " & ".join(cells) + r" \\"
    # after the end of a line these would be arguments of it
    return f"{{}}{line}" if line.startswith(("[", "*")) else line
