"""A network to try things on, so that the user's own stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from jhrun.errors import JhrunError, nondeterministic, out_of_memory


@contextmanager
def trial(model: nn.Module) -> Iterator[nn.Module]:
    """A copy of a network; where it cannot be copied, the network itself, which is put back afterwards.

    Args:
        model: any network. One that keeps a tensor with a graph cannot be copied.

    Yields:
        A network whose buffers, modes and gradients may be changed. Its parameters must be put back.
    """
    copy = copied(model)
    if copy is not None:
        yield copy
        return
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    before = buffers(model)
    try:
        for parameter, _ in gradients:
            parameter.grad = None
        yield model
    finally:
        put_back(before)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, training in modes:
            module.training = training


def copied(model: nn.Module) -> nn.Module | None:
    """A copy of a network; None where it cannot be copied."""
    try:
        return deepcopy(model)
    except Exception as error:
        if passed_on(error):
            raise
        return None


def in_float64(model: nn.Module, inputs: Tensor) -> nn.Module | None:
    """A copy of a network in float64; None where there is none, or where it computes in another precision.

    Args:
        model: any network.
        inputs: of some examples, float64.

    Returns:
        The copy, in the network's own modes.
    """
    copy = copied(model)
    if copy is None:
        return None
    try:
        # not .to(torch.float64), which would cut off the imaginary part of complex parameters
        copy = copy.double()
        before = buffers(copy)
        with torch.no_grad(), same_draws():
            dtype = copy(inputs.clone()).dtype
    except Exception as error:
        if passed_on(error):
            raise
        return None
    put_back(before)
    return copy if dtype == torch.float64 else None


Buffers = list[tuple[nn.Module, str, Tensor, Tensor]]
"""Of each buffer its module, its name, itself and a copy of its values."""


def buffers(model: nn.Module) -> Buffers:
    """The buffers of a network and their values, to be put back later."""
    return [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]


@torch.no_grad()
def put_back(before: Buffers) -> None:
    """Put buffers and their values back."""
    for module, name, buffer, values in before:
        setattr(module, name, buffer)
        buffer.copy_(values)


@contextmanager
def same_draws() -> Iterator[None]:
    """Dropout and the like draw the same every time, and leave PyTorch's global random state as it was."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(0)
        yield


def passed_on(error: Exception) -> bool:
    """Whether an error is the machine's or has its own words, and says nothing of the network."""
    return isinstance(error, JhrunError) or out_of_memory(error) or nondeterministic(error) is not None


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its kind where it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
