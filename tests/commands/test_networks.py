"""Networks by plugin, as a user meets their faults: one line that says what is wrong, and no traceback."""

from pathlib import Path

import pytest

NETWORKS = """
import torch
from torch import nn
from jhrun.models import MLP

class Faulty(nn.Module):
    def __init__(self, how, **options):
        super().__init__()
        self.inner, self.how = MLP(**options), how

    def forward(self, x):
        if self.how == "tuple":
            return self.inner(x), x
        if self.how == "breaks" and not self.training:
            raise RuntimeError("not made for this")
        if self.how == "alone" and not self.training and len(x) == 1:
            raise RuntimeError("not one by one")
        return self.inner(x)

class Attending(nn.Module):
    def __init__(self, shape, outputs, **options):
        super().__init__()
        self.first, self.last = nn.Linear(shape[-1], 8), nn.Linear(8, outputs)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        t = torch.tanh(self.first(x.flatten(1, 2)))
        return self.last((t + self.attention(t, t, t, need_weights=False)[0]).mean(1))

def nothing(**options):
    return None
"""


@pytest.fixture(autouse=True)
def _plugin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("odd_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)


def of(name, *options):
    return [
        "model=mlp",
        "model.widths=[8]",
        f"model._target_=odd_networks.{name}",
        "plugins=[odd_networks]",
        *options,
    ]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            of("Faulty", "+model.how=tuple"),
            "in training mode the network returns a tuple of 2, model: odd_networks.F",
        ),
        (
            of("Faulty", "+model.how=breaks"),
            "in evaluation mode the network raises RuntimeError on 2 examples: not ma",
        ),
        (
            of("Faulty", "+model.how=alone"),
            "in evaluation mode the network raises RuntimeError on one example alone",
        ),
        (of("nothing"), "the model is of type NoneType, model: odd_networks.nothing, return a torch.nn.Module"),
    ],
    ids=["tuple", "in evaluation", "alone", "None"],
)
@pytest.mark.parametrize("regularizer", ["none", "jacobian"])
def test_a_fault_is_one_line_before_the_training(chosen, said, regularizer, jhrun):
    code, out, err = jhrun("train", *chosen, f"regularizer={regularizer}", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert "Traceback" not in out + err
    assert not Path("run/checkpoints").exists()


def test_bench_examines_a_network_too(jhrun):
    code, _, err = jhrun("bench", *of("Faulty", "+model.how=tuple"), "hydra.run.dir=bench")
    assert (code, "the network returns a tuple of 2" in err) == (2, True)


def test_a_transformer_is_trained_under_a_hessian_and_measured(tiny, jhrun):
    chosen = of("Attending", "train.examples=40", "train.epochs=1", "evaluate=false")
    run = tiny(*chosen, "regularizer=hessian")
    code, _, err = jhrun(
        "eval", f"run={run}", "plugins=[odd_networks]", "attack=fgsm", "analysis=curvature", "subset=4"
    )
    assert code == 0, err
