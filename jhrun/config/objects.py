"""The objects of a run, from plain configuration values."""

import ctypes
import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from jhrun.attacks import Attack
from jhrun.config import courses, door, loss
from jhrun.config.door import build
from jhrun.config.values import radius
from jhrun.data import Dataset
from jhrun.data.pairs import are_pairs
from jhrun.errors import ConfigError, DataError
from jhrun.evaluation.analyses import Analysis
from jhrun.loggers import Logger
from jhrun.schedules import schedule
from jhrun.training import Averages, Follow

Values = Mapping[str, Any]


def device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        The device.

    Raises:
        ConfigError: CUDA is asked for and absent; never a silent CPU instead.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if there else "cpu")
    chosen = torch.device(name)
    if chosen.type == "cuda" and (chosen.index or 0) >= there:
        found = f"PyTorch {torch.__version__} sees {there} CUDA devices"
        raise ConfigError(f"there is no {name}", found, "use device=cpu or device=auto")
    return chosen


def examine(config: Values, plugins: Sequence[str]) -> None:
    """Look at everything that is to be built, before anything is loaded.

    Args:
        config: of the call.
        plugins: packages that the user trusts in this call.
    """
    for group in ("model", "solver", "optimizer"):
        door.examined(group, config[group], plugins=plugins)
    if config["averaging"].get("_target_") is not None:
        door.examined("averaging", config["averaging"], plugins=plugins)
    for group in ("objective", "regularizer"):
        loss.examine(group, config[group], plugins)
    for name, node in (config.get("attack") or {}).items():
        _attack(name, node, plugins)
    for name, node in (config.get("analysis") or {}).items():
        door.examined("analysis", node, plugins=plugins, key=f"analysis.{name}")


def _attack(name: str, node: Values, plugins: Sequence[str]) -> Any:
    return door.examined("attack", node, plugins=plugins, given=("epsilon",), key=f"attack.{name}")


def dataset(config: Values, plugins: Sequence[str]) -> Dataset:
    """The data set, on the CPU, split by the run's seed where it takes one.

    Args:
        config: of a run.
        plugins: packages that the user trusts in this call.

    Returns:
        What the configuration's factory made, examined.

    Raises:
        DataError: it made something else.
    """
    node = dict(config["dataset"])
    hold = node.pop("hold", 1)
    parameters = inspect.signature(door.target("dataset", node.get("_target_"), plugins)).parameters
    takes_seed = "seed" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    data = build("dataset", node, plugins=plugins, **({"seed": config["seed"]} if takes_seed else {}))
    if isinstance(data, Dataset):
        return replace(data, hold=hold)
    what = f"it made {'None' if data is None else f'a {type(data).__name__}'}, and no jhrun.data.Dataset"
    remedy = "return one, as in Dataset(classes, mean, std, Part(inputs, targets), Part(inputs, targets))"
    if are_pairs(data) or (isinstance(data, tuple) and data and all(map(are_pairs, data))):
        remedy = "return Dataset(classes, mean, std, collected(train), collected(test)), all of jhrun.data"
    raise DataError(what, f"dataset: {node['_target_']}", remedy)


def optimizer(
    config: Values, parameters: Iterable[nn.Parameter], plugins: Sequence[str]
) -> tuple[Optimizer, list[Follow]]:
    """The optimizer, at the first epoch's learning rate, and what of it follows a schedule beside that rate."""
    epochs = config["train"]["epochs"]
    first = schedule(config["optimizer"]["lr"], epochs)(0)
    numbers = {key: _number(value) for key, value in config["optimizer"].items()} | {"lr": first}
    made, follows = courses.built("optimizer", numbers, epochs, plugins, params=list(parameters))
    return made, follows


def averaging(config: Values, plugins: Sequence[str]) -> tuple[Averages | None, list[Follow]]:
    """The average of the weights, and what of it follows a schedule; None for none."""
    node = config["averaging"]
    if node.get("_target_") is None:
        return None, []
    made, follows = courses.built("averaging", node, config["train"]["epochs"], plugins)
    return made, follows


