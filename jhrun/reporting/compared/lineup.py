"""From the rows of a leaderboard to what each method did to the images that all of them have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jhrun.comparison import Method
from jhrun.errors import RunError
from jhrun.records import FAIL
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.notes import evaluations, named, repeated
from jhrun.reporting.leaderboard.rows import Row, data_of
from jhrun.reporting.leaderboard.shared import Attack, Examples, Shared, agree, examples, together
from jhrun.reporting.text import one_line
from jhrun.reporting.words import counted

WHERE = "jhrun compare"
SAME = "evaluate them with the same attack and subset: jhrun eval run=… attack=standard"


@dataclass(frozen=True)
class Lineup:
    """Who is compared, and over what.

    Attributes:
        rows: of the methods.
        runs: of each method those that are compared, by seed.
        methods: their outcomes.
        shared: attacks and images.
        warnings: which runs are left out or are odd, sentences.
    """

    rows: list[Row]
    runs: list[list[Entry]]
    methods: list[Method]
    shared: Shared
    warnings: list[str]


def line_up(rows: Sequence[Row]) -> Lineup:
    """Read what became of every image that all runs of all methods attacked.

    Args:
        rows: a method each, with its label.

    Returns:
        At least two methods.

    Raises:
        RunError: fewer than two can be compared, or no image is shared.
    """
    warnings = [*_missing(rows), *repeated(rows)]
    able = [(row, runs) for row in rows if (runs := [entry for entry in row.counted if entry.run])]
    _enough([row for row, _ in able], rows, "was attacked", "; ".join(_missing(rows)))
    data = {data_of(row): row.label for row, _ in able}
    if len(data) > 1:
        what = " and ".join(f"{label} is of {name}" for name, label in data.items())
        raise RunError(f"methods of different data cannot be compared: {what}", WHERE, "give runs of one data set")
    places, attacks = agree([[entry.run for entry in runs] for _, runs in able])
    chosen = [able[place] for place in places]
    if len(chosen) < 2:
        met = "; ".join(f"{row.label}: {_met(runs)}" for row, runs in able)
        raise RunError(f"no attack with the same settings was run on two of the methods ({met})", WHERE, SAME)
    apart = [row.label for i, (row, _) in enumerate(able) if i not in places]
    warnings += [f"Left out, for other attacks or settings: {named(apart)}."] if apart else []
    found, images = _common([entry for _, runs in chosen for entry in runs], attacks)
    left = iter(found)
    outcomes = [[next(left) for _ in runs] for _, runs in chosen]
    n, total = int(images.sum()), max(test.total for _, runs in chosen for entry in runs for test in entry.run)
    once = all(len(runs) == 1 for _, runs in chosen)
    ordered = [_by_seed(row, runs, mine, once=once) for (row, runs), mine in zip(chosen, outcomes, strict=True)]
    kept = [row for row, _ in chosen]
    told = evaluations(kept)
    warnings += [text for _, _, text in ordered if text]
    warnings += [*(told if len(told) > 1 else []), *_odd(kept, ordered, images)]
    methods = [
        Method(
            row.label,
            (0,) if once else tuple(int(str(entry.seed)) for entry in runs),
            np.stack([one.right[images] for one in mine]),
            np.stack([one.robust[images] for one in mine]),
        )
        for row, (runs, mine, _) in zip(kept, ordered, strict=True)
    ]
    return Lineup(kept, [runs for runs, _, _ in ordered], methods, Shared(tuple(attacks), n, total), warnings)


def _common(runs: Sequence[Entry], attacks: Sequence[Attack]) -> tuple[list[Examples], NDArray[np.bool_]]:
    """What became of the examples.

    Returns:
        Of each run's, and which places in the test set all of them have.

    Raises:
        RunError: there is none, or the same place holds another image.
    """
    found = together([examples(entry.run, attacks) for entry in runs])
    images = np.logical_and.reduce([one.seen for one in found])
    if not images.any():
        raise RunError("no image was attacked in all of the runs", WHERE, SAME)
    for entry, one in zip(runs, found, strict=True):
        if (one.target != found[0].target)[images].any():
            what = "its test images have other classes than those of the first run"
            raise RunError(what, str(entry.cell.folder), "give runs of one data set")
    return found, images


def _by_seed(
    row: Row, runs: Sequence[Entry], found: Sequence[Examples], *, once: bool
) -> tuple[list[Entry], list[Examples], str]:
    """Order a method's runs by their seeds.

    Returns:
        The runs, their outcomes, and a sentence on those that have no seed to pair by.

    Raises:
        RunError: none has one.
    """
    if once:
        return list(runs), list(found), ""
    pairs = [(entry, one) for entry, one in zip(runs, found, strict=True) if isinstance(entry.seed, int)]
    if not pairs:
        raise RunError(f"no run of {row.label} has a seed that is a whole number", WHERE, "give one run of each")
    pairs.sort(key=lambda pair: int(str(pair[0].seed)))
    without = [str(entry.seed) for entry in runs if not isinstance(entry.seed, int)]
    text = (
        f"{row.label}: {counted(len(without), 'run')} left out, whose seed is no whole number." if without else ""
    )
    return [entry for entry, _ in pairs], [one for _, one in pairs], text


def _missing(rows: Sequence[Row]) -> list[str]:
    """The runs without figures, each method's in a sentence."""
    found = []
    for row in rows:
        parts = [f"seed {entry.seed} {_why(entry)}" for entry in row.entries if not (entry.counts and entry.run)]
        if parts:
            found.append(f"{row.label}: {named(parts)}; not compared.")
    return found


def _why(entry: Entry) -> str:
    if not entry.counts:
        return f"is {entry.state}" + ("" if entry.error is None else f" ({entry.error})")
    return "is of a regression task" if entry.regression else "was not attacked"


def _enough(found: Sequence[Row], rows: Sequence[Row], which: str, why: str) -> None:
    if len(rows) < 2:
        only = rows[0].label if rows else "nothing"
        what = f"all runs are of one configuration and source ({only})"
        raise RunError(what, WHERE, "give runs that differ in more than their seed")
    if len(found) < 2:
        what = f"of {len(rows)} methods, {len(found)} {which}: {why}"
        raise RunError(what, WHERE, "finish the others, or give other ones")


def _odd(
    rows: Sequence[Row], found: Sequence[tuple[list[Entry], list[Examples], str]], images: NDArray[np.bool_]
) -> list[str]:
    """Runs that count, but are not to be believed: a verdict of fail, or a network that learned nothing."""
    told = []
    for row, (runs, mine, _) in zip(rows, found, strict=True):
        failed = [str(entry.seed) for entry in runs if entry.verdict == FAIL]
        if failed:
            told.append(f"{row.label}: the verdict is fail, of seed {', '.join(failed)}; counted all the same.")
        largest = max(np.bincount(mine[0].target[images])) / images.sum()
        fallen = [
            f"{entry.seed} ({100 * one.right[images].mean():.1f} %)"
            for entry, one in zip(runs, mine, strict=True)
            if one.right[images].mean() <= largest
        ]
        if fallen:
            told.append(
                f"{row.label}: collapsed, clean no better than one answer to all ({100 * largest:.1f} %), of seed "
                f"{', '.join(fallen)}; counted all the same."
            )
    return told


def _met(runs: Sequence[Entry]) -> str:
    """The attacks that the runs of a method met."""
    names = dict.fromkeys(
        f"{a.name} at {a.epsilon:.4g}" for entry in runs for test in entry.run for a in test.attacks
    )
    return one_line(", ".join(names))
