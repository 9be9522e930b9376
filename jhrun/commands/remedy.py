"""The call that makes the checks that a verdict lacks, and its time."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from torch import nn

from jhrun.config import objects, stored
from jhrun.config.compose import composed
from jhrun.config.overrides import typed_keys
from jhrun.data import Part
from jhrun.evaluation.analyses.curve import CURVE_EXAMPLES, radii
from jhrun.evaluation.estimate import seconds_of
from jhrun.evaluation.verdict.probes import pgd20, searches
from jhrun.records import Remedy

SUITE = "attack=standard"
"""The evaluation that leaves no check out."""

_OWN = {"run", "name", "attack", "cascade", "analysis", "strict"}
"""Keys of a call that say nothing of the claim."""


def remedy(model: nn.Module, part: Part, epsilon: float, again: Sequence[str]) -> Remedy | None:
    """The evaluation that leaves no check out.

    Args:
        model: the network, on its device.
        part: the examples that were attacked.
        epsilon: ℓ∞ radius of the claim, in pixel units.
        again: the settings to be typed again.

    Returns:
        What is typed, and a bound on its time; None for ε = 0, where no attack can change anything.
    """
    if epsilon == 0:
        return None
    suite = objects.attacks(_call(), {"inf": epsilon}, [])
    work = [(attack, len(part)) for attack in suite.values()]
    work += [(pgd20(e), min(len(part), CURVE_EXAMPLES)) for e in radii(epsilon)] + searches(epsilon, len(part))
    return Remedy((SUITE, *again), seconds_of(model, part, work))


@cache
def _call() -> dict[str, Any]:
    """The suite's configuration: the same in each run of a process, and a third of a second to compose."""
    return stored.resolved(composed("eval", ["run=RUN", SUITE]))


def shared_settings(values: Mapping[str, Any]) -> list[str]:
    """The settings of a training that ``jhrun eval`` must be told too, for the same claim on the same examples."""
    settings = []
    if values["subset"] is not None:
        settings.append(f"subset={values['subset']}")
    if values["plugins"]:
        settings.append(f"plugins=[{','.join(values['plugins'])}]")
    return settings


def typed_again(overrides: Sequence[str], epsilon: float) -> list[str]:
    """The settings of a call of ``jhrun eval`` that a stronger evaluation of the same claim shares.

    Args:
        overrides: as typed.
        epsilon: ℓ∞ radius of the claim; a radius of 0 is no claim, and is left out.

    Returns:
        Some of the overrides, in their order.
    """
    left = _OWN if epsilon else _OWN | {"epsilon"}
    # settings of single attacks are no part of the suite
    return [o for o in overrides for key in typed_keys([o]) if key.split(".")[0] not in left]
