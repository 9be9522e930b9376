"""One update of the weights, which the device refuses by itself where something is not finite."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer


def finite_step(optimizer: Optimizer, loss: Tensor) -> Tensor:
    """The optimizer's step, unless the loss or a gradient is not finite: then no weight changes.

    Nothing is read back from the device.

    Args:
        optimizer: of the parameters, which have their gradients.
        loss: whose gradients they are, a scalar.

    Returns:
        Whether the step was made, a scalar on the device.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> w.grad = torch.tensor([torch.inf])
        >>> finite_step(torch.optim.SGD([w], lr=0.5), torch.tensor(0.0)), w.data
        (tensor(False), tensor([1.]))
    """
    held = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    largest = torch.nn.utils.get_total_norm([p.grad for p in held], norm_type=math.inf)
    finite = loss.detach().isfinite() & largest.isfinite()
    if finite.is_cpu:
        # the host itself: there is nobody to wait for
        if finite:
            optimizer.step()
    else:
        masked_step(optimizer, held, finite)
    return finite


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
