"""The network that a configuration describes, made for a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from jhrun import seeds
from jhrun.config.door import build
from jhrun.data import Dataset
from jhrun.models.blocks import Rescale


def model(config: Mapping[str, Any], data: Dataset, plugins: Sequence[str]) -> nn.Module:
    """A network, freshly drawn from the run's seed; the global random state stays as it was.

    Args:
        config: of a run.
        data: what the network is made for.
        plugins: packages that the user trusts in this call.

    Returns:
        Inputs → outputs. Where targets are values, the network's last layer takes it from standardised outputs to
        their units, as its first one normalises its inputs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(config["seed"], "model"))
        network: nn.Module = build("model", config["model"], plugins=plugins, **asdict(data.spec))
    return network if data.classes else nn.Sequential(network, Rescale(*data.scale))
