"""Which layer of a network is at fault: each one is tried by itself, with the arguments that it gets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from jhrun.autodiff import twice_differentiable
from jhrun.penalties.preflight.quotient import error_of_last
from jhrun.penalties.preflight.trial import passed_on, same_draws

ORDERS = {1: "once", 2: "twice", 3: "three times"}
"""The derivatives that training under a penalty takes: two under a Jacobian, three under a Hessian."""


class Call(NamedTuple):
    """A layer at work.

    Attributes:
        label: the layer's name and kind.
        module: the layer.
        arguments: its positional arguments, a tensor first.
        options: its keyword arguments.
        made: its output, the first tensor of several.
    """

    label: str
    module: nn.Module
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    made: Tensor

    def again(self) -> tuple[Tensor, Tensor]:
        """The first argument, as a leaf, and the layer's output for it."""
        x = self.arguments[0].detach().clone().requires_grad_()
        with twice_differentiable():
            made = first_tensor(self.module(x, *self.arguments[1:], **self.options))
        return x, x.sum() if made is None else made


def calls_of(model: nn.Module, inputs: Tensor) -> list[Call]:
    """The calls of all layers in the order in which they end: inner layers before outer ones, the network last.

    Args:
        model: the network; its buffers may change.
        inputs: of some examples.

    Returns:
        The calls of layers whose first argument is a tensor of floating-point numbers.
    """
    calls: list[Call] = []

    def hook(label: str) -> Any:
        def keep(module: nn.Module, given: tuple[Any, ...], options: dict[str, Any], made: Any) -> None:
            result = first_tensor(made)
            if given and isinstance(given[0], Tensor) and given[0].is_floating_point() and result is not None:
                calls.append(Call(label, module, given, options, result.detach()))

        return keep

    handles = [
        module.register_forward_hook(hook(label(name, module)), with_kwargs=True)
        for name, module in model.named_modules()
    ]
    try:
        with torch.no_grad(), same_draws():
            model(inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    return calls


def not_differentiable(calls: Sequence[Call]) -> tuple[str, int] | None:
    """The innermost layer of which a derivative cannot be had, and the order of that derivative."""
    for order in ORDERS:
        for call in calls:
            try:
                derivatives(call, order)
            except (RuntimeError, NotImplementedError) as error:
                if passed_on(error):
                    raise
                return call.label, order
    return None


def not_finite(calls: Sequence[Call]) -> str | None:
    """The innermost layer whose output, or whose first or second derivative, is not finite."""
    for call in calls:
        if not all(bool(t.isfinite().all()) for t in (call.made, *derivatives(call, 2))):
            return call.label
    return None


def derivatives(call: Call, order: int) -> list[Tensor]:
    """Derivatives of a layer's squared output by its input, each of the square of the one before.

    Args:
        call: of the layer.
        order: of the last of them.

    Returns:
        As many as the order says, of the input's shape, detached.
    """
    x, made = call.again()
    value, found = made.square().sum(), []
    for number in range(1, order + 1):
        if not value.requires_grad:
            found.append(torch.zeros_like(x))
        elif number < order:
            (gradient,) = torch.autograd.grad(value, x, create_graph=True, materialize_grads=True)
            found.append(gradient.detach())
            value = gradient.square().sum()
        else:
            # not autograd.grad, which leaves out what does not lead to x, such as a refusal to be differentiated
            value.backward()  # type: ignore[no-untyped-call]
            found.append(torch.zeros_like(x) if x.grad is None else x.grad)
    return found


def wrongly_differentiated(calls: Sequence[Call]) -> tuple[str, int] | None:
    """The innermost layer with a wrong second or third derivative, and its order, by difference quotients.

    Args:
        calls: of a network in float64.

    Returns:
        None where no layer is surely wrong. A layer whose first derivative already differs from the quotient, as a
        straight-through estimator's does, is not wrong: it was made so.
    """
    for call in calls:
        for order in (2, 3):
            if _wrong(call, order):
                return call.label, order
    return None


def _wrong(call: Call, order: int) -> bool:
    """Whether autograd's derivative of this order is wrong, and those of lower orders are right."""
    try:
        return _error(call, order) is not None
    except (RuntimeError, TypeError, NotImplementedError) as error:
        if passed_on(error):
            raise
        # a layer that cannot be tried by itself is not blamed
        return False


def _error(call: Call, order: int) -> float | None:
    """The relative error of a derivative by a layer's input; None where it is right, or nothing can be told."""
    x = call.arguments[0].detach().clone()
    random = torch.Generator(x.device).manual_seed(0)
    probes = [torch.randn(x.shape, generator=random, dtype=x.dtype, device=x.device) for _ in range(order - 1)]
    weights = torch.randn(call.made.shape, generator=random, dtype=call.made.dtype, device=x.device)

    def scalars() -> tuple[Tensor, list[Tensor]]:
        """c·y, the derivative of that along the first probe, and so on."""
        with same_draws():
            leaf, made = call._replace(arguments=(x, *call.arguments[1:])).again()
        found = [(made * weights).sum()]
        for probe in probes:
            (gradient,) = torch.autograd.grad(found[-1], leaf, create_graph=True, materialize_grads=True)
            found.append((gradient * probe).sum())
        return leaf, found

    leaf, found = scalars()
    if not found[-1].requires_grad:
        return None
    gradients = [torch.autograd.grad(value, leaf, retain_graph=True, materialize_grads=True) for value in found]
    return error_of_last(lambda: torch.stack(scalars()[1]).detach(), gradients, [x])


def first_tensor(made: Any) -> Tensor | None:
    """The first tensor that a layer returned."""
    if isinstance(made, tuple | list):
        return next((t for t in made if isinstance(t, Tensor)), None)
    return made if isinstance(made, Tensor) else None


def label(name: str, module: nn.Module) -> str:
    """A layer's name and kind."""
    return f"layer '{name}' ({type(module).__name__})" if name else f"the network ({type(module).__name__})"
