"""The figures of a run as columns: which it has, and what they are."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jhrun.records import AttackRecord, Proportion
from jhrun.records.words import radius
from jhrun.reporting import tables
from jhrun.reporting.document import Report
from jhrun.reporting.text import one_line

SHARE, NUMBER, SECONDS, STEPS, BYTES = "share", "number", "seconds", "plain steps", "bytes"

LARGEST = 1e100
"""A figure whose square and sums are finite."""


@dataclass(frozen=True)
class Column:
    """One figure that runs have; two of one key are the same.

    Attributes:
        key: its name for programs, as in ``clean`` or ``pgd20@8/255``.
        title: its name for people.
        unit: ``share``, ``number``, ``seconds``, ``plain steps`` or ``bytes``.
        attack: of which attack it is; None for the other figures.
        norm: of the ball, ``inf`` or ``2``; None where there is none.
        epsilon: the ball's radius or, of a worst case over several, their largest; None likewise.
    """

    key: str
    title: str = field(compare=False)
    unit: str = field(default=SHARE, compare=False)
    attack: str | None = field(default=None, compare=False)
    norm: str | None = field(default=None, compare=False)
    epsilon: float | None = field(default=None, compare=False)


_WORST, _SHARED = "worst_case@", "shared_worst_case@"
CLEAN = Column("clean", "clean")
SKILL = Column("skill", "skill", NUMBER)
PACE = Column("seconds_per_epoch", "s/epoch", SECONDS)
COST = Column("cost", "cost (plain steps)", STEPS)
MEMORY = Column("memory", "peak memory (MiB)", BYTES)
_TASK = {
    "mse": Column("mse", "mean squared error", NUMBER),
    "skill": SKILL,
    **{key: Column(key, formula, NUMBER) for key, formula in tables.STRUCTURE.items()},
}


@dataclass(frozen=True)
class Value:
    """A figure of one run.

    Attributes:
        value: itself.
        ci95: its 95 % interval; None where it has none.
    """

    value: float
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class Statistic:
    """A figure over the seeds of a configuration.

    Attributes:
        mean: over them.
        sd: the sample standard deviation, of n − 1 degrees of freedom; None for one.
        n: how many have the figure.
        ci95: where it is one, that run's own 95 % interval, if it has one.
        values: of each.
    """

    mean: float
    sd: float | None
    n: int
    ci95: tuple[float, float] | None = None
    values: tuple[float, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def of(cls, values: Sequence[Value]) -> "Statistic":
        """Over the figures of some runs.

        Args:
            values: at least one.

        Returns:
            Mean and deviation.

        Example:
            >>> Statistic.of([Value(1.0), Value(3.0)])
            Statistic(mean=2.0, sd=1.4142135623730951, n=2, ci95=None)
        """
        numbers = [v.value for v in values]
        if len(numbers) == 1:
            return cls(numbers[0], None, 1, values[0].ci95, (numbers[0],))
        deviation = statistics.stdev(numbers)
        return cls(statistics.fmean(numbers), deviation, len(numbers), values=tuple(numbers))

    @property
    def ends(self) -> tuple[float, float] | None:
        """Mean ± sd of several runs, the 95 % interval of one; None where it has none."""
        return self.ci95 if self.sd is None else (self.mean - self.sd, self.mean + self.sd)


def values_of(report: Report) -> dict[Column, Value]:
    """The figures of a run's report, in the order of the columns.

    Args:
        report: of the run.

    Returns:
        Those that it has.
    """
    values: dict[Column, Value] = {}
    if report.clean is not None:
        values[CLEAN] = share(report.clean)
    for name, attack in report.attacks.items():
        if attack.robust is not None:
            values[_attack(one_line(name), attack)] = share(attack.robust)
    worst = worst_column(report)
    if worst is not None and report.worst_case is not None:
        values[worst] = share(report.worst_case)
    task = {} if report.task is None else {key: getattr(report.task, key) for key in _TASK}
    values |= {column: Value(number(task[key])) for key, column in _TASK.items() if task.get(key) is not None}
    epochs = report.epochs
    if epochs:
        values[PACE] = Value(sum(number(e.seconds) for e in epochs) / len(epochs))
    costs = [number(e.cost) for e in epochs if e.cost is not None]
    if costs:
        values[COST] = Value(costs[-1])
    peaks = [number(e.memory) for e in epochs if e.memory is not None]
    if peaks:
        values[MEMORY] = Value(max(peaks))
    return values


def worst_column(report: Report) -> Column | None:
    """The worst case's column, named after its norm and the radii of its attacks; None without an attack."""
    norm = report.worst_case_norm
    radii = sorted({number(a.epsilon) for a in report.attacks.values() if a.norm == norm})
    if not radii or report.worst_case is None:
        return None
    return _worst(one_line(norm), radii)


def _worst(norm: str, radii: Sequence[float]) -> Column:
    written = "+".join(radius(one) if norm == "inf" else f"{one:g}" for one in radii)
    key = f"{_WORST}{written}" + ("" if norm == "inf" else f",l{norm}")
    title = f"worst case (ℓ{'∞' if norm == 'inf' else norm}, {written})"
    return Column(key, title, norm=norm, epsilon=radii[-1])


def shared_column(norm: str, epsilon: float) -> Column:
    """The worst case over the attacks that all compared rows have, in one ball."""
    worst = _worst(norm, [epsilon])
    title = worst.title.replace("worst case", "shared attacks")
    return Column(worst.key.replace(_WORST, _SHARED), title, norm=norm, epsilon=epsilon)


def is_worst(column: Column) -> bool:
    """Whether a column is a worst case, over all attacks or over the shared ones."""
    return column.key.startswith((_WORST, _SHARED))


def ordered(columns: Iterable[Column]) -> list[Column]:
    """Columns in the page's order, those of one kind as they were met first.

    Args:
        columns: of any rows, perhaps several times.

    Returns:
        Clean accuracy, the worst case over the shared attacks, that over all, the others, cost, time and memory.
    """

    def place(column: Column) -> int:
        if column in {COST, PACE, MEMORY}:
            return 4
        if is_worst(column):
            return 2 if over_all(column) else 1
        return 0 if column == CLEAN else 3

    return sorted(dict.fromkeys(columns), key=place)


def over_all(column: Column) -> bool:
    """Whether it is that over all attacks of a run."""
    return column.key.startswith(_WORST)


def share(record: Proportion) -> Value:
    """A share with its interval."""
    return Value(record.accuracy, record.ci95)


def number(value: object) -> float:
    """A number, finite and not absurd.

    Args:
        value: of a record.

    Returns:
        The number.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError(f"{one_line(value)!r} is no number that can be averaged")
    return float(value)


def _attack(name: str, attack: AttackRecord) -> Column:
    norm, epsilon = one_line(attack.norm), number(attack.epsilon)
    if norm == "inf":
        written = radius(epsilon)
        return Column(f"{name}@{written}", f"{name} ({written})", attack=name, norm=norm, epsilon=epsilon)
    return Column(f"{name}@{epsilon:g},l{norm}", f"{name} ({epsilon:g}, ℓ{norm})", SHARE, name, norm, epsilon)
