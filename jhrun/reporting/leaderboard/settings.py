"""In which settings methods differ, said as they are typed: ``regularizer=jacobian`` and no dotted class."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from jhrun.reporting.leaderboard.configuration import (
    CODE,
    Leaves,
    Plain,
    class_name,
    differing,
    leaves,
    section,
    shown,
)

Files = Mapping[str, Mapping[str, Mapping[str, Plain]]]
"""By group and choice the values of the choice's file."""

EVALUATION = frozenset({"analysis", "attack", "cascade", "evaluate", "subset"})
"""Sections that do not change the network: methods are compared over the attacks and images that all have."""

_TARGET = "._target_"
_PAPER = "paper.method"
"""The name that the paper has for all that follows from it."""


class Settings:
    """The settings of some methods.

    Args:
        each: the leaves of each method's configuration.
        files: of all groups.
    """

    def __init__(self, each: Sequence[Leaves], files: Files) -> None:
        """Find the keys that differ between any two."""
        self._brought = {
            group: {name: leaves({group: values}) for name, values in choices.items()}
            for group, choices in files.items()
        }
        self._each = each
        self._chosen = [{group: self._choice(found, group) for group in files} for found in each]
        keys = self._differing(range(len(each)))
        # a group says most, and an evaluation nothing of the network
        self.keys = sorted(keys, key=lambda key: (key != _PAPER, section(key) in EVALUATION, key not in files))

    def between(self, one: int, other: int) -> list[str]:
        """The keys that differ between two methods.

        A choice brings values: they differ with it, and are keys of their own where a method has changed them.

        Args:
            one: place of the first.
            other: of the second.

        Returns:
            Keys: a group's name where another choice was made, else dotted.
        """
        return self._differing([one, other])

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
        if key not in found:
            return "–"
        return shown(found[key])[:8] if key == CODE else shown(found[key])

    def labels(self) -> list[str]:
        """What tells each method from the others, in as few settings as do it; empty where nothing does."""
        texts = [
            ["" if (value := self.value(i, key)) == "–" else f"{key}={value}" for key in self.keys]
            for i in range(len(self._each))
        ]
        chosen = refined(texts)
        return [" ".join(row[i] for i in chosen if row[i]) for row in texts]

    def _differing(self, places: Sequence[int]) -> list[str]:
        """The keys that differ between any two of some methods."""
        found = {}
        each = [self._each[place] for place in places]
        for key in differing(each):
            group = section(key)
            alike: dict[str | None, list[Leaves]] = defaultdict(list)
            for place in places:
                alike[self._chosen[place].get(group)].append(self._each[place])
            changed = False
            if len(alike) > 1:
                found[group] = True
                changed = not key.endswith(_TARGET) and not all(self._as_brought(place, key) for place in places)
            if changed or any(_several(same, key) for same in alike.values()):
                found[key.removesuffix(_TARGET)] = True
        return list(found)

    def _choice(self, found: Leaves, group: str) -> str | None:
        """The choice whose classes a configuration has in a group, or the names of several; None for others."""
        targets = _targets(found, group)
        several = [key.split(".")[1] for key in targets if key.count(".") == 2]
        if several and group + _TARGET not in targets:
            return f"[{','.join(several)}]"
        same = (name for name, brought in self._brought[group].items() if _targets(brought, group) == targets)
        return next(same, None) if targets else None

    def _as_brought(self, place: int, key: str) -> bool:
        """Whether a method has a key's value from its choice, or lacks both."""
        group = section(key)
        found, chosen = self._each[place], self._chosen[place].get(group)
        if chosen is None or key not in found:
            return chosen is not None
        if chosen not in self._brought[group]:
            # several at once: each is named, with all that it brings
            return True
        brought = self._brought[group][chosen].get(key)
        return bool(brought == found[key]) or (isinstance(brought, str) and _may_be(brought, found[key]))


def refined(texts: Sequence[Sequence[str]]) -> list[int]:
    """The columns, from the left, that tell rows apart which those before them did not.

    Args:
        texts: rows of equal length.

    Returns:
        Numbers of columns, as few as this way gives.

    Example:
        >>> refined([["a", "x", "1"], ["a", "y", "2"], ["b", "z", "1"], ["b", "z", "2"]])
        [0, 1, 2]
        >>> refined([["a", "1"], ["b", "2"]])
        [0]
    """
    classes, chosen = [0] * len(texts), []
    for i in range(len(texts[0]) if texts else 0):
        number: dict[tuple[int, str], int] = {}
        finer = [
            number.setdefault((group, row[i]), len(number)) for group, row in zip(classes, texts, strict=True)
        ]
        if len(number) > len(set(classes)):
            classes = finer
            chosen.append(i)
        if len(number) == len(texts):
            break
    return chosen


def _several(each: Sequence[Leaves], key: str) -> bool:
    """Whether a key has several values; the source is not known of a job that never began."""
    seen = {json.dumps(found[key], sort_keys=True) if key in found else None for found in each}
    return len(seen - {None} if key == CODE else seen) > 1


def _targets(found: Leaves, group: str) -> Leaves:
    return {key: value for key, value in found.items() if section(key) == group and key.endswith(_TARGET)}


def _may_be(written: str, value: Plain) -> bool:
    """Whether a file's text may stand for a value: it refers to others, or YAML's oldest readers see no number."""
    if "${" in written:
        return True
    try:
        return bool(float(written) == value)
    except ValueError:
        return False
