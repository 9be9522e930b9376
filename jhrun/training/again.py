"""Optimizers that ask for the gradient again: sharpness-aware steps, line searches."""

import inspect
import math
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def asks_again(optimizer: Optimizer) -> bool:
    """Whether an optimizer is handed a closure: it needs one, or its step is not one of PyTorch's own.

    Args:
        optimizer: any.

    Returns:
        Yes or no.

    Example:
        >>> w = [torch.nn.Parameter(torch.ones(1))]
        >>> asks_again(torch.optim.Adam(w)), asks_again(torch.optim.LBFGS(w))
        (False, True)
    """
    return _asks(type(optimizer).step)


@cache
def _asks(step: Callable[..., Any]) -> bool:
    closure = inspect.signature(step).parameters.get("closure")
    if closure is None:
        return False
    return closure.default is inspect.Parameter.empty or not step.__module__.startswith("torch.optim.")


class Closure:
    """The loss of a step's batch and its gradients, at whatever weights there are when it is called.

    A first call at the weights that the step began with gives the loss that is there: its gradients are in place.
    Every other call makes them again from the same random numbers; running statistics and memories stay as they
    are. Weights are compared by their values, since a change through ``.data`` raises no version. On a GPU the
    host waits once for that.

    Attributes:
        finite: whether all losses and gradients so far were, a bool on the device.
        weights: copies of the weights that the step began with.
    """

    def __init__(self, optimizer: Optimizer, loss: Tensor, make: Callable[[], Tensor]) -> None:
        """Keep what is there.

        Args:
            optimizer: of the parameters, which have their gradients.
            loss: whose gradients they are, a scalar.
            make: adds the gradients at the present weights, and returns their loss.
        """
        self._optimizer, self._loss, self._make = optimizer, loss.detach(), make
        self.weights = [p.detach().clone() for p in parameters(optimizer)]
        self._gradients = self._seen()
        self._asked = False
        self.finite = finite(optimizer, loss)

    def __call__(self) -> Tensor:
        """The loss, its gradients being those of the parameters."""
        fresh = not self._asked and self._seen() == self._gradients and self._at_the_beginning()
        self._asked = True
        if fresh:
            return self._loss
        with torch.enable_grad():
            self._optimizer.zero_grad()
            loss = self._make().detach()
        self.finite = self.finite & finite(self._optimizer, loss)
        return loss

    def _at_the_beginning(self) -> bool:
        pairs = zip(parameters(self._optimizer), self.weights, strict=True)
        return all(torch.equal(p, old) for p, old in pairs)

    def _seen(self) -> list[tuple[int, int] | None]:
        """Which tensor each gradient is, and how often it was changed."""
        held = [p.grad for p in parameters(self._optimizer)]
        return [None if g is None else (id(g), g._version) for g in held]


def step_again(optimizer: Optimizer, closure: Closure) -> Tensor:
    """The optimizer's step, unless a loss or gradient within it is not finite: then nothing changes.

    Args:
        optimizer: for which ``asks_again`` holds.
        closure: of the batch.

    Returns:
        Whether the step was made, a scalar on the device.
    """
    if closure.finite.is_cpu and not closure.finite:
        return closure.finite
    before = {p: {name: _kept(value) for name, value in state.items()} for p, state in optimizer.state.items()}
    groups = [{name: value for name, value in g.items() if name != "params"} for g in optimizer.param_groups]
    step: Any = optimizer.step
    step(closure)
    good = closure.finite
    if good.is_cpu and good:
        return good
    with torch.no_grad():
        for p, old in zip(parameters(optimizer), closure.weights, strict=True):
            p.copy_(torch.where(good, p, old))
    if good.is_cpu:
        optimizer.state.clear()
        optimizer.state.update(before)
        for group, kept in zip(optimizer.param_groups, groups, strict=True):
            held = group["params"]
            group.clear()
            group.update(params=held, **kept)
        return good
    for p, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                # what a first step begins is zero where the step is not made
                old = before.get(p, {}).get(name, torch.zeros_like(value))
                value.copy_(torch.where(good.to(value.device), value, old))
    return good


def finite(optimizer: Optimizer, loss: Tensor) -> Tensor:
    """Whether a loss and all gradients are finite, a bool on the device."""
    held = [p.grad for p in parameters(optimizer) if p.grad is not None]
    largest = torch.nn.utils.get_total_norm(held, norm_type=math.inf)
    return loss.detach().isfinite() & largest.isfinite()


def parameters(optimizer: Optimizer) -> list[Tensor]:
    """All parameters of an optimizer."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else deepcopy(value)
