"""The ladder of a leaderboard: its compared rows, the best worst case first."""

from jhrun.reporting.ladder import Rung
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import CLEAN, COST, Column, Statistic
from jhrun.reporting.leaderboard.rows import Row

PGD = "pgd20"
"""The attack whose share stands beside the worst case."""

MOST = 30
"""So many rows stand on it, those of the best rank; the table has all."""

GRADES = ("fail", "suspect", "incomplete", "pass")
"""The worst first: a row has the worst verdict of its runs."""


def rungs(board: Board) -> list[Rung]:
    """The rows that are compared, in the order of their ranks.

    Args:
        board: of all rows.

    Returns:
        At most ``MOST``; none where nothing was attacked.
    """
    worst = board.worst
    if worst is None:
        return []
    rows = [row for row in board.rows if row.compared and {CLEAN, worst} <= row.statistics.keys()]
    return [
        _rung(f"{row.rank} {row.label}", row, row.statistics[CLEAN], row.statistics[worst], worst)
        for row in rows[:MOST]
    ]


def _rung(label: str, row: Row, clean: Statistic, worst: Statistic, column: Column) -> Rung:
    pgd = next((one for key, one in row.statistics.items() if key.attack == PGD and _same_ball(key, column)), None)
    verdicts = [grade for grade in GRADES if grade in row.verdicts]
    return Rung(
        label,
        clean.mean,
        worst.mean,
        pgd=pgd.mean if pgd is not None and pgd.n == worst.n else None,
        seeds=worst.values if worst.n > 1 else (),
        outcome=verdicts[0] if verdicts else None,
        cost=row.statistics[COST].mean if COST in row.statistics else None,
        interval=worst.ci95,
    )


def _same_ball(one: Column, other: Column) -> bool:
    return (one.norm, one.epsilon) == (other.norm, other.epsilon)
