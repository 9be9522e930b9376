"""From runs to a comparison of their methods."""

from collections.abc import Sequence
from itertools import combinations

from jhrun.comparison import Contest, Difference, Pair, contest, over_seeds
from jhrun.errors import RunError
from jhrun.reporting.compared.figures import SCHEMA_VERSION, Compared, MethodFigures, PairFigures
from jhrun.reporting.compared.lineup import WHERE, Lineup, line_up
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.entries import Entry, read_entry
from jhrun.reporting.leaderboard.names import name_rows
from jhrun.reporting.leaderboard.notes import named
from jhrun.reporting.leaderboard.rows import rows_of
from jhrun.reporting.leaderboard.settings import EVALUATION, Files, Settings
from jhrun.reporting.text import one_line


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
    name_rows(rows, files)
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
        line.shared.attacks,
        line.shared.n,
        line.shared.total,
        _methods(line, found.ranks[::-1]),
        pairs,
        keys,
        (*line.warnings, *_unpaired(line), *_several(pairs)),
    )


def _methods(line: Lineup, ranks: Sequence[int]) -> tuple[MethodFigures, ...]:
    return tuple(
        MethodFigures(
            method.label,
            rank,
            tuple(entry.seed for entry in runs),
            tuple(one_line(entry.cell.folder) for entry in runs),
            over_seeds(method.clean.mean(axis=1)),
            over_seeds(method.worst.mean(axis=1)),
            method.cost,
        )
        for method, rank, runs in zip(line.methods, ranks, line.runs, strict=True)
    )


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
    # the contest's methods stand in the other order
    places = combinations(reversed(range(len(line.methods))), 2)
    pairs = [
        _pair(pair, line.runs[one], line.runs[other], settings.between(other, one))
        for pair, (one, other) in zip(found.pairs, places, strict=True)
    ]
    return tuple(reversed(pairs))


def _pair(pair: Pair, one: Sequence[Entry], other: Sequence[Entry], keys: Sequence[str]) -> PairFigures:
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
        pair.cost,
        tuple(keys),
    )


def _unpaired(line: Lineup) -> list[str]:
    """The seeds that not all methods have, in a sentence."""
    everywhere = set.intersection(*(set(method.seeds) for method in line.methods))
    found = [
        f"{method.label}: {', '.join(map(str, seeds))}"
        for method in line.methods
        if (seeds := [seed for seed in method.seeds if seed not in everywhere])
    ]
    told = "Seeds that not all methods have count only where both of a pair have them"
    return [f"{told}. {'; '.join(found)}."] if found else []


def _several(pairs: Sequence[PairFigures]) -> list[str]:
    """The pairs whose difference cannot be laid to one key, in a sentence."""
    found = []
    for pair in pairs:
        keys = [key for key in pair.keys if key.split(".", 1)[0] not in EVALUATION]
        if len(keys) > 1:
            found.append(f"{pair.one} and {pair.other} ({', '.join(keys)})")
    told = "More than one key differs, so that none alone explains a difference"
    return [f"{told}: {named(found)}."] if found else []
