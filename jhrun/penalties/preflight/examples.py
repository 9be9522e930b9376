"""Two examples through a penalty before training begins: what would fail later, or silently lie, is named now."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from jhrun.linalg import Solver
from jhrun.objectives import Objective
from jhrun.penalties.preflight.layers import calls_of, label
from jhrun.penalties.preflight.passes import Passes, gradient_warning
from jhrun.penalties.preflight.refusals import refuse_batch_norm, refuse_layer_norm, refuse_unfit
from jhrun.penalties.preflight.trial import in_float64, trial
from jhrun.records import Batch

if TYPE_CHECKING:
    from jhrun.penalties.penalty import Penalty


def preflight(
    model: nn.Module,
    objective: Objective,
    penalties: Sequence["Penalty"],
    solver: Solver,
    batch: Batch,
) -> list[str]:
    """Try penalties on a few examples, as the network is and in float64, on copies of the network.

    In float64 the penalty's gradient is set against a difference quotient, so that an operation that PyTorch
    differentiates wrongly a second or third time is found. A network of which there is no float64 copy is tried as
    it is.

    Args:
        model: to be trained, in the modes that it is trained in; it, its buffers and gradients stay as they are.
        objective: the task's loss.
        penalties: on it.
        solver: of the first epoch.
        batch: at least two examples.

    Returns:
        Warnings in plain words, perhaps none.

    Raises:
        ValueError: the network does not fit, or a layer couples examples (as BatchNorm does in training mode),
            cannot be differentiated as often as is needed, is differentiated wrongly, or gives values that are not
            finite; it is named.
        RuntimeError: something else failed that no layer can be blamed for, such as a lack of memory.
    """
    with torch.enable_grad():
        with trial(model) as network:
            refuse_batch_norm(network)
            if of_hessian := _of_hessian(penalties):
                refuse_layer_norm(network, of_hessian[0])
            passes = Passes(network, objective, batch, refuse_unfit(network, objective, batch))
            directions = [passes.tried(penalty, solver) for penalty in penalties]
        precise = batch.inputs.double()
        if (network64 := in_float64(model, precise)) is None:
            return _warnings(model, penalties)
        targets = batch.targets.double() if batch.targets.is_floating_point() else batch.targets
        passes = Passes(network64, objective, Batch(precise, targets, batch.labels), calls_of(network64, precise))
        pairs = zip(penalties, directions, strict=True)
        found = [warning for pair in pairs if (warning := gradient_warning(passes, *pair)) is not None]
    return found + _warnings(model, penalties)


def kinked_layers(model: nn.Module) -> list[str]:
    """The piecewise linear layers, by name and kind: through them every second derivative is 0."""
    kinked = nn.ReLU | nn.LeakyReLU | nn.ReLU6
    return [label(name, module) for name, module in model.named_modules() if isinstance(module, kinked)]


def _warnings(model: nn.Module, penalties: Sequence["Penalty"]) -> list[str]:
    kinked = kinked_layers(model)
    of_hessian = _of_hessian(penalties)
    if kinked and of_hessian:
        return [
            f"{of_hessian[0]} of a piecewise linear network ({kinked[0]}): the network's own second derivatives "
            "are 0, and what is penalised is the Gauss-Newton part of the loss's Hessian alone; softplus is smooth"
        ]
    return []


def _of_hessian(penalties: Sequence["Penalty"]) -> list[str]:
    return [type(p).__name__ for p in penalties if "Hessian" in type(p).__name__]
