"""What can go wrong: real signals, full disks and malicious files, each told in one line."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


NETWORKS = """
from pathlib import Path

import torch
from jhrun.models import MLP

ORDERS = {"first derivative": 1, "second derivative": 2}

class Derivative(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, order):
        ctx.order = order
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return (act(gradient) if ctx.order == 1 else Derivative.apply(gradient, ctx.order - 1)), None

class Layer(torch.nn.Module):
    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return Derivative.apply(x, self.order)

class Network(MLP):
    def __init__(self, where="nowhere", **options):
        super().__init__(**options)
        self.where = where
        if where == "made":
            act(torch.zeros(1))
        if where in ORDERS:
            self.insert(-1, Layer(ORDERS[where]))

    def forward(self, x):
        in_float64 = Path("in float64").exists() and x.dtype == torch.float64
        if self.where == "forward" or Path("now").exists() or in_float64:
            x = act(x)
        return super().forward(x)

    def load_state_dict(self, *arguments, **options):
        if Path("restored").exists():
            act(torch.zeros(1))
        return super().load_state_dict(*arguments, **options)

def act(x):
"""
"""Networks of which ``model.where`` acts, or each from when a file of a certain name is there."""


@pytest.fixture
def network_that(tmp_path, monkeypatch):
    """Make a small network that acts, by the line of ``act(x)``; gives the overrides that choose it."""

    def make(line):
        (tmp_path / "acting_networks.py").write_text(f"{NETWORKS}    {line}\n")
        monkeypatch.syspath_prepend(tmp_path)
        # another test's
        monkeypatch.delitem(sys.modules, "acting_networks", raising=False)
        target = "model._target_=acting_networks.Network"
        return ["model=mlp", "model.widths=[8]", target, "plugins=[acting_networks]"]

    return make
