"""What a check is made of: a name, a source, and a function that measures."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from scipy.special import ndtri

from jhrun.errors import NumericalError
from jhrun.evaluation.verdict.case import Case
from jhrun.records import FAIL, NOT_CHECKED, PASS, SUSPECT, Check, Proportion

Z95 = float(ndtri(0.975))
"""The 97.5 % quantile of the standard normal distribution."""


class Finding(NamedTuple):
    """A check's result, before it has a name.

    Attributes:
        outcome: ``pass``, ``suspect``, ``fail`` or ``not checked``.
        value: what was measured.
        threshold: how far it may go.
        text: a sentence.
        remedied: whether nothing was measured, and the standard evaluation measures it.
    """

    outcome: str
    value: float | None
    threshold: float | None
    text: str
    remedied: bool = False


def not_checked(reason: str) -> Finding:
    """Nothing was measured, for a reason that lies in the network or in the data."""
    return Finding(NOT_CHECKED, None, None, reason)


def left_out(reason: str) -> Finding:
    """Nothing was measured, and ``attack=standard`` would have it measured."""
    return Finding(NOT_CHECKED, None, None, reason, remedied=True)


def grade(value: float, suspect: float, fail: float) -> str:
    """``fail`` above one threshold, ``suspect`` above the other, else ``pass``."""
    return FAIL if value > fail else SUSPECT if value > suspect else PASS


@dataclass(frozen=True)
class Measure:
    """One check, callable.

    Attributes:
        name: a few words.
        source: of its threshold.
        searches: whether it needs searches or passes beyond a few, which cheap evaluations leave out.
        claim: whether it needs ℓ∞ attacks at the claimed ε.
        required: whether a verdict of ``pass`` needs it.
        find: what measures.
    """

    name: str
    source: str
    searches: bool
    claim: bool
    required: bool
    find: Callable[[Case], Finding]

    def __call__(self, case: Case) -> Check:
        """Measure, if that can be done.

        Args:
            case: what is judged.

        Returns:
            The check; ``suspect`` where the network refused its inputs, or gave values that are not finite.
        """
        missing = case.without_claim() if self.claim else None
        try:
            if missing:
                found = left_out(missing) if self.required else not_checked(missing)
            elif self.searches and not case.probes:
                found = left_out("This evaluation made no searches of its own.")
            else:
                found = self.find(case)
        except (NumericalError, ValueError) as error:
            found = Finding(SUSPECT, None, None, f"It could not be measured: {error}.")
        return Check(self.name, *found[:4], source=self.source, required=self.required, remedied=found.remedied)


def check(
    name: str, source: str, *, searches: bool = False, claim: bool = False, required: bool = True
) -> Callable[[Callable[[Case], Finding]], Measure]:
    """Make a check of the function that measures; the arguments are those of ``Measure``."""
    return lambda find: Measure(name, source, searches, claim, required, find)


def at_least(found: int, drawn: int, among: int) -> float:
    """A share, as far as a random draw proves it.

    Args:
        found: how many of the drawn examples have the property.
        drawn: how many were drawn.
        among: how many they were drawn from.

    Returns:
        The lower end of Wilson's 95 % interval, or the share itself where all were drawn; 0 where there were none.

    Example:
        >>> at_least(2, 64, 64), round(at_least(2, 64, 1000), 4)
        (0.03125, 0.0086)
    """
    if drawn == 0:
        return 0.0
    return found / drawn if drawn == among else Proportion.of(found, drawn).ci95[0]


def excess(gained: int, lost: int, n: int) -> float:
    """By how much one search surely finds more than another one on the same examples.

    Args:
        gained: examples that the first alone broke.
        lost: examples that the second alone broke.
        n: how many both saw.

    Returns:
        (g − l − 1.96·√(g + l))/n, the lower end of the normal 95 % interval of the paired difference (Q. McNemar,
        Psychometrika 12, 1947); 0 where it is negative.

    Example:
        >>> round(excess(9, 0, 100), 4), excess(3, 2, 100)
        (0.0312, 0.0)
    """
    return max(0.0, (gained - lost - Z95 * math.sqrt(gained + lost)) / n)


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.1f} %"
