"""What the page says, as sections: from records to rows of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from arena.records import Job, Record, unpacked
from arena.tuning import Choice, Programme
from jhrun.comparison import Method, contest, difference, holm, over_seeds

REFERENCES = ("pgd_at", "jacobian tracked", "hessian tracked")
"""Rows that all others are held against."""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: of the part.
        notes: sentences below the table.
        head: of the table.
        rows: of the table; a cell that begins with ``*`` is bold.
    """

    title: str
    notes: Sequence[str]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Row:
    """A method and its finished seeds.

    Attributes:
        name: of the method.
        choice: of its setting.
        runs: by seed.
    """

    name: str
    choice: Choice
    runs: Mapping[int, Record] = field(default_factory=dict)

    def values(self, column: str) -> list[float]:
        """Each seed's share."""
        return [run["accuracy"][column] for run in self.runs.values()]

    def right(self, column: str, seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Which answers are right, (S, N)."""
        runs = [self.runs[seed] for seed in seeds]
        return np.stack([unpacked(run["right"][column], run["n"]) for run in runs])

    @property
    def cost(self) -> float | None:
        """Of a step, in plain steps; None where no run came to an end."""
        costs = [run["spent"] / run["steps"] for run in self.runs.values() if run.get("steps")]
        return float(np.mean(costs)) if costs else None


@dataclass(frozen=True)
class Table:
    """The finished part of a programme.

    Attributes:
        programme: all runs.
        rows: methods with a finished seed, the best at the radius of selection first.
        seeds: those that all rows have.
        ranks: by radius and name.
        trials: all tuning runs that are finished, also of methods without a row.
    """

    programme: Programme
    rows: Sequence[Row]
    seeds: Sequence[int]
    ranks: Mapping[float, Mapping[str, int]]
    trials: Sequence[Record]

    @classmethod
    def of(cls, programme: Programme, records: Mapping[Job, Record]) -> "Table":
        """Of what is there."""
        rows = []
        for name in programme.methods:
            jobs = {seed: programme.seeded(name, seed, records) for seed in programme.seeds}
            runs = {seed: records[job] for seed, job in jobs.items() if job in records}
            choice = programme.choice(name, records)
            if choice is not None and runs:
                rows.append(Row(name, choice, runs))
        rows.sort(key=lambda row: -float(np.mean(row.values(f"worst {programme.source.selected_at:g}"))))
        seeds = [seed for seed in programme.seeds if rows and all(seed in row.runs for row in rows)]
        found = {}
        for epsilon in programme.source.epsilons if seeds else ():
            found[epsilon] = _ranks(rows, f"worst {epsilon:g}", seeds)
        jobs = [job for name in programme.methods for job in programme.trials(name, records)]
        return cls(programme, rows, seeds, found, [records[job] for job in jobs if job in records])

    def sections(self) -> list[Section]:
        """The parts of the page."""
        return [self._main(), self._differences(), self._seeds(), *self._settings()]

    def _main(self) -> Section:
        epsilons = self.programme.source.epsilons
        head = ["method", "clean"]
        for epsilon in epsilons:
            head += [f"rank, ε = {epsilon:g}", "PGD-20", "worst case", "inflation"]
        rows = [self._row(row) for row in self.rows]
        notes = [
            "Accuracy in percent: the mean over the seeds with its 95 % t-interval. The worst case is that of "
            "attack=quick; inflation is PGD-20's accuracy less the worst case's, in points.",
            "Bold: rows that cannot be told from the best, by paired differences on the same seeds and images "
            "(docs/compare.md), Holm corrected over all pairs of the column. They have rank 1; of the others the "
            f"best leads the next group. Compared on the seeds that all rows have: {listed(self.seeds)}.",
            "Cost of a step: counted passes times their measured costs, in steps of ordinary training. Collapsed: "
            "runs that are less than half right on clean images, or did not stay finite; they count in all means.",
        ]
        if any(row.choice.short for row in self.rows):
            notes.append(
                f"†: no setting was {100 * self.programme.source.floor:g} % right on the clean selection images, "
                "and the cleanest was taken."
            )
        return Section("Table", notes, [*head, "cost of a step", "steps", "collapsed", "seeds"], rows)

    def _row(self, row: Row) -> list[str]:
        cells = [f"{row.name}{' †' if row.choice.short else ''}", spread(row.values("clean"))]
        for epsilon in self.programme.source.epsilons:
            pgd, worst = (row.values(f"{what} {epsilon:g}") for what in ("pgd20", "worst"))
            rank = self.ranks.get(epsilon, {}).get(row.name)
            bold = "*" if rank == 1 else ""
            inflation = f"{100 * (np.mean(pgd) - np.mean(worst)):.1f}"
            cells += [str(rank or "–"), spread(pgd), bold + spread(worst), inflation]
        steps = [run["steps"] for run in row.runs.values() if run.get("steps")]
        cost = "–" if row.cost is None else f"{row.cost:.2f}"
        collapsed = sum(run["collapsed"] for run in row.runs.values())
        count = len(row.runs)
        return [*cells, cost, f"{np.mean(steps):.0f}" if steps else "–", f"{collapsed} of {count}", str(count)]

    def _differences(self) -> Section:
        there = [row.name for row in self.rows]
        pairs = [(name, other) for other in REFERENCES if other in there for name in there if name != other]
        cells: dict[tuple[str, str], list[str]] = {pair: [] for pair in pairs}
        epsilons = self.programme.source.epsilons
        found = []
        for epsilon in epsilons if self.seeds else ():
            rights = {row.name: row.right(f"worst {epsilon:g}", self.seeds) for row in self.rows}
            found += [(pair, difference(*(rights[name] for name in pair))) for pair in pairs]
        for (pair, one), p in zip(found, holm([one.p for _, one in found]), strict=True):
            low, high = (100 * end for end in one.interval)
            cells[pair].append(f"{100 * one.difference:+.1f} [{low:+.1f}, {high:+.1f}], p = {p:.2g}")
        notes = [
            "Worst case of the row less that of the reference, in points, on the same seeds and images, with its "
            "95 % interval over fresh seeds and images; p is Holm corrected over this table.",
        ]
        head = ["method", "less", *(f"ε = {epsilon:g}" for epsilon in epsilons)]
        return Section("Paired differences", notes, head, [[*pair, *each] for pair, each in cells.items()])

    def _seeds(self) -> Section:
        columns = ["clean", *(f"{w} {e:g}" for e in self.programme.source.epsilons for w in ("pgd20", "worst"))]
        rows = [
            [row.name, str(seed), *(f"{100 * run['accuracy'][c]:.1f}" for c in columns), run.get("failed", "")]
            for row in self.rows
            for seed, run in row.runs.items()
        ]
        return Section("Each seed", [], ["method", "seed", *columns, "failure"], rows)

    def _settings(self) -> list[Section]:
        source = self.programme.source
        worst = f"worst {source.selected_at:g}"
        chosen = []
        for row in self.rows:
            method = self.programme.methods[row.name]
            published, setting = method.published, row.choice.setting
            chosen.append([row.name, method.means, f"{setting.strength:.3g}", f"{setting.rate:.3g}"])
            chosen[-1] += [f"{published.strength:.3g}, {published.rate:.3g}", str(len(row.choice.trials))]
        rule = (
            f"Chosen: the best worst case at ε = {source.selected_at:g} of APGD on the cross-entropy and on the "
            f"targeted difference of logits ratio, on {source.select} selection images, among the settings that "
            f"are at least {100 * source.floor:g} % right there. Seed 100, which is reported nowhere."
        )
        taken = {row.name: row.choice.setting for row in self.rows}
        tried = []
        for trial in self.trials:
            figures = [f"{100 * trial['accuracy'][column]:.1f}" for column in ("clean", worst)]
            is_chosen = taken.get(trial["method"]) == Job.of(trial).setting
            tried.append([trial["method"], f"{trial['strength']:.3g}", f"{trial['rate']:.3g}", *figures])
            tried[-1].append("*chosen" if is_chosen else "")
        head = ["method", "strength means", "strength", "learning rate", "published", "trials"]
        return [
            Section("Settings", [rule], head, chosen),
            Section("All trials", [], ["method", "strength", "learning rate", "clean", worst, ""], tried),
        ]


def _ranks(rows: Sequence[Row], column: str, seeds: Sequence[int]) -> dict[str, int]:
    """By name; 1 for the best and all that cannot be told from it."""
    if len(rows) < 2:
        return {row.name: 1 for row in rows}
    methods = [Method(row.name, tuple(seeds), row.right("clean", seeds), row.right(column, seeds)) for row in rows]
    return dict(zip((row.name for row in rows), contest(methods).ranks, strict=True))


def spread(values: Sequence[float]) -> str:
    """Mean and interval, in percent."""
    found = over_seeds(values)
    ends = "" if found.interval is None else " [{:.1f}, {:.1f}]".format(*(100 * end for end in found.interval))
    return f"{100 * found.mean:.1f}{ends}"


def listed(numbers: Sequence[int]) -> str:
    """Numbers in words."""
    return ", ".join(map(str, numbers)) or "none yet"
