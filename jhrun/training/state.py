"""An optimizer's state as named tensors, without pickle."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

_PREFIX = "optimizer."


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """State of every parameter, by its position: ``optimizer.POSITION.NAME``.

    Args:
        optimizer: after any number of steps.

    Returns:
        Its tensors; learning rate and the like are configuration and are not in it.

    Raises:
        TypeError: the optimizer keeps something else than tensors, which could not be restored.
    """
    tensors = {}
    for position, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{_PREFIX}{position}.{name}"] = value
            elif value is not None:
                raise TypeError(f"the optimizer's state {name!r} is {type(value).__name__}: it must be a tensor")
    return tensors


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the state back, on each parameter's own device, with the dtypes that it was saved in."""
    parameters = [(p, group) for group in optimizer.param_groups for p in group["params"]]
    optimizer.state.clear()
    for key, tensor in tensors.items():
        if key.startswith(_PREFIX):
            position, name = key.removeprefix(_PREFIX).split(".", 1)
            parameter, group = parameters[int(position)]
            # an optimizer counts its steps on the CPU, unless its kernels read the count
            counted = group.get("fused") or group.get("capturable")
            device = parameter.device if tensor.ndim or counted else torch.device("cpu")
            optimizer.state[parameter][name] = tensor.to(device, copy=True)