def radii(config: Values) -> dict[str, float]:
    """ε by norm, ``inf`` and ``2``; a norm without one is left out.

    Args:
        config: ``epsilon`` and ``epsilon_l2`` of a run.

    Returns:
        Numbers.

    Raises:
        ConfigError: a value is out of range.
    """
    found: dict[str, float] = {}
    for norm, key in (("inf", "epsilon"), ("2", "epsilon_l2")):
        value = config[key]
        try:
            found |= {} if value is None else {norm: radius(value, norm)}
        except ValueError as error:
            raise ConfigError(f"{key}={value}: {error}", "configuration", f"give {key}=…") from error
    return found


def attacks(config: Values, radii: Mapping[str, float], plugins: Sequence[str]) -> dict[str, Attack]:
    """The chosen attacks by name, each with the radius of its norm.

    Args:
        config: of the call.
        radii: ε by norm, as above.
        plugins: packages that the user trusts in this call.

    Returns:
        The attacks in the order of the configuration.

    Raises:
        ConfigError: an attack's norm has no radius, or its target makes no attack.
    """
    built = {}
    for name, node in (config.get("attack") or {}).items():
        norm = getattr(_attack(name, node, plugins), "norm", "inf")
        if norm not in radii:
            raise ConfigError("epsilon_l2 has no value", f"attack {name}", "give it: epsilon_l2=0.5")
        built[name] = build("attack", node, plugins=plugins, epsilon=radii[norm])
        if not isinstance(built[name], Attack):
            what = f"it made a {type(built[name]).__name__}, and no jhrun.attacks.Attack"
            raise ConfigError(
                what, f"attack {name}: {node['_target_']}", "name a subclass of jhrun.attacks.Attack"
            )
    return built


def analyses(config: Values, plugins: Sequence[str]) -> dict[str, Analysis]:
    """The chosen analyses by name, each after those whose records it reads.

    Args:
        config: of the call.
        plugins: packages that the user trusts in this call.

    Returns:
        The analyses.

    Raises:
        ConfigError: a target makes no analysis.
    """
    built: dict[str, Analysis] = {}
    for name, node in (config.get("analysis") or {}).items():
        built[name] = build("analysis", node, plugins=plugins)
        if not isinstance(built[name], Analysis):
            what = f"it made a {type(built[name]).__name__}, and no jhrun.evaluation.analyses.Analysis"
            remedy = "name a subclass of jhrun.evaluation.analyses.Analysis"
            raise ConfigError(what, f"analysis {name}: {node['_target_']}", remedy)
    ordered: dict[str, Analysis] = {}
    while left := [name for name in built if name not in ordered]:
        ready = [name for name in left if not {*built[name].uses} & {*left} - {name}]
        # of those that wait for each other, the first goes first
        ordered |= {name: built[name] for name in ready or left[:1]}
    return ordered


def logger(config: Values, plugins: Sequence[str]) -> Logger | None:
    """The logger that gets the run's records too; None without one."""
    node = config["logger"]
    if node["_target_"] is None:
        return None
    built: Logger = build("logger", node, plugins=plugins)
    return built


def apply_options(config: Values) -> None:
    """The process's global settings: memory, threads, TF32 and determinism."""
    keep_freed_memory()
    if config["threads"] is not None:
        torch.set_num_threads(config["threads"])
    torch.backends.cuda.matmul.allow_tf32 = config["tf32"]
    torch.backends.cudnn.allow_tf32 = config["tf32"]
    if config["deterministic"]:
        # cuBLAS is deterministic only with workspaces of a fixed size
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if torch.are_deterministic_algorithms_enabled() != config["deterministic"]:
        # the call imports PyTorch's compiler, a second or two of every start
        torch.use_deterministic_algorithms(config["deterministic"])


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for the next step, up to 2 GiB, instead of handing it back to the kernel.

    Every step makes tensors of the same sizes; to fetch their pages anew took a quarter to a third of the time of
    an attack's step on MNIST (``docs/measurements.md``). Other C libraries are left as they are.
    """
    trim_threshold, mmap_threshold = -1, -3  # glibc's malloc.h
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_threshold, 2**25)


def _number(value: Any) -> Any:
    """YAML reads 1e-3 as a string."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
