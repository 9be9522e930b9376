"""In which settings methods differ, said as they are typed: ``regularizer=jacobian`` and no dotted class."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from jhrun.reporting.leaderboard.configuration import Leaves, class_name, differing, leaves, shown
from jhrun.reporting.leaderboard.labels import refined

Files = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By group and choice the values of the choice's file."""

EVALUATION = frozenset({"analysis", "attack", "cascade", "evaluate", "subset"})
"""Sections that do not change the network: methods are compared over the attacks and images that all have."""

_TARGET = "._target_"


class Settings:
    """The settings of some methods.

    Args:
        each: the leaves of each method's configuration.
        files: of all groups.
    """

    def __init__(self, each: Sequence[Leaves], files: Files) -> None:
        """Find the keys that differ between any two."""
        self._brought = {
            group: {name: leaves({group: dict(values)}) for name, values in choices.items()}
            for group, choices in files.items()
        }
        self._each = each
        self._chosen = [{group: self._choice(found, group) for group in files} for found in each]
        pairs = combinations(range(len(each)), 2)
        keys = dict.fromkeys(key for pair in pairs for key in self.between(*pair))
        # a group says most, and an evaluation nothing of the network
        self.keys = sorted(keys, key=lambda key: (_section(key) in EVALUATION, key not in files))

    def between(self, one: int, other: int) -> list[str]:
        """The keys that differ between two methods.

        A choice brings values: they differ with it, and are keys of their own where a method has changed them.

        Args:
            one: place of the first.
            other: of the second.

        Returns:
            Keys: a group's name where another choice was made, else dotted.
        """
        found = {}
        for key in differing([self._each[one], self._each[other]]):
            group = _section(key)
            if self._chosen[one].get(group) == self._chosen[other].get(group):
                found[key.removesuffix(_TARGET)] = True
            elif key.endswith(_TARGET) or all(self._as_brought(place, key) for place in (one, other)):
                found[group] = True
            else:
                found[key] = True
        return list(found)

    def value(self, place: int, key: str) -> str:
        """A method's value of a key, in a few words.

        Args:
            place: of the method.
            key: one of ``keys``.

        Returns:
            The choice of a group, a class's name or a value; a dash where the method lacks it.
        """
        found, chosen = self._each[place], self._chosen[place].get(key)
        if chosen is not None:
            return chosen
        if key + _TARGET in found:
            return class_name(found[key + _TARGET])
        return shown(found[key]) if key in found else "–"

    def labels(self) -> list[str]:
        """What tells each method from the others, in as few settings as do it; empty where nothing does."""
        texts = [
            ["" if (value := self.value(i, key)) == "–" else f"{key}={value}" for key in self.keys]
            for i in range(len(self._each))
        ]
        chosen = refined(texts)
        return [" ".join(row[i] for i in chosen if row[i]) for row in texts]

    def _choice(self, found: Leaves, group: str) -> str | None:
        """The choice whose classes a configuration has in a group; None where it is none of ours."""
        targets = _targets(found, group)
        same = (name for name, brought in self._brought[group].items() if _targets(brought, group) == targets)
        return next(same, None) if targets else None

    def _as_brought(self, place: int, key: str) -> bool:
        """Whether a method has a key's value from its choice, or lacks both."""
        group = _section(key)
        found, chosen = self._each[place], self._chosen[place].get(group)
        if chosen is None or key not in found:
            return chosen is not None
        brought = self._brought[group][chosen].get(key)
        return bool(brought == found[key]) or (isinstance(brought, str) and _may_be(brought, found[key]))


def _section(key: str) -> str:
    return key.split(".", 1)[0]


def _targets(found: Leaves, group: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if _section(key) == group and key.endswith(_TARGET)}


def _may_be(written: str, value: Any) -> bool:
    """Whether a file's text may stand for a value: it refers to others, or YAML's oldest readers see no number."""
    if "${" in written:
        return True
    try:
        return bool(float(written) == value)
    except ValueError:
        return False
