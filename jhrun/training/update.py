"""One update of the weights, which the device refuses by itself where something is not finite."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from jhrun.training.again import Closure, asks_again, finite, parameters, step_again


def finite_step(optimizer: Optimizer, loss: Tensor, again: Callable[[], Tensor] | None = None) -> Tensor:
    """The optimizer's step, unless a loss or a gradient within it is not finite: then no weight changes.

    Nothing is read back from the device.

    Args:
        optimizer: of the parameters, which have their gradients.
        loss: whose gradients they are, a scalar.
        again: adds the gradients at other weights, and returns their loss, for optimizers that ask for them.

    Returns:
        Whether the step was made, a scalar on the device.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> w.grad = torch.tensor([torch.inf])
        >>> finite_step(torch.optim.SGD([w], lr=0.5), torch.tensor(0.0)), w.data
        (tensor(False), tensor([1.]))
    """
    if again is not None and asks_again(optimizer):
        return step_again(optimizer, Closure(optimizer, loss, again))
    good = finite(optimizer, loss)
    if good.is_cpu:
        # the host itself: there is nobody to wait for
        if good:
            optimizer.step()
    elif skips_by_itself(optimizer):
        skipped_step(optimizer, good)
    else:
        masked_step(optimizer, [p for p in parameters(optimizer) if p.grad is not None], good)
    return good


def skips_by_itself(optimizer: Optimizer) -> bool:
    """Whether the optimizer's own kernels can leave a step out: PyTorch's fused ones, once they have a state."""
    # the first step of fused SGD would leave its momentum uninitialised
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False) and optimizer.state)


def skipped_step(optimizer: Optimizer, good: Tensor) -> None:
    """A fused optimizer's step if ``good``; otherwise neither the weights nor its state change.

    PyTorch's gradient scaler skips steps of fused optimizers in the same way. No copy of the weights is made.

    Args:
        optimizer: for which ``skips_by_itself`` holds.
        good: a bool, on the parameters' device.
    """
    scale: Any = optimizer
    scale.grad_scale, scale.found_inf = None, (~good).float()
    try:
        optimizer.step()
    finally:
        del scale.grad_scale, scale.found_inf


def masked_step(optimizer: Optimizer, parameters: Sequence[Tensor], good: Tensor) -> None:
    """The optimizer's step if ``good``, and no change of the weights otherwise, without a look at it.

    The optimizer's own state then takes a gradient of 0.

    Args:
        optimizer: of the parameters.
        parameters: those that have a gradient.
        good: a bool, on their device.
    """
    before = [p.detach().clone() for p in parameters]
    for p in parameters:
        assert p.grad is not None
        p.grad.copy_(torch.where(good, p.grad, 0))
    optimizer.step()
    with torch.no_grad():
        for p, old in zip(parameters, before, strict=True):
            p.copy_(torch.where(good, p, old))
