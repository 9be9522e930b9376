"""``jhrun compare A B …``: whether one method is better than another, on the same seeds and images."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from jhrun.commands.progress import Progress
from jhrun.config import stored
from jhrun.config.groups import brought
from jhrun.errors import ConfigError, RunError, pasteable
from jhrun.folder import RunFolder
from jhrun.jsonio import as_json, as_plain, read_record
from jhrun.reporting.compared import Compared, as_tex, as_text, compare_cells
from jhrun.reporting.leaderboard import BoardDocument, Cell, cells_in, is_sweep
from jhrun.terminal import room


def run(arguments: Sequence[str], *, form: str | None = None) -> None:
    """Compare methods and print what was found.

    Args:
        arguments: folders of runs or of sweeps, or rows of leaderboards, ``FOLDER:RANK``.
        form: ``--json`` or ``--tex``; None for a text.
    """
    # what a program reads has no line of progress in it
    with Progress("reading the runs") if form is None else nullcontext():
        table = compared(arguments)
    if form == "--json":
        text = as_json(as_plain(table)).rstrip()
    else:
        text = as_tex(table) if form == "--tex" else pasteable(as_text(table, room()))
    print(text, file=sys.stdout)


def compared(arguments: Sequence[str]) -> Compared:
    """Compare methods.

    Args:
        arguments: folders of runs or of sweeps, or rows of leaderboards, ``FOLDER:RANK``.

    Returns:
        What was found.

    Raises:
        ConfigError: one run alone is given.
    """
    found = [cell for argument in arguments for cell in cells_of(argument)]
    # a run may be given twice, by itself and in a sweep
    cells = list({(i if c.folder is None else c.folder.resolve()): c for i, c in enumerate(found)}.values())
    if len(cells) < 2:
        given = f"'{arguments[0]}' is one run" if arguments else "nothing is given"
        remedy = "give another run, a sweep or a row of a leaderboard too"
        raise ConfigError(f"{given}, and compare takes two or more", "jhrun compare", remedy)
    return compare_cells(cells, brought("train"))


def cells_of(argument: str) -> list[Cell]:
    """The cells of a run, of a sweep or of a leaderboard's row.

    Args:
        argument: a folder, or a leaderboard's with the number of a row, ``FOLDER:RANK``.

    Returns:
        At least one.

    Raises:
        RunError: there is none.
    """
    folder, colon, rank = argument.rpartition(":")
    if colon and rank.isdecimal() and not Path(argument).expanduser().exists():
        return _row(Path(folder).expanduser().absolute(), int(rank))
    path = Path(argument).expanduser().absolute()
    if (path / "leaderboard.json").is_file() and not is_sweep(path):
        remedy = f"name one of its rows, as in {argument}:1"
        raise RunError(f"'{argument}' is a leaderboard's folder and holds no run", "jhrun compare", remedy)
    if not (is_sweep(path) or (path / "config.yaml").is_file()):
        what = "holds neither a run nor runs" if path.is_dir() else "does not exist"
        raise RunError(f"'{argument}' {what}", "jhrun compare", "give the path that the training printed last")
    return cells_in(path, stored.read)


def _row(folder: Path, rank: int) -> list[Cell]:
    """The cells of a leaderboard's rows of a rank; a run that was never begun has no folder."""
    file = folder / "leaderboard.json"
    if not file.is_file():
        remedy = "name a run's or a sweep's folder without a number, or make the leaderboard: jhrun report …"
        raise RunError(f"there is no leaderboard whose row {rank} could be compared", str(file), remedy)
    try:
        board = read_record(file, BoardDocument)
    except RunError as error:
        raise RunError(error.parts[0], str(file), "make it anew: jhrun report …") from error
    places = {place for place, row in enumerate(board.rows) if row.rank == rank}
    if not places:
        ranks = ", ".join(str(row.rank) for row in board.rows if row.rank is not None)
        there = f"its ranks are {ranks}" if ranks else "none of its rows is ranked: name the runs"
        raise RunError(f"there is no row of rank {rank}", str(folder), there)
    found: list[Cell] = []
    for cell in board.cells:
        if cell.row in places and cell.run:
            found += cells_in(_place(folder, cell.run), stored.read)
        elif cell.row in places:
            found.append(Cell(None, None, cell.overrides, cell.state, cell.error))
    return found


def _place(folder: Path, run: str) -> Path:
    """Where a row's run lies: as was noted, or in the folder of a sweep that was moved."""
    for path in (Path(run), folder / Path(run).name):
        if (path / "config.yaml").is_file():
            return path
    return RunFolder.existing(run).path
