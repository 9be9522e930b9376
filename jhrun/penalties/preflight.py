"""Two examples through a penalty before training begins: what would fail later, or silently lie, is named now."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from jhrun.errors import nondeterministic, out_of_memory
from jhrun.linalg import Solver
from jhrun.objectives import Objective
from jhrun.penalties.penalty import Penalty
from jhrun.records import Batch


class Call(NamedTuple):
    """A layer at work.

    Attributes:
        label: the layer's name and kind.
        module: the layer.
        arguments: what it was given, a tensor first.
        options: likewise, by name.
        made: what it made of it, the first tensor of several.
    """

    label: str
    module: nn.Module
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    made: Tensor

    def again(self) -> tuple[Tensor, Tensor]:
        """The first argument, as a leaf, and what the layer makes of it now."""
        x = self.arguments[0].detach().clone().requires_grad_()
        made = _tensor(self.module(x, *self.arguments[1:], **self.options))
        return x, x.sum() if made is None else made


def preflight(
    model: nn.Module,
    objective: Objective,
    penalties: Sequence[Penalty],
    solver: Solver,
    batch: Batch,
) -> list[str]:
    """Try penalties on a few examples, in float32 and float64, on a copy of the network in training mode.

    Args:
        model: to be trained; it and its buffers stay as they are.
        objective: the task's loss.
        penalties: on it.
        solver: of the first epoch.
        batch: at least two examples.

    Returns:
        Warnings in plain words, perhaps none.

    Raises:
        ValueError: a layer couples examples (as BatchNorm does in training mode), cannot be differentiated twice,
            or gives values that are not finite; it is named.
        RuntimeError: something else failed that no layer can be blamed for, such as a lack of memory.
    """
    for dtype in (torch.float32, torch.float64):
        copy = deepcopy(model).to(dtype).train()
        targets = batch.targets.to(dtype) if batch.targets.is_floating_point() else batch.targets
        cast = Batch(batch.inputs.to(dtype), targets)
        _refuse_batch_norm(copy)
        _refuse_layer_norm(copy, penalties)
        calls = _calls(copy, cast.inputs)
        _refuse_coupling(copy, cast.inputs, calls)
        for penalty in penalties:
            generator = torch.Generator(cast.inputs.device).manual_seed(0)
            try:
                out = penalty(copy, objective, cast, solver, generator)
                (out.losses.sum() + out.values.sum()).backward()  # type: ignore[no-untyped-call]
            except (RuntimeError, NotImplementedError) as error:
                if out_of_memory(error) or nondeterministic(error):
                    raise
                layer = _not_differentiable_twice(calls)
                if layer is not None:
                    raise ValueError(f"{layer} cannot be differentiated twice ({_first_line(error)})") from error
                layer = _not_finite(calls)
                if layer is None:
                    raise
                # a decomposition in the solver has met them
                raise ValueError(f"{layer} gives values that are not finite in {str(dtype)[6:]}") from error
            gradients = [p.grad for p in copy.parameters() if p.grad is not None]
            if not all(bool(t.isfinite().all()) for t in (out.outputs, out.losses, out.values, *gradients)):
                layer = _not_finite(calls) or type(penalty).__name__
                raise ValueError(f"{layer} gives values that are not finite in {str(dtype)[6:]}")
    return _warnings(model, penalties)


def kinked_layers(model: nn.Module) -> list[str]:
    """The piecewise linear layers, by name and kind: through them every second derivative is 0."""
    return [
        _label(name, m) for name, m in model.named_modules() if isinstance(m, nn.ReLU | nn.LeakyReLU | nn.ReLU6)
    ]


def _warnings(model: nn.Module, penalties: Sequence[Penalty]) -> list[str]:
    kinked = kinked_layers(model)
    of_hessian = _of_hessian(penalties)
    if kinked and of_hessian:
        return [
            f"{of_hessian[0]} of a piecewise linear network ({kinked[0]}): the network's own second derivatives "
            "are 0, and what is penalised is the Gauss-Newton part of the loss's Hessian alone; softplus is smooth"
        ]
    return []


def _of_hessian(penalties: Sequence[Penalty]) -> list[str]:
    return [type(p).__name__ for p in penalties if "Hessian" in type(p).__name__]


def _refuse_layer_norm(model: nn.Module, penalties: Sequence[Penalty]) -> None:
    """PyTorch's third derivative of layer_norm is wrong (its issue 175754), and with it the penalty's gradient."""
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm) and (named := _of_hessian(penalties)):
            raise ValueError(
                f"{_label(name, module)}: PyTorch differentiates it wrongly a third time, which training under "
                f"{named[0]} does (pytorch issue 175754): use GroupNorm with one group"
            )


def _refuse_batch_norm(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.training:
            raise ValueError(
                f"{_label(name, module)} in training mode makes every output depend on the whole batch, so that "
                "no example has a matrix of its own: use model.normalisation=group"
            )


def _refuse_coupling(model: nn.Module, inputs: Tensor, calls: list[Call]) -> None:
    """Another second example must leave the first one's outputs as they are."""
    x = inputs.detach().requires_grad_()
    with _same_draws():
        outputs = model(x)
    (gradient,) = torch.autograd.grad(outputs[0].sum(), x, materialize_grads=True)
    # not a number is another fault, which is looked for later
    if not gradient[1:].nan_to_num(0).any():
        return
    changed = inputs.clone()
    changed[1:] = inputs[1:].flip(-1) + 0.25
    remedy = "lets an example's outputs depend on the rest of its batch: a penalty needs every example by itself"
    for call, other in zip(calls, _calls(model, changed), strict=False):
        difference = (call.made[0] - other.made[0]).abs().max() if call.made.ndim else 0
        if difference > 1e-5 * call.made.abs().max():
            raise ValueError(f"{call.label} {remedy}")
    raise ValueError(f"the network {remedy}")


