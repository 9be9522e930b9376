"""A comparison of methods, typed: the document that ``jhrun compare --json`` prints (docs/compare.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from jhrun.comparison import Difference, Discordance, Mean
from jhrun.reporting.leaderboard.shared import Attack

SCHEMA_VERSION = 2


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
        cost: of a training step, in plain steps: mean over the runs; None where one's is not known.
    """

    label: str
    rank: int
    seeds: tuple[int | str | None, ...]
    runs: tuple[str, ...]
    clean: Mean
    worst: Mean
    cost: float | None


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
        cost: the first's by the second's; None where one is not known.
        keys: in which their configurations differ.
    """

    one: str
    other: str
    seeds: tuple[int | str | None, ...]
    test: str
    clean: Difference | Discordance
    worst: Difference | Discordance
    corrected: float
    cost: float | None
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
    attacks: tuple[Attack, ...]
    images: int
    total: int
    methods: tuple[MethodFigures, ...]
    pairs: tuple[PairFigures, ...]
    keys: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]
