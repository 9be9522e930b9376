"""The preflight of those who call a penalty in a loop of their own."""

import warnings
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from torch import nn

from jhrun.linalg import Lanczos
from jhrun.objectives import Objective
from jhrun.penalties.preflight.examples import preflight
from jhrun.records import Batch

if TYPE_CHECKING:
    from jhrun.penalties.penalty import Penalty

_DONE: "WeakKeyDictionary[nn.Module, set[tuple[type, bool]]]" = WeakKeyDictionary()
"""The kinds of penalty that a network has passed, each with whether it was in training mode."""


def preflight_once(penalty: "Penalty", model: nn.Module, objective: Objective, batch: Batch) -> None:
    """Run the preflight of a penalty on a network in its mode, if it has not passed it yet.

    Args:
        penalty: to be found.
        model: any network; a function of tensors that is none is not tried.
        objective: the task's loss.
        batch: of which the first two examples are tried.
    """
    if not isinstance(model, nn.Module):
        return
    done, this = _DONE.setdefault(model, set()), (type(penalty), model.training)
    if this in done:
        return
    # not the caller's solver, which may have vectors for the whole batch alone
    for warning in preflight(model, objective, [penalty], Lanczos(2), batch[:2]):
        warnings.warn(warning, stacklevel=3)
    done.add(this)