def _not_differentiable_twice(calls: list[Call]) -> str | None:
    """The innermost layer through which a second derivative fails, tried one by one."""
    for call in calls:
        try:
            _derivatives(call)
        except (RuntimeError, NotImplementedError):
            return call.label
    return None


def _not_finite(calls: list[Call]) -> str | None:
    """The innermost layer whose output, or whose first or second derivative, is not finite."""
    for call in calls:
        if not all(bool(t.isfinite().all()) for t in (call.made, *_derivatives(call))):
            return call.label
    return None


def _derivatives(call: Call) -> tuple[Tensor, Tensor]:
    """First and second derivatives of a layer's squared output, by what it was given."""
    x, made = call.again()
    (first,) = torch.autograd.grad(made.square().sum(), x, create_graph=True, materialize_grads=True)
    if first.requires_grad:
        # not autograd.grad, which leaves out what does not lead to x, such as a refusal to be differentiated
        first.square().sum().backward()  # type: ignore[no-untyped-call]
    return first.detach(), torch.zeros_like(first) if x.grad is None else x.grad


def _calls(model: nn.Module, inputs: Tensor) -> list[Call]:
    """What every layer was given and made, in the order in which they end: inner ones before outer ones."""
    calls: list[Call] = []

    def hook(label: str) -> Any:
        def keep(module: nn.Module, given: tuple[Any, ...], options: dict[str, Any], made: Any) -> None:
            result = _tensor(made)
            if given and isinstance(given[0], Tensor) and given[0].is_floating_point() and result is not None:
                calls.append(Call(label, module, given, options, result.detach()))

        return keep

    handles = [
        module.register_forward_hook(hook(_label(name, module)), with_kwargs=True)
        for name, module in model.named_modules()
        if name
    ]
    try:
        with torch.no_grad(), _same_draws():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _tensor(made: Any) -> Tensor | None:
    """The first tensor of what a layer returned."""
    if isinstance(made, tuple | list):
        return next((t for t in made if isinstance(t, Tensor)), None)
    return made if isinstance(made, Tensor) else None


@contextmanager
def _same_draws() -> Iterator[None]:
    """Dropout and the like draw the same every time, and leave the global state as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def _label(name: str, module: nn.Module) -> str:
    return f"layer '{name or '(the network)'}' ({type(module).__name__})"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
