"""A comparison of methods, typed: the document that ``jhrun compare --json`` prints (docs/compare.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jhrun.comparison import Contest, Difference, Discordance, Mean, Pair, contest, over_seeds
from jhrun.errors import JhrunError, RunError
from jhrun.folder import RunFolder
from jhrun.jsonio import read_record
from jhrun.records import EnvironmentRecord, StatusRecord
from jhrun.reporting.compared.lineup import WHERE, Lineup, line_up
from jhrun.reporting.compared.settings import EVALUATION, Files, Settings
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.columns import PACE
from jhrun.reporting.leaderboard.entries import Entry, read_entry
from jhrun.reporting.leaderboard.notes import named
from jhrun.reporting.leaderboard.rows import Row, rows_of
from jhrun.reporting.text import one_line

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class MethodFigures:
    """One method on the shared images.

    Attributes:
        label: what tells it from the others.
        rank: by the worst case; 1 for the best and all that cannot be told from it.
        seeds: of its runs, in order.
        runs: their folders, likewise.
        clean: clean accuracy over the seeds.
        worst: the worst case over the shared attacks, likewise.
        seconds_per_epoch: mean over the runs; None where it is not known.
    """

    label: str
    rank: int
    seeds: tuple[int | str | None, ...]
    runs: tuple[str, ...]
    clean: Mean
    worst: Mean
    seconds_per_epoch: float | None


@dataclass(frozen=True)
class PairFigures:
    """Two methods; every difference is the first's share without the second's.

    Attributes:
        one: label of the first.
        other: of the second.
        seeds: that both have; none of one run each with other seeds.
        test: ``paired`` of several seeds, ``mcnemar`` of one.
        clean: difference in clean accuracy.
        worst: in the worst case.
        corrected: p of no difference in the worst case, corrected over all pairs (Holm).
        time: of an epoch, the first's by the second's; None where their machines differ or are not known.
        keys: in which their configurations differ.
    """

    one: str
    other: str
    seeds: tuple[int | str | None, ...]
    test: str
    clean: Difference | Discordance
    worst: Difference | Discordance
    corrected: float
    time: float | None
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """All of a comparison.

    Attributes:
        schema_version: of this document.
        attacks: that all runs met, with ``norm``, ``epsilon``, ``name`` and ``settings``.
        images: that all runs have seen, so many.
        total: of the test set.
        methods: in the order in which they were given.
        pairs: a later method less an earlier one.
        keys: that differ, with each method's value.
        warnings: sentences.
    """

    schema_version: int
    attacks: tuple[Mapping[str, Any], ...]
    images: int
    total: int
    methods: tuple[MethodFigures, ...]
    pairs: tuple[PairFigures, ...]
    keys: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]


def compare_cells(cells: Sequence[Cell], files: Files) -> Compared:
    """Compare the methods that some runs are of.

    Args:
        cells: of all runs, in the order in which they were given; each configuration is a method.
        files: by group and choice the values of the choice's file, by which settings are named.

    Returns:
        The comparison.

    Raises:
        RunError: there are not two methods with shared attacks, images and seeds.
    """
    return compared([read_entry(cell) for cell in cells], files)


def compared(entries: Sequence[Entry], files: Files) -> Compared:
    """Compare the methods that some entries of a leaderboard are of.

    Args:
        entries: of all runs.
        files: as of ``compare_cells``.

    Returns:
        The comparison.

    Raises:
        RunError: likewise.
    """
    rows = rows_of(entries)
    _name(rows, files)
    line = line_up(rows)
    settings = Settings([row.leaves for row in line.rows], files)
    _seeds_shared(line)
    # each later method less an earlier one: B less A
    found = contest(line.methods[::-1])
    pairs = _pairs(line, found, settings)
    keys = {key: tuple(settings.value(i, key) for i in range(len(line.rows))) for key in settings.keys}
    seeds = tuple(str(runs[0].seed) for runs in line.runs)
    if all(len(runs) == 1 for runs in line.runs) and len(set(seeds)) > 1:
        keys["seed"] = seeds
    return Compared(
        SCHEMA_VERSION,
        tuple(attack._asdict() for attack in line.shared.attacks),
        line.shared.n,
        line.shared.total,
        tuple(
            MethodFigures(
                method.label,
                rank,
                tuple(entry.seed for entry in runs),
                tuple(one_line(entry.cell.folder) for entry in runs),
                over_seeds(method.clean.mean(axis=1)),
                over_seeds(method.worst.mean(axis=1)),
                row.statistics[PACE].mean if PACE in row.statistics else None,
            )
            for method, rank, runs, row in zip(line.methods, found.ranks[::-1], line.runs, line.rows, strict=True)
        ),
        pairs,
        keys,
        (*line.warnings, *_unpaired(line), *_several(pairs)),
    )


def _name(rows: Sequence[Row], files: Files) -> None:
    """Give each row what tells it from the others; else what was typed, or its folder's name."""
    known = [row for row in rows if row.leaves]
    labels = Settings([row.leaves for row in known], files).labels()
    for row, label in zip(known, labels, strict=True):
        row.label = label
    labels = [row.label for row in rows]
    for i, row in enumerate(rows):
        cell = row.entries[0].cell
        typed = one_line(" ".join(word for word in cell.overrides if not word.startswith("seed=")))
        name = (typed or f"method {i + 1}") if cell.folder is None else one_line(cell.folder.name)
        row.label = f"{row.label} ({name})" if row.label and labels.count(row.label) > 1 else row.label or name


