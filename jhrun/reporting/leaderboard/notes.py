"""What a reader of a leaderboard must know to compare its rows."""

from collections import defaultdict
from collections.abc import Iterable

from jhrun.reporting.facts import MEANING_OF_ROBUST, MEANING_OF_SKILL
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import Column
from jhrun.reporting.leaderboard.rows import Row, data_of
from jhrun.reporting.tables import Row as Line
from jhrun.reporting.words import counted

MOST = 10
"""So many rows are named; of more their number is told."""

STATISTICS = (
    "Each figure is the mean ± the sample standard deviation over the n seeds that have finished; a single seed "
    "has no deviation."
)

BEST = (
    "Bold: rows that cannot be told from the best on the same seeds and images (5 %, Holm); of one seed each, "
    "this says nothing about other seeds."
)

OVER_ALL = (
    "The worst case is over all attacks that a run met; the number beside it is theirs. More attacks make it "
    "lower, so that rows are not ranked by it."
)


def meanings(board: Board) -> list[str]:
    """What the figures are, in sentences."""
    kinds = {entry.regression for row in board.rows for entry in row.counted}
    ranked = board.worst.title if board.worst else "skill" if True in kinds else "clean accuracy"
    return [
        STATISTICS,
        f"Ranked by {ranked}, and equals share a rank; below them rows with a verdict of fail, then those without "
        "figures.",
        *([] if board.shared is None or board.unread else [BEST]),
        *([OVER_ALL] if board.shared and board.twin is None else []),
        *([MEANING_OF_ROBUST] if False in kinds else []),
        *([MEANING_OF_SKILL] if True in kinds else []),
    ]


def notes(board: Board) -> list[str]:
    """Where rows are not quite comparable, and what was left out of them, in sentences."""
    rows = board.rows
    return [*_data(rows), *repeated(rows), *evaluations(rows), *_shared(board), *_settings(board)]


def named(names: Iterable[str]) -> str:
    """Some names, not too many."""
    names = list(names)
    more = len(names) - MOST
    return "; ".join(names[:MOST]) + (f"; and {more} more" if more > 0 else "")


def _data(rows: Iterable[Row]) -> list[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.statistics:
            groups[data_of(row)].append(row.label)
    parts = ". ".join(f"{data}: {named(labels)}" for data, labels in groups.items())
    return [f"Rows of different data are not comparable. {parts}."] if len(groups) > 1 else []


def repeated(rows: Iterable[Row]) -> list[str]:
    """Which runs do not count, for a newer one of their seed does, in a sentence."""
    found = [
        f"{row.label}: {counted(len(row.repeated), 'run')} of seed "
        + ", ".join(sorted({str(entry.seed) for entry in row.repeated}))
        for row in rows
        if row.repeated
    ]
    return [f"Of runs of one seed the newest finished one counts; left out: {named(found)}."] if found else []


def evaluations(rows: Iterable[Row]) -> list[str]:
    """Which checkpoint was evaluated on which examples; by row, where it is not always the same."""
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        texts = sorted({entry.evaluated for entry in row.counted if entry.evaluated})
        if texts:
            groups[" and ".join(texts)].append(row.label)
    if len(groups) < 2:
        return [f"Evaluated: {text}." for text in groups]
    return [f"Evaluated differently: {text} ({named(labels)})." for text, labels in groups.items()]


def _shared(board: Board) -> list[str]:
    """Over which attacks and images rows are compared, and which rows are not."""
    unread = [board.unread] if board.unread else []
    if board.shared is None:
        return unread
    apart = [row.label for row in board.rows if not row.compared]
    return [
        f"Compared over {board.shared.text}: the attacks, settings and images that all compared rows have.",
        *([f"Not compared, for other attacks, settings, images or data: {named(apart)}."] if apart else []),
        *unread,
    ]


def _settings(board: Board) -> list[str]:
    groups: dict[Column, dict[str, None]] = defaultdict(dict)
    for row in board.rows:
        for entry in row.counted:
            for column, text in entry.settings.items():
                groups[column].setdefault(text)
    return [
        f"{column.title} was run with different settings: {named(texts)}."
        for column, texts in groups.items()
        if len(texts) > 1
    ]


def missing(board: Board) -> list[Line]:
    """The cells without figures, and why; nothing where all have some."""
    lines = [
        (row.label, "–" if entry.seed is None else str(entry.seed), entry.state, entry.error or "–")
        for row in board.rows
        for entry in row.entries
        if not entry.counts
    ]
    return [("configuration", "seed", "state", "error"), *lines] if lines else []


def differences(board: Board) -> list[Line]:
    """The settings that differ between rows, and each row's values; nothing where none does."""
    if not board.differing:
        return []
    values = zip(*board.differing.values(), strict=True)
    lines = [(row.label, *each) for row, each in zip(board.rows, values, strict=True)]
    return [("configuration", *board.differing), *lines]
