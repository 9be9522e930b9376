"""A leaderboard as a table: for a terminal, in Markdown, LaTeX and CSV."""

from collections.abc import Iterable, Sequence

import pandas as pd

from jhrun.reporting import tables, words
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.cells import FINISHED
from jhrun.reporting.leaderboard.columns import (
    BYTES,
    COST,
    MEMORY,
    NUMBER,
    PACE,
    SECONDS,
    SHARE,
    STEPS,
    Column,
    Statistic,
    over_all,
)
from jhrun.reporting.leaderboard.front import front
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.text import cell, markdown, tex

RANK, NAME, COUNT, VERDICT, RUNS = "#", "configuration", "n", "verdict", "runs"
NOTE = r"% needs \usepackage{booktabs}; mean +- sample deviation over n seeds"
BOLD = "; bold: cannot be told from the best"
_READABLE = 24
"""Letters of a configuration's name that a terminal shows before a column of figures gives way."""


def table(board: Board) -> pd.DataFrame:
    """A line of words for each row.

    Args:
        board: of all rows.

    Returns:
        Columns ``#``, ``configuration``, ``n``, one for each figure under its key, ``verdict`` and ``runs``.
    """
    rows, late = board.rows, [COST, PACE, MEMORY]
    columns = {
        RANK: ["–" if row.rank is None else str(row.rank) for row in rows],
        NAME: [row.label for row in rows],
        COUNT: [str(len(row.counted)) for row in rows],
        **{c.key: [_figure(row, c) for row in rows] for c in board.columns if c not in {*late, board.twin}},
        VERDICT: [counted(row.verdicts) or "–" for row in rows],
        **{c.key: [_figure(row, c) for row in rows] for c in board.columns if c in late},
        RUNS: [standing(row) for row in rows],
    }
    if not any(row.verdicts for row in rows):
        del columns[VERDICT]
    return pd.DataFrame(columns, dtype=object)


def titles(board: Board, frame: pd.DataFrame) -> list[str]:
    """The header of a table, for people."""
    known = {column.key: column.title for column in board.columns}
    return [known.get(str(key), str(key)) for key in frame.columns]


def as_text(board: Board, width: int | None = None) -> str:
    """The table for a terminal.

    Args:
        board: of all rows.
        width: letters that have room; None for as many as it takes.

    Returns:
        Its lines. Where they are too long, columns give way, the dearest last, and then the names' ends.
    """
    frame, left_out = table(board), 0
    while width is not None and _needed(board, frame) > width and (gone := _dispensable(board, frame)):
        frame, left_out = frame.drop(columns=gone), left_out + 1
    lines = [tuple(titles(board, frame)), *frame.itertuples(index=False, name=None)]
    text = tables.plain(lines, words=(1,), width=width)
    return f"{text}\n{words.counted(left_out, 'more column')} in leaderboard.html" if left_out else text


def as_markdown(board: Board, rows: Sequence[Row]) -> str:
    """The table of some rows; bold are those that cannot be told from the best."""
    frame = _of(board, rows).map(markdown)
    for place, row in enumerate(rows):
        for key in bold(board) if row.best else ():
            frame.loc[frame.index[place], key] = f"**{frame.iloc[place][key]}**"
    frame.columns = pd.Index([_cell(markdown(title)) for title in titles(board, frame)])
    frame = frame.map(_cell)
    sides = ["right" if i else "left" for i in range(frame.shape[1])]
    sides[1] = "left"
    return frame.to_markdown(index=False, disable_numparse=True, colalign=sides)


def as_latex(board: Board) -> str:
    r"""The compared rows as a ``tabular`` for the package booktabs, to be taken in by ``\input``."""
    rows = [row for row in board.rows if row.rank is not None] or board.rows
    frame = _of(board, rows).drop(columns=[RUNS, PACE.key, MEMORY.key], errors="ignore").reset_index(drop=True)
    # pandas takes a header for a format, in which braces are doubled
    header = [tex(title).replace("{", "{{").replace("}", "}}") for title in titles(board, frame)]
    style = (
        frame.style.hide(axis="index").format(lambda text: tex(str(text))).relabel_index(header, axis="columns")
    )
    best = {place for place, row in enumerate(rows) if row.best}
    for key in bold(board):
        style = style.apply(
            lambda column: ["textbf:--rwrap;" if place in best else "" for place in column.index], subset=[key]
        )
    text = style.to_latex(hrules=True, column_format=f"rl{'r' * (len(header) - 2)}")
    told = "" if board.shared is None or board.unread else BOLD
    return f"{NOTE}{told}\n{text}"


