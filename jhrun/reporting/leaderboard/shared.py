"""What all compared rows were put to: the same attacks with the same settings, on the same images.

A run that was tested more must not rank lower for it: so the ranking is over the shared attacks, and the worst
case over all attacks of a run stands beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jhrun.errors import RunError
from jhrun.folder import RunFolder
from jhrun.records import EvaluationRecord, Proportion
from jhrun.records.words import sample
from jhrun.reporting import words
from jhrun.reporting.document import Report
from jhrun.reporting.joined import Outcome, read_outcome, same_network
from jhrun.reporting.leaderboard.columns import Value, number, share
from jhrun.reporting.text import one_line


@dataclass(frozen=True)
class Attack:
    """An attack with everything that it is known by.

    Attributes:
        norm: of its ball.
        epsilon: radius.
        name: of it.
        settings: its other settings, in words.
    """

    norm: str
    epsilon: float
    name: str
    settings: str


@dataclass(frozen=True)
class Trial:
    """One evaluation of a run.

    Attributes:
        attacks: each with those that must be shared too: in a cascade an attack saw what earlier ones had left.
        n: how many examples it attacked.
        total: how many there are.
        clean: its clean accuracy.
        worst: its worst case, over all its attacks of one norm.
        read: what became of each example under some attacks, by their names.
    """

    attacks: Mapping[Attack, frozenset[Attack]]
    n: int
    total: int
    clean: Value
    worst: Value
    read: Callable[[Sequence[str]], Outcome]


Run = Sequence[Trial]
"""All evaluations of one run's network."""


class Examples(NamedTuple):
    """What became of the test set under some attacks, (length,) each, by place.

    Attributes:
        seen: whether all of the attacks were made there.
        right: whether it is right clean.
        robust: whether it is, under the attacks too.
        target: its right class; −1 where nothing was seen.
    """

    seen: NDArray[Any]
    right: NDArray[Any]
    robust: NDArray[Any]
    target: NDArray[Any]


@dataclass(frozen=True)
class Shared:
    """What is compared.

    Attributes:
        attacks: that all compared runs have; at least one.
        n: on how many images.
        total: of how many.
    """

    attacks: tuple[Attack, ...]
    n: int
    total: int

    @property
    def text(self) -> str:
        """In words."""
        names = ", ".join(attack.name for attack in self.attacks)
        return f"{names} on {sample(self.n, self.total)}"


def trials(folder: RunFolder, report: Report) -> list[Trial]:
    """The evaluations of the network that a run's report is about.

    Args:
        folder: of the run.
        report: of the run.

    Returns:
        Those with an attack.
    """
    lead = report.evaluations.get(str(report.evaluation))
    return [
        _trial(folder, record, record.clean, record.worst_case)
        for record in report.evaluations.values()
        if lead and record.attacks and record.clean and record.worst_case and same_network(record, lead)
    ]


def _trial(folder: RunFolder, record: EvaluationRecord, clean: Proportion, worst: Proportion) -> Trial:
    attacks: dict[Attack, frozenset[Attack]] = {}
    for name, attack in record.attacks.items():
        norm = one_line(attack.norm)
        key = Attack(norm, number(attack.epsilon), str(name), words.schedule(dict(attack.parameters)))
        earlier = frozenset(a for a in attacks if a.norm == norm)
        attacks[key] = frozenset() if attack.attacked is None else earlier
    # of the record no more is kept than its name
    read = partial(read_outcome, folder, record.name)
    return Trial(attacks, clean.n, record.total, share(clean), share(worst), read)


def agree(groups: Sequence[Sequence[Run]]) -> tuple[list[int], list[Attack]]:
    """Choose which rows are compared, and over which attacks.

    Args:
        groups: the runs of each row.

    Returns:
        The places of the rows, as many as have an attack together, and all attacks of one ball that they share; of
        several choices the one with more attacks, then that in ℓ∞. Nothing where there is no attack.
    """
    pivots = dict.fromkeys(a for runs in groups for run in runs for test in run for a in test.attacks)
    options = [_agreed(groups, pivot) for pivot in pivots]
    return max(options, key=lambda o: (len(o[0]), len(o[1]), o[1][0].norm == "inf"), default=([], []))


