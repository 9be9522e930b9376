"""jhrun train logger=tensorboard: the same run, and its records in TensorBoard's files."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from jhrun.jsonio import read_json, read_lines
from jhrun.loggers.tensorboard import TAGS


def records(run):
    return list(read_lines(run / "metrics.jsonl"))


def read(run):
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def assert_curves_are_the_records(run):
    found, lines = read(run), records(run)
    for name, tag in TAGS.items():
        expected = [(line["steps"], pytest.approx(line[name], rel=1e-6)) for line in lines]
        assert [(event.step, event.value) for event in found.Scalars(tag)] == expected, tag


def hyperparameters(run):
    content = read(run).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    return HParamsPluginData.FromString(content).session_start_info.hparams


def assert_same_weights(one, other):
    for name in ("weights", "state"):
        a, b = (load_file(run / f"checkpoints/last/{name}.safetensors") for run in (one, other))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_it_holds_the_records_and_changes_nothing_of_the_run(tiny):
    run, plain = tiny("logger=tensorboard"), tiny(folder="plain")
    assert_same_weights(run, plain)
    assert_curves_are_the_records(run)
    report = read_json(run / "report.json")
    figures = {
        "clean": report["clean"],
        **{name: a["robust"] for name, a in report["attacks"].items()},
        "worst_case": report["worst_case"],
    }
    found = read(run)
    for name, figure in figures.items():
        (point,) = found.Scalars(f"test/{name}")
        assert (point.step, point.value) == (report["epochs"][-1]["steps"], pytest.approx(figure["accuracy"]))
    settings = hyperparameters(run)
    assert settings["seed"].number_value == 0
    assert settings["model.widths"].string_value == "[16]"
    assert settings["regularizer.weight"].number_value == report["config"]["regularizer"]["weight"]
    assert not (plain / "tensorboard").exists()


def test_a_resumed_run_has_each_point_once_and_may_get_or_lose_a_logger(tiny, jhrun):
    run, plain = tiny("logger=tensorboard", "evaluate=false"), tiny("evaluate=false", folder="plain")
    for folder, *more in ((run,), (plain, "logger=tensorboard")):
        code, _, err = jhrun("train", f"resume={folder}", "train.epochs=3", *more)
        assert code == 0, err
        assert len(records(folder)) == 3
        assert_curves_are_the_records(folder)
        assert hyperparameters(folder)["train.epochs"].number_value == 3
    assert_same_weights(run, plain)
    before = sorted((run / "tensorboard").iterdir())
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=4", "logger=none")
    assert code == 0, err
    assert sorted((run / "tensorboard").iterdir()) == before


def test_a_regression_task_has_its_figures(tiny):
    task = ["experiment=conservative_field", "dataset.dimension=3", "dataset.examples=40"]
    run = tiny(*task, "logger=tensorboard")
    found, lines = read(run), records(run)
    skills = [pytest.approx(line["task"]["skill"], rel=1e-6) for line in lines]
    assert [event.value for event in found.Scalars("validation/skill")] == skills
    assert len(found.Scalars("test/mse")) == 1


def test_where_it_is_not_installed_nothing_is_begun(jhrun, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    code, out, err = jhrun("train", "logger=tensorboard")
    assert (code, out) == (2, "")
    assert "pip install 'jhrun[tensorboard]'" in err
    assert err.count("\n") == 1
    assert not Path("outputs").exists()