def as_csv(board: Board) -> str:
    """One line for each row, with all digits (docs/leaderboard.md)."""
    return numbers(board).to_csv(index=False, lineterminator="\n")


def numbers(board: Board) -> pd.DataFrame:
    """The table with all digits.

    Args:
        board: of all rows.

    Returns:
        A line for each row; the columns are those of ``leaderboard.csv`` (docs/leaderboard.md).
    """
    rows, best = board.rows, set(map(id, front(board)))
    columns: dict[str, list[object]] = {
        "rank": [row.rank for row in rows],
        "configuration": [cell(row.label) for row in rows],
        "n": [len(row.counted) for row in rows],
        "seeds": [" ".join(str(entry.seed) for entry in row.counted) for row in rows],
        "best": [int(row.best) for row in rows],
        "front": [int(id(row) in best) for row in rows],
        "compared": [int(row.compared) for row in rows],
        "attacks": [row.attacks or None for row in rows],
        "verdict": [counted(row.verdicts) for row in rows],
        "runs": [standing(row) for row in rows],
    }
    for column in board.columns:
        found = [row.statistics.get(column) for row in rows]
        key = cell(column.key)
        for name in ("mean", "sd", "n"):
            columns[f"{key}_{name}"] = [s and getattr(s, name) for s in found]
        if column.unit == SHARE:
            for i, name in enumerate(("low", "high")):
                columns[f"{key}_ci95_{name}"] = [s and s.ci95 and s.ci95[i] for s in found]
    for key, values in board.differing.items():
        columns[f"config.{key}"] = list(map(cell, values))
    return pd.DataFrame(columns, dtype=object)


def written(found: Statistic | None, column: Column, n: int) -> str:
    """Mean ± standard deviation, with its own n where that is not the row's; a dash where it is missing.

    Args:
        found: over the seeds.
        column: whose.
        n: of the row.

    Returns:
        A few letters.

    Example:
        >>> written(Statistic(0.975, 0.0125, 3), Column("clean", "clean"), 3)
        '97.5 ± 1.2 %'
        >>> written(Statistic(0.975, None, 1), Column("clean", "clean"), 2)
        '97.5 % (n = 1)'
    """
    if found is None:
        return "–"
    scale = {SHARE: 100.0, BYTES: 2.0**-20}.get(column.unit, 1.0)
    form = {SHARE: ".1f", BYTES: ",.0f", NUMBER: ".4g", SECONDS: ".3g", STEPS: ".1f"}[column.unit]
    text = f"{found.mean * scale:{form}}"
    if found.sd is not None:
        deviation = {NUMBER: ".2g", SECONDS: ".2g"}.get(column.unit, form)
        text += f" ± {found.sd * scale:{deviation}}"
    text = text.replace("-", "−") + (" %" if column.unit == SHARE else "")
    return text if found.n == n else f"{text} (n = {found.n})"


def counted(found: dict[str, int]) -> str:
    """What was found how often, the number left out where it is always the same; empty for nothing."""
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{n} {name}" for name, n in found.items())


def standing(row: Row) -> str:
    """How many of a row's cells stand how."""
    states = row.states
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items(), key=lambda found: found[0] != FINISHED))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _figure(row: Row, column: Column) -> str:
    text = written(row.statistics.get(column), column, len(row.counted))
    there = over_all(column) and column in row.statistics
    return f"{text} ({words.counted(row.attacks, 'attack')})" if there else text


def _of(board: Board, rows: Iterable[Row]) -> pd.DataFrame:
    """The lines of some rows."""
    places = {id(row): place for place, row in enumerate(board.rows)}
    return table(board).iloc[[places[id(row)] for row in rows]]


def bold(board: Board) -> list[str]:
    """The cells of a row that stand out where it is among the best."""
    return [NAME, *([board.worst.key] if board.worst else [])]


def _needed(board: Board, frame: pd.DataFrame) -> int:
    """Letters of a line, the configuration's name cut as far as it may be."""
    longest = [
        max(len(title), *map(len, frame[key])) for key, title in zip(frame, titles(board, frame), strict=True)
    ]
    longest[1] = min(longest[1], _READABLE)
    return sum(longest) + 2 * (len(longest) - 1)


def _dispensable(board: Board, frame: pd.DataFrame) -> str:
    """The column that a terminal can do without first; empty where none is left."""
    dear = {RANK, NAME, VERDICT, "clean", "skill", *([board.worst.key] if board.worst else [])}
    single = [c.key for c in board.columns if c.attack is not None][::-1]
    order = [MEMORY.key, PACE.key, *single, RUNS, COST.key, COUNT, *map(str, frame.columns[::-1])]
    left = [key for key in order if key in frame.columns and key not in dear]
    return left[0] if left else ""
