"""A leaderboard as a table, as CSV, as LaTeX and as JSON."""

from collections.abc import Sequence
from typing import Any

from jhrun.reporting import words
from jhrun.reporting.data import as_csv
from jhrun.reporting.leaderboard.cells import FINISHED
from jhrun.reporting.leaderboard.columns import (
    BYTES,
    MEMORY,
    NUMBER,
    PACE,
    SECONDS,
    SHARE,
    Column,
    Statistic,
    over_all,
)
from jhrun.reporting.leaderboard.configuration import class_name, shown
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.front import front
from jhrun.reporting.leaderboard.rows import Board, Row
from jhrun.reporting.tables import Row as Line
from jhrun.reporting.text import cell, tex

SCHEMA_VERSION = 1


def table(board: Board) -> list[Line]:
    """Header and rows, for people; those that are not compared come last and have no rank."""
    figures, cost = ([c for c in board.columns if (c in {PACE, MEMORY}) == late] for late in (False, True))
    verdicts = any(row.verdicts for row in board.rows)
    lines = []
    for rank, row in enumerate(board.rows, 1):
        line = [str(rank) if row.compared else "–", row.label, str(len(row.counted))]
        line += [_figure(row, c) for c in figures]
        line += [counted(row.verdicts) or "–"] if verdicts else []
        line += [written(row.statistics.get(c), c, len(row.counted)) for c in cost]
        lines.append((*line, standing(row)))
    header = ["#", "configuration", "n", *(c.title for c in figures), *(["verdict"] if verdicts else [])]
    return [(*header, *(c.title for c in cost), "runs"), *lines]


def _figure(row: Row, column: Column) -> str:
    text = written(row.statistics.get(column), column, len(row.counted))
    there = over_all(column) and column in row.statistics
    return f"{text} ({words.counted(row.attacks, 'attack')})" if there else text


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
    form = {SHARE: ".1f", BYTES: ",.0f", NUMBER: ".4g", SECONDS: ".3g"}[column.unit]
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


def differences(board: Board) -> list[Line]:
    """The keys that differ between rows, and each row's values."""
    lines = [
        (str(rank), row.label, *(_value(row, key) for key in board.keys)) for rank, row in enumerate(board.rows, 1)
    ]
    return [("#", "configuration", *board.keys), *lines]


def missing(board: Board) -> list[Line]:
    """The cells without figures, and why."""
    lines = [
        (row.label, _seed(entry), entry.state, entry.error or "–")
        for row in board.rows
        for entry in row.entries
        if not entry.counts
    ]
    return [("configuration", "seed", "state", "error"), *lines] if lines else []


def csv(board: Board) -> str:
    """One line for each row, with all digits (docs/leaderboard.md)."""
    rows, best = board.rows, set(map(id, front(board)))
    columns: dict[str, list[Any]] = {
        "rank": list(range(1, len(rows) + 1)),
        "configuration": [cell(row.label) for row in rows],
        "n": [len(row.counted) for row in rows],
        "seeds": [" ".join(str(entry.seed) for entry in row.counted) for row in rows],
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
    for key in board.keys:
        columns[f"config.{key}"] = [cell(_value(row, key)) for row in rows]
    return as_csv(columns)


def latex(board: Board) -> str:
    r"""A ``tabular`` for the package booktabs, to be taken in by ``\input``."""
    header, *lines = [line[:-1] for line in table(board)]
    body = [" & ".join(tex(text) for text in line) + r" \\" for line in lines]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}; mean ± sample standard deviation over n seeds".replace("±", "+-"),
            rf"\begin{{tabular}}{{rl{'r' * (len(header) - 2)}}}",
            r"\toprule",
            " & ".join(tex(text) for text in header) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def document(board: Board, entries: Sequence[Entry], notes: Sequence[str]) -> dict[str, Any]:
    """What ``leaderboard.json`` holds (docs/leaderboard.md)."""
    place = {id(entry): i for i, row in enumerate(board.rows) for entry in (*row.entries, *row.repeated)}
    used = {id(entry) for row in board.rows for entry in row.counted}
    best = set(map(id, front(board)))
    return {
        "schema_version": SCHEMA_VERSION,
        "columns": [
            {
                "key": c.key,
                "title": c.title,
                "unit": c.unit,
                "attack": c.attack,
                "norm": c.norm,
                "epsilon": c.epsilon,
            }
            for c in board.columns
        ],
        "ranked_by": board.worst and board.worst.key,
        "shared": board.shared
        and {
            "attacks": [a._asdict() for a in board.shared.attacks],
            "n": board.shared.n,
            "total": board.shared.total,
        },
        "rows": [_row(rank, row) | {"front": id(row) in best} for rank, row in enumerate(board.rows, 1)],
        "differing": {key: [row.leaves.get(key) for row in board.rows] for key in board.keys},
        "cells": [{"row": place[id(e)], **_cell(e), "counts": id(e) in used} for e in entries],
        "notes": list(notes),
    }


def _row(rank: int, row: Row) -> dict[str, Any]:
    figures = {c.key: {"mean": s.mean, "sd": s.sd, "n": s.n, "ci95": s.ci95} for c, s in row.statistics.items()}
    return {
        "rank": rank,
        "label": row.label,
        "n": len(row.counted),
        "seeds": [entry.seed for entry in row.counted],
        "verdicts": row.verdicts,
        "states": row.states,
        "compared": row.compared,
        "attacks": row.attacks,
        "figures": figures,
    }


def _cell(entry: Entry) -> dict[str, Any]:
    folder = entry.cell.folder
    return {
        "run": None if folder is None else _writable(folder),
        "overrides": [_writable(word) for word in entry.cell.overrides],
        "seed": entry.seed,
        "state": entry.state,
        "error": entry.error,
        "verdict": entry.verdict,
        "evaluated": entry.evaluated or None,
        "figures": {column.key: found.value for column, found in entry.values.items()},
    }


def _writable(value: object) -> str:
    """Its text, without the lone surrogates that no file can hold."""
    return str(value).encode(errors="replace").decode()


def _value(row: Row, key: str) -> str:
    if key not in row.leaves:
        return "–"
    return class_name(row.leaves[key]) if key.endswith("_target_") else shown(row.leaves[key])


def _seed(entry: Entry) -> str:
    return "–" if entry.seed is None else str(entry.seed)