def _seeds_shared(line: Lineup) -> None:
    """Refuse methods that no seed pairs.

    Raises:
        RunError: of two of them.
    """
    for i, one in enumerate(line.methods):
        for other in line.methods[:i]:
            if not set(one.seeds) & set(other.seeds):
                told = " and ".join(f"{m.label} has {', '.join(map(str, m.seeds))}" for m in (other, one))
                raise RunError(
                    f"two methods have no seed together: {told}", WHERE, "train them with the same seeds"
                )


def _pairs(line: Lineup, found: Contest, settings: Settings) -> tuple[PairFigures, ...]:
    places = {method.label: i for i, method in enumerate(line.methods)}
    return tuple(
        _pair(line, pair, settings.between(places[pair.other], places[pair.one]), places)
        for pair in reversed(found.pairs)
    )


def _pair(line: Lineup, pair: Pair, keys: Sequence[str], places: Mapping[str, int]) -> PairFigures:
    one, other = (line.runs[places[label]] for label in (pair.one, pair.other))
    seeds = {entry.seed for entry in other}
    shared = [entry.seed for entry in one if entry.seed in seeds]
    keys = keys if shared else [*keys, "seed"]
    return PairFigures(
        pair.one,
        pair.other,
        tuple(shared),
        "paired" if isinstance(pair.worst, Difference) else "mcnemar",
        pair.clean,
        pair.worst,
        pair.corrected,
        _time(one, other),
        tuple(keys),
    )


def _time(one: Sequence[Entry], other: Sequence[Entry]) -> float | None:
    """The time of an epoch of some runs by that of others, where all were made on one machine in one way."""
    machines = {_machine(entry) for entry in (*one, *other)}
    paces = [[e.values[PACE].value for e in runs if PACE in e.values] for runs in (one, other)]
    if None in machines or len(machines) > 1 or not all(paces) or not sum(paces[1]):
        return None
    first, second = (sum(pace) / len(pace) for pace in paces)
    return first / second


def _machine(entry: Entry) -> tuple[str, str, int] | None:
    """Host, device and threads of a run; None where they cannot be read."""
    if entry.cell.folder is None:
        return None
    folder = RunFolder(entry.cell.folder)
    try:
        where, status = (
            read_record(folder.environment, EnvironmentRecord),
            read_record(folder.status, StatusRecord),
        )
    except JhrunError:
        return None
    return status.host, where.device, where.threads


def _unpaired(line: Lineup) -> list[str]:
    """The seeds that not all methods have, in a sentence."""
    everywhere = set.intersection(*(set(method.seeds) for method in line.methods))
    found = [
        f"{method.label}: {', '.join(map(str, seeds))}"
        for method in line.methods
        if (seeds := [seed for seed in method.seeds if seed not in everywhere])
    ]
    return (
        [f"Seeds that not all methods have count only where both of a pair have them. {'; '.join(found)}."]
        if found
        else []
    )


def _several(pairs: Sequence[PairFigures]) -> list[str]:
    """The pairs whose difference cannot be laid to one key, in a sentence."""
    found = []
    for pair in pairs:
        keys = [key for key in pair.keys if key.split(".", 1)[0] not in EVALUATION]
        if len(keys) > 1:
            found.append(f"{pair.one} and {pair.other} ({', '.join(keys)})")
    return (
        [f"More than one key differs, so that none alone explains a difference: {named(found)}."] if found else []
    )
