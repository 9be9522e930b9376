"""Networks that are judged and not accused: one that is not deterministic, one with more outputs than classes."""

import sys
from pathlib import Path

import pytest

from jhrun.jsonio import read_json, write_json

NETWORKS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, shape, outputs, more=0, drop=0.0, **_):
        super().__init__()
        self.drop = drop
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Softplus(), nn.Linear(16, outputs + more))
        with torch.no_grad():
            self.inner[-1].bias[outputs:] = 50

    def forward(self, x):
        # also in eval mode
        return nn.functional.dropout(self.inner(x), self.drop, training=True) if self.drop else self.inner(x)
"""
TRAIN = ["train", "model._target_=judged_networks.Net", "plugins=[judged_networks]", "regularizer=none"]
TRAIN += ["train.epochs=1", "train.examples=64", "hydra.run.dir=run", "evaluate=false"]
EVAL = ["eval", "run=run", "plugins=[judged_networks]", "attack=[fgsm,pgd20]", "cascade=true", "subset=30"]


@pytest.fixture(autouse=True)
def _plugin(tmp_path, monkeypatch):
    (tmp_path / "judged_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("judged_networks", None)


def checks(name):
    found = read_json(Path("run/eval") / name / "analyses/verdict.json")["record"]
    return found["outcome"], {check["name"]: check["outcome"] for check in found["checks"]}


def test_a_network_with_dropout_in_use_is_judged_not_deterministic(jhrun):
    code, _, err = jhrun(*TRAIN, "+model.drop=0.5")
    assert code == 0, err
    noted = read_json(Path("run/canary.json"))["last"][-1]
    assert noted["deterministic"] is False
    for name in ("one", "two"):
        code, _, err = jhrun(*EVAL, f"name={name}")
        assert code == 0, err
        outcome, found = checks(name)
        assert outcome == "fail"
        assert found["deterministic logits"] == "fail"
    # what its own answers never are is another network's
    entries = read_json(Path("run/canary.json"))
    entries["last"][-1]["outputs"] = [[1000.0 * v for v in row] for row in entries["last"][-1]["outputs"]]
    write_json(Path("run/canary.json"), entries)
    code, _, err = jhrun(*EVAL, "name=three")
    assert code == 4
    assert "does not say what it said when it was saved" in err


def test_a_network_with_an_output_that_is_no_class_is_judged(jhrun):
    code, _, err = jhrun(*TRAIN, "+model.more=1")
    assert code == 0, err
    assert "deterministic" not in read_json(Path("run/canary.json"))["last"][-1]
    code, _, err = jhrun(*EVAL, "name=one", "analysis=[quick_verdict,curvature]")
    assert code == 0, err
    assert read_json(Path("run/eval/one/results.json"))["clean"]["accuracy"] == 0  # the eleventh is the largest
    assert checks("one")[0] != "pass"
    assert "output 10" in Path("run/figures/adversarial_fgsm.csv").read_text()
    assert jhrun("report", "run")[0] == 0
