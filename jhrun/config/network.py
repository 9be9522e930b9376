"""The network that a configuration describes, made for a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from jhrun import seeds
from jhrun.config import stored
from jhrun.config.door import build
from jhrun.data import Dataset, facts, require_alike
from jhrun.errors import ConfigError, RunError
from jhrun.folder import RunFolder
from jhrun.models.blocks import Rescale
from jhrun.penalties import examine
from jhrun.training import Canaries, Checkpoint
from jhrun.training.averages import averaged_weights


def model(config: Mapping[str, Any], data: Dataset, plugins: Sequence[str]) -> nn.Module:
    """A network, freshly drawn from the run's seed and tried on two examples; the global random state stays as is.

    Args:
        config: of a run.
        data: what the network is made for.
        plugins: packages that the user trusts in this call.

    Returns:
        Inputs → outputs, on the data's device. Where targets are values, the network's last layer takes it from
        standardised outputs to their units, as its first one normalises its inputs.

    Raises:
        ConfigError: the network does not fit the data, or cannot be trained.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(config["seed"], "model"))
        network: nn.Module = build("model", config["model"], plugins=plugins, **asdict(data.spec))
    where = f"model: {config['model'].get('_target_')}"
    if not isinstance(network, nn.Module):
        raise ConfigError(f"the model is of type {type(network).__name__}", where, "return a torch.nn.Module")
    network = network if data.classes else nn.Sequential(network, Rescale(*data.scale))
    network = network.to(data.train.targets.device)
    pair = next(data.train[:2].batches(2)).inputs
    fault = examine(network, pair, data.spec.outputs, exact=not data.classes)
    if fault is not None:
        raise ConfigError(fault.what, where, fault.remedy)
    return network


def of_run(path: str, data: Dataset, plugins: Sequence[str]) -> nn.Module:
    """The network of another run, as after its last epoch.

    Args:
        path: of that run's folder.
        data: what the network is asked about here.
        plugins: packages that the user trusts in this call.

    Returns:
        Inputs → outputs.

    Raises:
        RunError: the network does not fit the data.
    """
    folder = RunFolder.existing(path)
    network = model(stored.read(folder.config, plugins), data, plugins)
    load_weights(network, Checkpoint.load(folder.checkpoint("last")), folder, "last", data)
    return network


def load_weights(
    model: nn.Module,
    checkpoint: Checkpoint,
    folder: RunFolder,
    name: str,
    data: Dataset,
    *,
    averaged: bool | None = None,
) -> None:
    """Put a checkpoint's weights into a network, which must then say what it said when it was saved.

    Args:
        model: as the run's configuration describes it.
        checkpoint: of the run.
        folder: of the run.
        name: of the checkpoint.
        data: what the network is asked about.
        averaged: whether the averaged weights are taken; None for yes where there are any.

    Raises:
        ConfigError: averaged weights are asked for, and there are none.
        RunError: they do not fit, or are not this run's.
    """
    require_alike(checkpoint.info["data"], facts(data), str(folder.path))
    mean = averaged_weights(checkpoint.state)
    if averaged and not mean:
        raise ConfigError("the checkpoint has no averaged weights", "averaged=true", "leave it out")
    taken = bool(mean) and averaged is not False
    try:
        model.load_state_dict(mean if taken else dict(checkpoint.weights))
    except RuntimeError as error:
        raise RunError(
            f"the checkpoint does not fit the network ({error})", str(folder.path), "was config.yaml changed?"
        ) from error
    Canaries(folder, data.spec.shape).verify(name, checkpoint.info, model, averaged=taken)