def _agreed(groups: Sequence[Sequence[Run]], pivot: Attack) -> tuple[list[int], list[Attack]]:
    """The rows that have an attack, and all that they share in its ball."""
    places = [i for i, runs in enumerate(groups) if runs and all(_has(run, pivot) for run in runs)]
    attacks = _closed([run for i in places for run in groups[i]], pivot)
    if not attacks:
        # what an attack did to a cascade's left-overs is not comparable with what it does to all
        places = [i for i in places if all(_has(run, pivot, alone=True) for run in groups[i])]
        attacks = _closed([run for i in places for run in groups[i]], pivot)
    return (places, attacks) if attacks else ([], [pivot])


def _has(run: Run, attack: Attack, *, alone: bool = False) -> bool:
    return any(attack in test.attacks and not (alone and test.attacks[attack]) for test in run)


def _closed(runs: Sequence[Run], pivot: Attack) -> list[Attack]:
    """The attacks of the pivot's ball that all runs have, none without those that it needs."""
    if not runs:
        return []
    ordered = dict.fromkeys(attack for test in runs[0] for attack in test.attacks)
    ball = [attack for attack in ordered if (attack.norm, attack.epsilon) == (pivot.norm, pivot.epsilon)]
    chosen, before = {attack for attack in ball if all(_has(run, attack) for run in runs)}, set[Attack]()
    while chosen != before:
        before = chosen
        chosen = {a for a in chosen if all(any(_usable(test, a, before) for test in run) for run in runs)}
    return [attack for attack in ball if attack in chosen]


def _usable(test: Trial, attack: Attack, chosen: set[Attack]) -> bool:
    return attack in test.attacks and test.attacks[attack] <= chosen


def compare(runs: Sequence[Run], attacks: Sequence[Attack]) -> tuple[Shared, list[tuple[Value, Value]]]:
    """Clean accuracy and worst case of each run over the shared attacks, on the shared images.

    Args:
        runs: at least one; all have the attacks.
        attacks: at least one.

    Returns:
        What is shared, and both figures of each run.

    Raises:
        RunError: what became of the examples cannot be read, or no image is shared.
    """
    chosen = set(attacks)
    known = [_recorded(run, chosen) for run in runs]
    sizes = {(test.n, test.total) for test in known if test}
    if all(known) and len(sizes) == 1:
        ((n, total),) = sizes
        return Shared(tuple(attacks), n, total), [(test.clean, test.worst) for test in known if test]
    results = together([examples(run, attacks) for run in runs])
    images = np.logical_and.reduce([there.seen for there in results])
    n, total = int(images.sum()), max(test.total for run in runs for test in run)
    if not n:
        raise RunError("no image was attacked in all of them", "leaderboard", "evaluate them on the same subset")
    figures = []
    for found in results:
        both = (Proportion.of(int(of[images].sum()), n) for of in (found.right, found.robust))
        clean, worst = (Value(p.accuracy, p.ci95) for p in both)
        figures.append((clean, worst))
    return Shared(tuple(attacks), n, total), figures


def _recorded(run: Run, chosen: set[Attack]) -> Trial | None:
    """The evaluation whose own figures are those that are asked for, so that no example needs to be read."""
    having = [test for test in run if chosen & test.attacks.keys()]
    if len(having) != 1:
        return None
    norm = next(iter(chosen)).norm
    return having[0] if {a for a in having[0].attacks if a.norm == norm} == chosen else None


def examples(run: Run, attacks: Sequence[Attack]) -> Examples:
    """What became of each example of a run.

    Args:
        run: its evaluations; they have the attacks.
        attacks: at least one.

    Returns:
        By place in the test set, up to the last one that was seen.
    """
    chosen = set(attacks)
    read: list[tuple[list[Attack], Outcome]] = []
    for test in run:
        usable = [attack for attack in attacks if _usable(test, attack, chosen)]
        if usable:
            read.append((usable, test.read([attack.name for attack in usable])))
    length = 1 + max(int(outcome.index.max()) for _, outcome in read)
    seen = {attack: np.zeros(length, dtype=bool) for attack in attacks}
    right, robust = (np.ones(length, dtype=bool) for _ in range(2))
    target = np.full(length, -1)
    for usable, outcome in read:
        for attack in usable:
            seen[attack][outcome.index] = True
        right[outcome.index] &= outcome.right
        robust[outcome.index] &= outcome.robust
        target[outcome.index] = outcome.target
    return Examples(np.logical_and.reduce(list(seen.values())), right, robust, target)


def together(found: Sequence[Examples]) -> list[Examples]:
    """The same of several runs, filled up to one length with what was not seen."""
    length = max(len(one.seen) for one in found)
    return [Examples(*(np.pad(of, (0, length - len(of))) for of in one)) for one in found]
