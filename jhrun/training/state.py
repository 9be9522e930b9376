"""The states of optimizer, terms and further networks as named tensors and plain values, without pickle."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from jhrun.errors import ConfigError
from jhrun.terms import Weighted

_PREFIX = "optimizer."
TERM, COPY = "term.", "copy."
"""How the names of the terms' tensors begin, and those of their further networks."""


Groups = list[dict[str, Any]]


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Tensors in the state of every parameter, by its position: ``optimizer.POSITION.NAME``."""
    return {
        f"{_PREFIX}{position}.{name}": value
        for position, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def plain_groups(optimizer: Optimizer) -> Groups:
    """The plain values of each parameter group."""
    return [{k: v for k, v in g.items() if k != "params" and _plain(v)} for g in optimizer.param_groups]


def optimizer_values(optimizer: Optimizer, given: Groups) -> dict[str, Any]:
    """What an optimizer keeps beside tensors: numbers in its state, and values of its groups that it has changed.

    Args:
        optimizer: after any number of steps.
        given: its groups' values before the first step: those are configuration.

    Returns:
        ``state``, by ``POSITION.NAME``; ``groups``, a mapping for each.

    Raises:
        ConfigError: it keeps something else, which could not be restored.
    """
    state = {}
    for position, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                continue
            if not _plain(value):
                what = f"the optimizer keeps {name!r}, a {type(value).__name__}, which no checkpoint can hold"
                raise ConfigError(what, type(optimizer).__name__, "use one whose state is tensors and numbers")
            state[f"{position}.{name}"] = value
    now = plain_groups(optimizer)
    groups = [
        {key: value for key, value in group.items() if key != "lr" and (key not in old or old[key] != value)}
        for group, old in zip(now, given, strict=True)
    ]
    return {"state": state, "groups": groups}


def restore_optimizer(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], values: Mapping[str, Any] | None = None
) -> None:
    """Put the state back, on each parameter's own device, with the dtypes that it was saved in.

    Args:
        optimizer: freshly made.
        tensors: saved ones, the optimizer's among them.
        values: from ``optimizer_values``.
    """
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
    kept = values or {"state": {}, "groups": []}
    for key, value in kept["state"].items():
        position, name = key.split(".", 1)
        optimizer.state[parameters[int(position)][0]][name] = value
    for group, changed in zip(optimizer.param_groups, kept["groups"], strict=False):
        group.update(changed)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def terms_state(terms: Sequence[Weighted]) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """What the terms remember.

    Args:
        terms: of the loss.

    Returns:
        Tensors, ``term.TERM.NAME``; plain values, by the term's name.
    """
    tensors: dict[str, Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for one in terms:
        for name, kept in one.term.state_dict().items():
            if isinstance(kept, Tensor):
                tensors[f"{TERM}{one.name}.{name}"] = kept
            else:
                values.setdefault(one.name, {})[name] = kept
    return tensors, values


def restore_terms(
    terms: Sequence[Weighted],
    tensors: Mapping[str, Tensor],
    values: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> None:
    """Go back to what the terms remembered.

    Args:
        terms: of the loss.
        tensors: saved ones, the terms' among them.
        values: plain ones.
        device: of the network.
    """
    for one in terms:
        prefix = f"{TERM}{one.name}."
        kept = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        state = {**kept, **values.get(one.name, {})}
        if state:
            one.term.load_state_dict(state, device)


def copies_state(copies: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Parameters and buffers of the terms' further networks, ``copy.NETWORK.NAME``."""
    return {
        f"{COPY}{name}.{key}": tensor
        for name, network in copies.items()
        for key, tensor in network.state_dict().items()
    }


def restore_copies(copies: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Put saved parameters and buffers back."""
    for name, network in copies.items():
        prefix = f"{COPY}{name}."
        network.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
