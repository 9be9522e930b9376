"""Several methods against each other: every pair, corrected p values, and ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jhrun.comparison.mcnemar import Discordance, mcnemar
from jhrun.comparison.multiple import holm, ranks
from jhrun.comparison.paired import Difference, Right, paired


@dataclass(frozen=True, eq=False)
class Method:
    """What one method did to the images that all methods have.

    Attributes:
        label: its name.
        seeds: S of them, each once.
        clean: (S, N), whether each image is right clean.
        worst: (S, N), whether it is under every attack too.
        cost: of a training step, in plain steps; None where it is not known.
    """

    label: str
    seeds: tuple[int, ...]
    clean: Right
    worst: Right
    cost: float | None = None

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: a seed is missing or there twice, or the outcomes have other rows or columns.
        """
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"{self.label}: seeds {self.seeds}; need at least one, each once")
        if self.clean.shape != self.worst.shape or self.clean.ndim != 2 or len(self.clean) != len(self.seeds):
            shapes = f"{self.clean.shape} and {self.worst.shape}"
            raise ValueError(f"{self.label}: outcomes of shapes {shapes}; need ({len(self.seeds)}, N)")


@dataclass(frozen=True)
class Pair:
    """Two methods on the seeds that both have.

    Attributes:
        one: label of the first.
        other: label of the second.
        clean: difference in clean accuracy; of one shared seed, between two runs.
        worst: difference in the worst case, likewise.
        corrected: p of no difference in the worst case, corrected over the contest (Holm).
        cost: the first's cost by the second's; None where one is not known.
    """

    one: str
    other: str
    clean: Difference | Discordance
    worst: Difference | Discordance
    corrected: float
    cost: float | None


@dataclass(frozen=True)
class Contest:
    """All pairs of some methods.

    Attributes:
        pairs: in the order of the methods: first with second, first with third, and so on.
        ranks: of each method by the worst case; 1 for the best and all that cannot be told from it.
    """

    pairs: tuple[Pair, ...]
    ranks: tuple[int, ...]


def contest(methods: Sequence[Method]) -> Contest:
    """Compare methods in the worst case; clean accuracy stands beside it, without a correction.

    Args:
        methods: at least two, with the same images in the same order.

    Returns:
        All pairs and the ranks.

    Raises:
        ValueError: two methods have no seed together, or other images.
    """
    places = list(combinations(range(len(methods)), 2))
    found = [_both(methods[i], methods[j]) for i, j in places]
    corrected = holm([worst.p for _, worst in found])
    table = np.ones((len(methods), len(methods)))
    for (i, j), p in zip(places, corrected, strict=True):
        table[i, j] = table[j, i] = p
    pairs = [
        Pair(methods[i].label, methods[j].label, clean, worst, p, _ratio(methods[i].cost, methods[j].cost))
        for (i, j), (clean, worst), p in zip(places, found, corrected, strict=True)
    ]
    return Contest(tuple(pairs), tuple(ranks([float(m.worst.mean()) for m in methods], table)))


def against(best: Method, others: Sequence[Method]) -> list[float | None]:
    """Whether methods can be told from one of them in the worst case.

    Args:
        best: the one.
        others: with the same images in the same order.

    Returns:
        For each of the others p of no difference, on the seeds that both have, corrected over all (Holm); None
        where they have no seed together.
    """
    found: dict[int, float] = {}
    for place, other in enumerate(others):
        if shared := [seed for seed in other.seeds if seed in best.seeds]:
            one, two = (m.worst[[m.seeds.index(seed) for seed in shared]] for m in (best, other))
            found[place] = difference(one, two).p
    corrected = dict(zip(found, holm(list(found.values())), strict=True))
    return [corrected.get(place) for place in range(len(others))]


def _both(one: Method, other: Method) -> tuple[Difference | Discordance, Difference | Discordance]:
    """The differences in clean accuracy and in the worst case, on the shared seeds."""
    shared = [seed for seed in one.seeds if seed in other.seeds]
    if not shared or one.clean.shape[1] != other.clean.shape[1]:
        sizes = f"{one.clean.shape[1]} and {other.clean.shape[1]} images"
        raise ValueError(
            f"{one.label} and {other.label}: need a seed that both have, and the same images; they have seeds "
            f"{one.seeds} and {other.seeds}, {sizes}"
        )
    first, second = ([method.seeds.index(seed) for seed in shared] for method in (one, other))
    return (
        difference(one.clean[first], other.clean[second]),
        difference(one.worst[first], other.worst[second]),
    )


def difference(one: Right, other: Right) -> Difference | Discordance:
    """Compare two methods: over several seeds ``paired``, of one seed ``mcnemar``.

    Args:
        one: (S, N), of the first method.
        other: (S, N), of the second; same seeds, same images.

    Returns:
        The first's share without the second's.
    """
    return paired(one, other) if len(one) > 1 else mcnemar(one[0], other[0])


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other
