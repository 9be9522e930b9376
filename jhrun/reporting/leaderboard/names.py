"""What rows are called: the settings that tell them apart, as they are typed."""

from collections import Counter
from collections.abc import Callable, Sequence

from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.leaderboard.settings import Files, Settings
from jhrun.reporting.text import one_line


def name_rows(rows: Sequence[Row], files: Files) -> dict[str, tuple[str, ...]]:
    """Give each row a label that no other has.

    Args:
        rows: of one page.
        files: by group and choice the values of the choice's file, by which settings are named.

    Returns:
        By each setting that differs the value of every row, a dash where it has none.
    """
    places = {id(row): place for place, row in enumerate(row for row in rows if row.leaves)}
    settings = Settings([row.leaves for row in rows if row.leaves], files)
    labels = settings.labels()
    for row in rows:
        cell = row.entries[0].cell
        typed = one_line(" ".join(word for word in cell.overrides if not word.startswith("seed=")))
        label = labels[places[id(row)]] if row.leaves else typed
        row.label = label or folder_name(row.entries[0]) or typed
    _add(rows, lambda row, _: folder_name(row.entries[0]))
    _add(rows, lambda _, number: str(number))
    return {
        key: tuple(settings.value(places[id(row)], key) if row.leaves else "–" for row in rows)
        for key in settings.keys
    }


def folder_name(entry: Entry) -> str:
    """The name of a run's folder; empty where there is none."""
    return "" if entry.cell.folder is None else one_line(entry.cell.folder.name)


def _add(rows: Sequence[Row], by: Callable[[Row, int], str]) -> None:
    """Add something in brackets to labels that several rows have, or that are empty."""
    count, seen = Counter(row.label for row in rows), Counter[str]()
    for row in rows:
        label = row.label
        if not label or count[label] > 1:
            seen[label] += 1
            more = by(row, seen[label])
            row.label = f"{label} ({more})".strip() if more else label
