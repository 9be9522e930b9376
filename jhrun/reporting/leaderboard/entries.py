"""What a leaderboard keeps of each run: it is read once, and nothing of it is kept that is not shown."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from jhrun.errors import JhrunError
from jhrun.folder import RunFolder, refuse_unsafe
from jhrun.jsonio import DAMAGED, read_record
from jhrun.records import EpochRecord, StatusRecord
from jhrun.records.words import sample
from jhrun.reporting import words
from jhrun.reporting.document import Report
from jhrun.reporting.leaderboard import configuration
from jhrun.reporting.leaderboard.cells import FAILED, FINISHED, RUNNING, WAITING, Cell
from jhrun.reporting.leaderboard.columns import Column, Value, number, values_of, worst_column
from jhrun.reporting.leaderboard.protocol import PaperRun, paper_run
from jhrun.reporting.leaderboard.shared import Run, trials
from jhrun.reporting.summary import summarise
from jhrun.reporting.tables import STRUCTURE
from jhrun.reporting.text import one_line

CURVES = (
    "epoch",
    "steps",
    "task_loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "penalty",
    *STRUCTURE,
)
"""What is kept of each epoch."""

Curve: TypeAlias = "dict[str, array[float]]"
"""By the names in ``CURVES`` a number for each epoch; what is not known is not a number."""


@dataclass(frozen=True)
class Entry:
    """A cell, and what its run's records say.

    Attributes:
        cell: as it was given.
        state: how it stands.
        error: in one line, or None.
        leaves: its configuration by dotted keys, without what changes no result; None where there is none.
        code: a hash of the source it ran; None where its environment was not read.
        seed: as configured, None where that is not known.
        command: by which it can be trained again; empty where that is not known.
        when: when it ended or else began, ISO 8601; empty where it is not known.
        values: its figures; none where it has not finished.
        verdict: of its headline, or None.
        evaluated: which checkpoint was evaluated on which examples, in words; empty where it was not.
        attacks: how many attacks the worst case is over; 0 where there is none.
        run: its evaluations, by which it is compared with others.
        settings: of each attack's column, its other settings in words.
        regression: whether it is a regression task.
        curve: of its epochs.
        paper: what it has for the published tables; None where it is not of the paper's protocol.
    """

    cell: Cell
    state: str
    error: str | None = None
    leaves: configuration.Leaves | None = None
    code: str | None = None
    seed: int | str | None = None
    command: str = ""
    when: str = ""
    values: dict[Column, Value] = field(default_factory=dict)
    verdict: str | None = None
    evaluated: str = ""
    attacks: int = 0
    run: Run = ()
    settings: dict[Column, str] = field(default_factory=dict)
    regression: bool = False
    curve: Curve = field(default_factory=dict)
    paper: PaperRun | None = None

    @property
    def counts(self) -> bool:
        """Whether its figures count."""
        return self.state == FINISHED


def read_entry(cell: Cell) -> Entry:
    """Read a cell's run; whatever is wrong with it is told in its entry, and ends nothing.

    Args:
        cell: begun or not.

    Returns:
        What is kept of it.
    """
    leaves, seed, error = None, None, cell.error
    if cell.config is not None:
        try:
            leaves, seed = configuration.leaves(cell.config), _seed(cell.config)
        except DAMAGED as failure:
            error = error or one_line(f"the configuration is damaged ({failure!r})")
    state = one_line(cell.state or (WAITING if cell.folder is None else FAILED))
    plain = Entry(cell, state, None if error is None else one_line(error), leaves, seed=seed)
    if cell.folder is None or cell.config is None or leaves is None:
        return plain
    try:
        refuse_unsafe(cell.folder, pickles=False)
        return _read(plain, cell.folder, summarise(RunFolder(cell.folder), cell.config))
    except DAMAGED as failure:
        return _broken(plain, one_line(f"the run's records are damaged ({type(failure).__name__}: {failure})"))
    except (JhrunError, OSError) as failure:
        return _broken(plain, one_line(failure))


def _read(plain: Entry, folder: Path, report: Report) -> Entry:
    status = report.status
    state = FINISHED if status.state == FINISHED else one_line(plain.cell.state or status.state)
    error = None if state == FINISHED else plain.error or status.error
    finished = state == FINISHED
    values, worst = values_of(report), worst_column(report)
    counted = [a for a in report.attacks.values() if a.norm == report.worst_case_norm]
    return Entry(
        plain.cell,
        state,
        None if error is None else one_line(error),
        plain.leaves,
        code=one_line(report.environment.code),
        seed=plain.seed,
        command=report.environment.command,
        when=one_line(status.ended or status.started or ""),
        values=values if finished else {},
        verdict=report.verdict.outcome if finished and report.verdict else None,
        evaluated=_evaluated(report) if finished else "",
        attacks=len(counted) if worst and finished else 0,
        run=trials(RunFolder(folder), report) if finished else (),
        settings={
            column: one_line(words.schedule(dict(attack.parameters)))
            for column in values
            if (attack := report.attacks.get(str(column.attack)))
        },
        regression=report.task is not None,
        curve=_curve(report.epochs),
        paper=paper_run(folder, report),
    )


def _broken(plain: Entry, error: str) -> Entry:
    """A run whose records cannot be read: still running, as its status or its job says, or failed."""
    state, folder = plain.cell.state, plain.cell.folder
    if state is None and folder is not None:
        try:
            state = read_record(RunFolder(folder).status, StatusRecord).state
        except (JhrunError, OSError, RecursionError):
            state = None
    return Entry(
        plain.cell,
        state if state in {RUNNING, WAITING} else FAILED,
        plain.error or error,
        plain.leaves,
        seed=plain.seed,
    )


def _seed(config: Mapping[str, object]) -> int | str | None:
    seed = config.get("seed")
    return seed if seed is None or (isinstance(seed, int) and abs(seed) < 2**64) else one_line(seed)


def _evaluated(report: Report) -> str:
    checkpoint = f"checkpoint {one_line(report.checkpoint)}"
    if report.clean is None:
        return "" if report.task is None else checkpoint
    return f"{checkpoint}, {sample(report.clean.n, report.total)}"


def _curve(epochs: Sequence[EpochRecord]) -> Curve:
    def values(key: str) -> "array[float]":
        found = [getattr(e.task, key, None) if key in STRUCTURE else getattr(e, key) for e in epochs]
        return array("d", [float("nan") if value is None else number(value) for value in found])

    return {key: values(key) for key in CURVES} if epochs else {}
