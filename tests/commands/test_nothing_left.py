"""A call that is refused leaves nothing behind; what a run leaves may be read as the umask says."""

import os
from pathlib import Path

import pytest
import torchvision.datasets as tv

PLUGIN = """import torch


class Net(torch.nn.Module):
    def __init__(self, shape, outputs, mean, std):
        super().__init__()
        {raises}
        self.layer = torch.nn.Linear(64, outputs)

    def forward(self, x):
        return self.layer(x.flatten(1))
"""
ALONE = [f"~model.{key}" for key in ("widths", "hidden", "activation", "normalisation", "weight_standardisation")]


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        ("train dataset=mnist dataset.root=data", 3, "could not be fetched"),
        ("train dataset=cifar10 dataset.root=some/data", 3, "could not be fetched"),
        ("train dataset=image_folder dataset.root=images dataset.cache=cache", 3, "images"),
        ("train subset=9999", 2, "the test set has 359 examples"),
        ("train model._target_=os.system", 7, "none of the public classes"),
        ("train plugins=[plugin_left] model._target_=plugin_left.Net", 2, "there is no module 'plugin_left'"),
        ("train attack=pgd_l2 epsilon_l2=null", 2, "epsilon_l2 has no value"),
        ("train solver=lanczos solver.start=nowhere", 2, "nowhere"),
        ("train regularizer=jacobian_target regularizer.target=missing", 4, "missing' does not exist"),
        ("train resume=missing", 4, "'missing' does not exist"),
        ("train hydra.run.dir=new/folder regularizer.weight=2", 2, "must lie in [0, 1]"),
        ("train -m seed=0,1 hydra.sweep.dir=new/sweep train.epochs=0", 2, "train.epochs=0"),
        ("eval run=missing twin=other", 4, "'missing' does not exist"),
        ("eval -m run=missing,other", 4, "job 1 (run='other'): 'other' does not exist"),
        ("bench solvers=[lanczos,lanzcos]", 2, "did you mean 'lanczos'?"),
        ("bench regularizer=combined", 2, "there are 2 matrices"),
        ("bench run=missing", 4, "'missing' does not exist"),
        (
            "bench -m seed=0,1 model._target_=os.system",
            7,
            "job 1 (seed=1 model._target_=os.system): _target_ 'os.system'",
        ),
        ("report missing", 4, "'missing' does not exist"),
        ("report missing other", 4, "missing"),
        ("compare missing other", 4, "'missing' does not exist"),
    ],
)
def test_nothing_is_left_of_a_call_that_is_refused(typed, code, told, jhrun, tmp_path, monkeypatch):
    monkeypatch.setattr(tv.MNIST, "mirrors", ["file:///nowhere/"])
    monkeypatch.setattr(tv.CIFAR10, "url", "file:///nowhere/cifar.tar.gz")
    found, _, err = jhrun(*typed.split())
    assert (found, told in err) == (code, True), err
    assert err.startswith("error: ")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("raises", ["", "raise ValueError('no such network')"])
def test_a_plugin_in_the_current_folder_needs_no_setting_and_is_told_before_there_is_a_folder(raises, jhrun):
    name = f"plugin_that_{'raises' if raises else 'works'}"
    Path(f"{name}.py").write_text(PLUGIN.format(raises=raises))
    plugged = [f"plugins=[{name}]", f"model._target_={name}.Net", *ALONE]
    code, _, err = jhrun("train", *plugged, "train.epochs=1", "evaluate=false", "hydra.run.dir=run")
    assert code == (2 if raises else 0), err
    assert ("no such network" in err) == bool(raises)
    assert Path("run/status.json").exists() != bool(raises)


def test_a_run_may_be_read_as_the_umask_says(tiny, jhrun):
    before = os.umask(0o027)
    try:
        run = tiny("train.epochs=1")
        assert jhrun("eval", f"run={run}", "attack=fgsm")[0] == 0
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in run.rglob("*")}
    assert len(modes) > 20
    assert {path.name for path, mode in modes.items() if mode != (0o750 if path.is_dir() else 0o640)} == set()
