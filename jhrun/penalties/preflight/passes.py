"""Penalised passes over a few examples: whether they can be differentiated, and whether that is done rightly."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from jhrun.linalg import Direction, Solver
from jhrun.objectives import Objective
from jhrun.penalties.preflight.layers import ORDERS, Call, not_finite, wrongly_differentiated
from jhrun.penalties.preflight.quotient import error_of_last
from jhrun.penalties.preflight.refusals import layer_blamed
from jhrun.penalties.preflight.trial import Buffers, buffers, passed_on, put_back, same_draws
from jhrun.records import Batch

if TYPE_CHECKING:
    from jhrun.penalties.penalty import Penalty, PenaltyOutput


class Passes:
    """A network and a few examples, of which the same pass can be made again and again."""

    def __init__(self, network: nn.Module, objective: Objective, batch: Batch, calls: Sequence[Call]) -> None:
        """Keep the buffers.

        Args:
            network: its buffers and gradients may change.
            objective: the task's loss.
            batch: the examples.
            calls: of the network's layers.
        """
        self.network, self.objective, self.batch, self.calls = network, objective, batch, calls
        self.before: Buffers = buffers(network)
        self.trained = [parameter for parameter in network.parameters() if parameter.requires_grad]

    def out(self, penalty: "Penalty", solver: Solver) -> "PenaltyOutput":
        """A penalised pass: dropout, random starts and running statistics are the same every time."""
        put_back(self.before)
        generator = torch.Generator(self.batch.inputs.device).manual_seed(0)
        with same_draws():
            return penalty(self.network, self.objective, self.batch, solver, generator, preflight=False)

    def gradients(self, value: Tensor) -> list[Tensor]:
        """Of a value by the trained parameters, 0 where it does not depend on them."""
        for parameter in self.trained:
            parameter.grad = None
        # as training does it: autograd.grad would leave out what leads to no parameter
        if value.requires_grad:
            value.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in self.trained]

    def tried(self, penalty: "Penalty", solver: Solver) -> Direction:
        """A pass and its gradients, which must be finite.

        Args:
            penalty: to be found.
            solver: picks v.

        Returns:
            v.

        Raises:
            ValueError: a layer cannot be differentiated as often as is needed, or something is not finite.
        """
        dtype = self.batch.inputs.dtype
        with layer_blamed(self.calls, dtype):
            out = self.out(penalty, solver)
            gradients = self.gradients(out.losses.sum() + out.values.sum())
        if not all(bool(t.isfinite().all()) for t in chain((out.outputs, out.losses, out.values), gradients)):
            layer = not_finite(self.calls) or type(penalty).__name__
            raise ValueError(f"{layer} gives values that are not finite in {str(dtype)[6:]}")
        return out.direction


class _Fixed(NamedTuple):
    """A solver that has the vectors already."""

    direction: Direction

    def __call__(self, *_: object, **__: object) -> Direction:
        return self.direction


def gradient_warning(passes: Passes, penalty: "Penalty", direction: Direction) -> str | None:
    """Set the gradient of ‖vᵀA‖² by the parameters against difference quotients, v being constant.

    Args:
        passes: of a network in float64.
        penalty: ‖vᵀA‖².
        direction: v.

    Returns:
        A warning where the gradient is wrong and no layer by itself is; None where the gradient is right, or where
        nothing can be told.

    Raises:
        ValueError: a layer is differentiated wrongly; it is named.
    """
    error = _error(passes, penalty, _Fixed(direction._replace(vector=direction.vector.double(), row=None)))
    if error is None:
        return None
    name, off = type(penalty).__name__, f"{100 * error:.3g} % off its difference quotient in float64"
    blamed = wrongly_differentiated(passes.calls)
    if blamed is None:
        return f"the gradient of {name} is {off}, and no layer by itself is to blame"
    layer, order = blamed
    raise ValueError(
        f"{layer} is differentiated wrongly when that is done {ORDERS[order]}, so that the gradient of {name} is "
        f"{off}: use other operations (for layer_norm, group_norm with one group)"
    )


def _error(passes: Passes, penalty: "Penalty", fixed: _Fixed) -> float | None:
    """The relative error of the penalty's gradient, if it is surely wrong; that of the losses must be right."""

    def values() -> Tensor:
        out = passes.out(penalty, fixed)
        return torch.stack([out.losses.sum(), out.values.sum()]).detach()

    try:
        out = passes.out(penalty, fixed)
        gradients = [passes.gradients(part.sum()) for part in (out.losses, out.values)]
        return error_of_last(values, gradients, passes.trained)
    except (RuntimeError, TypeError, NotImplementedError) as failure:
        if passed_on(failure):
            raise
        # the penalty can be had in the network's own precision, which is all that training needs
        return None
