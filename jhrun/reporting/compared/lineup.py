"""From the rows of a leaderboard to what each method did to the images that all of them have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from jhrun.comparison import Method
from jhrun.errors import RunError
from jhrun.records import FAIL
from jhrun.reporting.leaderboard.columns import COST
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.notes import evaluations, named, repeated
from jhrun.reporting.leaderboard.rows import Row, data_of
from jhrun.reporting.leaderboard.shared import Attack, Examples, Shared, agree, examples, together
from jhrun.reporting.text import one_line
from jhrun.reporting.words import counted

WHERE = "jhrun compare"
SAME = "evaluate them with the same attack and subset: jhrun eval run=… attack=standard"


@dataclass(frozen=True)
class Contender:
    """A method before it is known which images are shared.

    Attributes:
        row: of it.
        runs: those that count and were attacked, by seed.
        examples: of each run; none before they are read.
    """

    row: Row
    runs: list[Entry]
    examples: list[Examples] = field(default_factory=list)


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
    able, nameless = _able(rows)
    places, attacks = agree([[entry.run for entry in one.runs] for one in able])
    if len(places) < 2:
        met = "; ".join(f"{one.row.label}: {_met(one.runs)}" for one in able)
        raise RunError(f"no attack with the same settings was run on two of the methods ({met})", WHERE, SAME)
    apart = [one.row.label for i, one in enumerate(able) if i not in places]
    chosen, images = _read([able[place] for place in places], attacks)
    told = evaluations([one.row for one in chosen])
    warnings = [
        *_missing(rows),
        *repeated(rows),
        *nameless,
        *([f"Left out, for other attacks or settings: {named(apart)}."] if apart else []),
        *(told if len(told) > 1 else []),
        *(text for one in chosen for text in _odd(one, images)),
    ]
    total = max(test.total for one in chosen for entry in one.runs for test in entry.run)
    shared = Shared(tuple(attacks), int(images.sum()), total)
    methods = _methods(chosen, images)
    return Lineup([one.row for one in chosen], [one.runs for one in chosen], methods, shared, warnings)


def _able(rows: Sequence[Row]) -> tuple[list[Contender], list[str]]:
    """Find the methods that have figures.

    Returns:
        At least two, of one data set; and sentences on runs without a seed to pair by.

    Raises:
        RunError: there are not so many, or they are of several data sets.
    """
    if len(rows) < 2:
        what = f"all runs are of one configuration and source ({rows[0].label})"
        raise RunError(what, WHERE, "give runs that differ in more than their seed")
    found = [Contender(row, runs) for row in rows if (runs := [entry for entry in row.counted if entry.run])]
    if len(found) < 2:
        what = f"of {len(rows)} methods, {len(found)} was attacked: {' '.join(_missing(rows))}"
        raise RunError(what, WHERE, "finish and evaluate the others, or give other ones")
    data = {data_of(one.row): one.row.label for one in found}
    if len(data) > 1:
        what = " and ".join(f"{label} is of {name}" for name, label in data.items())
        raise RunError(f"methods of different data cannot be compared: {what}", WHERE, "give runs of one data set")
    if all(len(one.runs) == 1 for one in found):
        return found, []
    sorted_ = [_by_seed(one) for one in found]
    return [one for one, _ in sorted_], [text for _, text in sorted_ if text]


def _by_seed(one: Contender) -> tuple[Contender, str]:
    """Order a method's runs by their seeds.

    Returns:
        The method with those that have one, and a sentence on the others.

    Raises:
        RunError: none has one.
    """
    seeds = {entry.seed: entry for entry in one.runs if isinstance(entry.seed, int)}
    if not seeds:
        what = f"no run of {one.row.label} has a seed that is a whole number"
        raise RunError(what, WHERE, "give one run of each method")
    left = len(one.runs) - len(seeds)
    text = f"{one.row.label}: {counted(left, 'run')} left out, whose seed is no whole number." if left else ""
    return Contender(one.row, [seeds[seed] for seed in sorted(seeds)]), text


def _read(chosen: Sequence[Contender], attacks: Sequence[Attack]) -> tuple[list[Contender], NDArray[np.bool_]]:
    """Read what became of the examples.

    Returns:
        The methods with it, and which places in the test set all runs have.

    Raises:
        RunError: there is none, or the same place holds another image.
    """
    found = together([examples(entry.run, attacks) for one in chosen for entry in one.runs])
    images = np.logical_and.reduce([one.seen for one in found])
    if not images.any():
        raise RunError("no image was attacked in all of the runs", WHERE, SAME)
    left, read = iter(found), []
    for one in chosen:
        read.append(Contender(one.row, one.runs, [next(left) for _ in one.runs]))
        for entry, seen in zip(one.runs, read[-1].examples, strict=True):
            if (seen.target != found[0].target)[images].any():
                what = "its test images have other classes than those of the first run"
                raise RunError(what, str(entry.cell.folder), "give runs of one data set")
    return read, images


def _methods(chosen: Sequence[Contender], images: NDArray[np.bool_]) -> list[Method]:
    """The outcomes on the shared images; one run each is paired whatever its seed."""
    once = all(len(one.runs) == 1 for one in chosen)
    return [
        Method(
            one.row.label,
            (0,) if once else tuple(entry.seed for entry in one.runs if isinstance(entry.seed, int)),
            np.stack([seen.right[images] for seen in one.examples]),
            np.stack([seen.robust[images] for seen in one.examples]),
            _cost(one.runs),
        )
        for one in chosen
    ]


def _cost(runs: Sequence[Entry]) -> float | None:
    """Of a step, in plain steps: the mean over some runs; None where one's is not known."""
    found = [entry.values[COST].value for entry in runs if COST in entry.values]
    return fmean(found) if len(found) == len(runs) else None


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


def _odd(one: Contender, images: NDArray[np.bool_]) -> list[str]:
    """Runs that count, but are not to be believed: a verdict of fail, or a network that learned nothing."""
    told = []
    failed = [str(entry.seed) for entry in one.runs if entry.verdict == FAIL]
    if failed:
        told.append(f"{one.row.label}: the verdict is fail, of seed {', '.join(failed)}; counted all the same.")
    # the accuracy of one answer to all
    largest = max(np.bincount(one.examples[0].target[images])) / images.sum()
    clean = [seen.right[images].mean() for seen in one.examples]
    fallen = [
        f"{entry.seed} ({100 * share:.1f} %)"
        for entry, share in zip(one.runs, clean, strict=True)
        if share <= largest
    ]
    if fallen:
        told.append(
            f"{one.row.label}: collapsed, clean no better than one answer to all ({100 * largest:.1f} %), of seed "
            f"{', '.join(fallen)}; counted all the same."
        )
    return told


def _met(runs: Sequence[Entry]) -> str:
    """The attacks that the runs of a method met."""
    names = dict.fromkeys(
        f"{a.name} at {a.epsilon:.4g}" for entry in runs for test in entry.run for a in test.attacks
    )
    return one_line(", ".join(names))
