"""Networks and layers that no penalty can be found of, refused by name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from jhrun.objectives import Objective
from jhrun.penalties.preflight.examine import fault_of
from jhrun.penalties.preflight.layers import ORDERS, Call, calls_of, label, not_differentiable, not_finite
from jhrun.penalties.preflight.trial import first_line, passed_on, same_draws
from jhrun.records import Batch


def refuse_batch_norm(model: nn.Module) -> None:
    """Refuse BatchNorm in training mode.

    Args:
        model: in the modes that it is trained in.

    Raises:
        ValueError: it has such a layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.training:
            raise ValueError(
                f"{label(name, module)} in training mode makes every output depend on the whole batch, so that "
                "no example has a matrix of its own: use model.normalisation=group, or jhrun.models.adapt"
            )


def refuse_layer_norm(model: nn.Module, penalty: str) -> None:
    """Refuse LayerNorm, whose third derivative is wrong in PyTorch (its issue 175754).

    The difference quotient finds it too, but not in a network of which there is no float64 copy.

    Args:
        model: any network.
        penalty: the name of a penalty that needs third derivatives.

    Raises:
        ValueError: it has such a layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm):
            raise ValueError(
                f"{label(name, module)}: PyTorch differentiates it wrongly a third time, which training under "
                f"{penalty} does (pytorch issue 175754): use GroupNorm with one group, or jhrun.models.adapt"
            )


def refuse_unfit(network: nn.Module, objective: Objective, batch: Batch) -> list[Call]:
    """Refuse outputs and losses that have no matrix for each example.

    Args:
        network: in the modes that it is trained in; its buffers may change.
        objective: of its outputs.
        batch: some examples.

    Returns:
        The calls of the network's layers.

    Raises:
        ValueError: outputs or losses are of another form, do not depend on the inputs, or on more than their own
            example.
    """
    fault = fault_of(network, batch.inputs)
    if fault is not None:
        raise ValueError(f"the network {fault.what}: {fault.remedy}")
    calls = calls_of(network, batch.inputs)
    x = batch.inputs.detach().clone().requires_grad_()
    with same_draws():
        outputs = network(x)
    losses = objective(outputs, batch.targets)
    if losses.shape != (len(batch),):
        raise ValueError(
            f"the objective returns a tensor of shape {tuple(losses.shape)} for {len(batch)} examples: make it "
            "one loss for each, as reduction='none' does"
        )
    gradient = None
    if outputs.requires_grad:
        with layer_blamed(calls, x.dtype):
            (gradient,) = torch.autograd.grad(outputs[0].sum(), x, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the network's outputs have no gradient by its inputs, so that every penalty is 0: take "
            "torch.no_grad, detach, .data, rounding and NumPy out of its forward"
        )
    # not a number is another fault, which is looked for later
    if gradient[1:].nan_to_num(0).any():
        _refuse_coupling(network, batch.inputs, calls)
    return calls


def _refuse_coupling(model: nn.Module, inputs: Tensor, calls: Sequence[Call]) -> None:
    """Another second example changes the first one's outputs: name the layer."""
    changed = inputs.clone()
    changed[1:] = inputs[1:].flip(-1) + 0.25
    remedy = "lets an example's outputs depend on the rest of its batch: a penalty needs every example by itself"
    for call, other in zip(calls, calls_of(model, changed), strict=False):
        difference = (call.made[0] - other.made[0]).abs().max() if call.made.ndim else 0
        if difference > 1e-5 * call.made.abs().max():
            raise ValueError(f"{call.label} {remedy}")
    raise ValueError(f"the network {remedy}")


@contextmanager
def layer_blamed(calls: Sequence[Call], dtype: torch.dtype) -> Iterator[None]:
    """While it is entered, a derivative that cannot be had is told with the layer that is to blame.

    Args:
        calls: of the network's layers.
        dtype: of the inputs.

    Yields:
        Nothing.

    Raises:
        ValueError: a layer is to blame.
        RuntimeError: none is, or memory ran out.
    """
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        if passed_on(error):
            raise
        failing = not_differentiable(calls)
        if failing is not None:
            layer, order = failing
            what = f"{layer} cannot be differentiated {ORDERS[order]} ({first_line(error)})"
            if "batch_norm" in str(error):
                what += ": in place of InstanceNorm use GroupNorm with a group for each channel"
            raise ValueError(what) from error
        culprit = not_finite(calls)
        if culprit is None:
            raise
        # a decomposition in the solver has met them
        raise ValueError(f"{culprit} gives values that are not finite in {str(dtype)[6:]}") from error
