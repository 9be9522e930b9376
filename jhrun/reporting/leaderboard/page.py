"""The rows of a leaderboard's page: figures that sort, and behind each row its command and its runs."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jhrun.errors import pasteable
from jhrun.reporting.first import Command
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import Column
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.frame import COUNT, NAME, RANK, RUNS, VERDICT, bold, table
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.text import command, one_line


@dataclass(frozen=True)
class Run:
    """A run of a row.

    Attributes:
        words: its seed, and how it stands.
        folder: of it; empty where it never began.
        link: to its report, or to its folder where it has no report; empty where it never began.
    """

    words: str
    folder: str
    link: str


@dataclass(frozen=True)
class Line:
    """A row of the page.

    Attributes:
        cells: in the order of the header, each with the text that it is sorted by, a number where it is one, and
            whether it is bold.
        commands: that make it again, and compare it with the best.
        runs: of it.
    """

    cells: tuple[tuple[str, str, bool], ...]
    commands: tuple[Command, ...]
    runs: tuple[Run, ...]


def lines(board: Board, rows: Sequence[Row], output: Path) -> list[Line]:
    """The rows of a table of the page.

    Args:
        board: of all rows.
        rows: of the table.
        output: the leaderboard's folder, to which links are relative.

    Returns:
        A line for each.
    """
    frame, columns = table(board), {column.key: column for column in board.columns}
    strong, keys = bold(board), list(map(str, frame.columns))
    places = {id(row): place for place, row in enumerate(board.rows)}
    return [
        Line(
            tuple(
                (text, _sorted_by(row, key, columns.get(key), text), row.best and key in strong)
                for key, text in zip(keys, map(str, frame.iloc[places[id(row)]]), strict=True)
            ),
            tuple(_commands(row, output)),
            tuple(_run(entry, output) for entry in (*row.entries, *row.repeated)),
        )
        for row in rows
    ]


def command_of(row: Row) -> str:
    """What was typed for a row's first run, and for all its seeds at once where there are several."""
    typed = next((text for entry in row.counted if (text := command(entry.command))), "")
    seeds = [str(entry.seed) for entry in row.counted if isinstance(entry.seed, int)]
    words = shlex.split(typed)
    if len(seeds) < 2 or words[:2] != ["jhrun", "train"]:
        return typed
    own = ("seed=", "hydra.run.dir=", "hydra.sweep", "resume=")
    kept = [word for word in words[2:] if not word.lstrip("+").startswith(own)]
    return shlex.join(["jhrun", "train", "-m", f"seed={','.join(seeds)}", *kept])


def _commands(row: Row, output: Path) -> list[Command]:
    found = []
    if typed := command_of(row):
        found.append(Command("Train it again", pasteable(typed)))
    if row.rank is not None and row.rank > 1:
        text = shlex.join(["jhrun", "compare", f"{output}:{row.rank}", f"{output}:1"])
        found.append(Command("Compare it with the best", pasteable(text)))
    return found


def _run(entry: Entry, output: Path) -> Run:
    folder = entry.cell.folder
    seed = "seed not known" if entry.seed is None else f"seed {entry.seed}"
    words = f"{seed}: {entry.state}" + ("" if entry.error is None else f", {entry.error}")
    if folder is None:
        return Run(words, "", "")
    report = folder / "report.html"
    target = os.path.relpath(report if report.is_file() else folder, output)
    # a lone surrogate stands for a byte that is no text
    return Run(words, one_line(folder), quote(target.encode(errors="surrogateescape")))


def _sorted_by(row: Row, key: str, column: Column | None, text: str) -> str:
    if column is not None:
        return repr(row.statistics[column].mean) if column in row.statistics else ""
    numbers = {RANK: row.rank, COUNT: len(row.counted)}
    if key in numbers:
        return "" if numbers[key] is None else str(numbers[key])
    return text if key in {NAME, VERDICT, RUNS} else ""
