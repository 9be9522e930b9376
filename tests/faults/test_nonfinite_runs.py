"""Values that are not finite, as a user meets them: one line, exit 5, and all that was good as it was."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from jhrun.config import network, objects, stored
from jhrun.folder import RunFolder
from jhrun.training import Canaries, Checkpoint

# of figures that hold such values
pytestmark = pytest.mark.rendered

LINES = """
from dataclasses import replace
from jhrun.data import Part, regression

def spoilt(**options):
    data = regression.conservative_field(dimension=4, examples=200, **options)
    inputs = data.train.inputs.clone()
    inputs[7] = 1e30
    return replace(data, train=Part(inputs, data.train.targets))
"""


def spoilt(tmp_path, monkeypatch):
    """What chooses a field of whose training examples number 7 is so large that its loss is infinite."""
    (tmp_path / "spoilt_field.py").write_text(LINES)
    monkeypatch.syspath_prepend(tmp_path)
    return ["dataset._target_=spoilt_field.spoilt", "plugins=[spoilt_field]", "evaluate=false"]


def read(path):
    return json.loads(path.read_text())


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "environment.json"]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def without(found, *names):
    return {path: content for path, content in found.items() if path.name not in names}


def test_a_diverging_run_ends_with_5_and_all_that_was_good_stays(tiny, jhrun):
    run = tiny("optimizer=sgd", "optimizer.lr={0: 0.01, 1: 1e30}", "train.epochs=1", "evaluate=false")
    before = contents(run)
    code, out, err = jhrun("train", f"resume={run}", "train.epochs=3")
    assert (code, err.count("\n")) == (5, 1)
    assert err.startswith("error: the task loss and the penalty became infinite or not a number, epoch 2, step ")
    assert "training examples " in err
    assert " more, lower optimizer.lr" in err
    after, changed = contents(run), ("run.log", "status.json", "config.yaml")
    assert without(after, *changed) == without(before, *changed)
    status = read(run / "status.json")
    assert (status["state"], status["exit_code"], status["error"]) == ("failed", 5, err[7:-1])
    assert "Traceback" in (run / "run.log").read_text()
    assert "Traceback" not in out + err


def test_a_bad_example_is_named_and_skipped_if_told_so(jhrun, tmp_path, monkeypatch):
    bad = spoilt(tmp_path, monkeypatch)
    code, _, err = jhrun(
        "train",
        "experiment=conservative_field",
        "~dataset.dimension",
        "~dataset.examples",
        "model.widths=[16]",
        "optimizer.lr=0.001",
        *bad,
        "hydra.run.dir=run",
    )
    assert code == 5
    assert "training example 7, " in err
    code, out, err = jhrun("train", "resume=run", *bad[1:2], "train.epochs=2", "train.on_nonfinite=skip")
    assert code == 0, err
    assert out.count("1 of its batches skipped") == 2
    report = read(Path("run/report.json"))
    assert [line["skipped"] for line in report["epochs"]] == [1, 1]
    (warning,) = report["warnings"]
    assert warning.startswith("train.on_nonfinite=skip left out 2 batches whose loss, penalty or gradient")
    assert warning in Path("run/report.md").read_text()


def test_what_to_do_is_stop_or_skip(jhrun):
    code, _, err = jhrun("train", "train.on_nonfinite=ignore")
    assert (code, "train.on_nonfinite=ignore: must be one of stop, skip" in err) == (2, True)


def spoil(run):
    """Make the outputs for some test examples infinite, in a run that was saved so."""
    place = run / "checkpoints/last"
    good = Checkpoint.load(place)
    weights = {name: tensor.clone() for name, tensor in good.weights.items()}
    first = next(name for name, tensor in weights.items() if tensor.ndim == 2)
    weights[first][:, 2] = 3e38
    values = stored.read(run / "config.yaml")
    data = objects.dataset(values, [])
    model = network.model(values, data, [])
    model.load_state_dict(weights)
    Canaries(RunFolder(run), data.spec.shape).note("last", good.info, model)
    replace(good, weights=weights).save(place)


def test_no_accuracy_is_told_of_logits_that_are_not_finite(tiny, jhrun):
    run = tiny("attack=fgsm")
    spoil(run)
    before = contents(run)
    code, out, err = jhrun("eval", f"run={run}", "attack=pgd20")
    assert (code, err.count("\n")) == (5, 1)
    bad = re.match(
        r"error: the network's logits are not finite, (\d+) of 250 examples of a batch, no accuracy", err
    )
    assert 0 < int(bad.group(1)) < 250
    assert "clean" not in out
    assert "%" not in out
    after = contents(run)
    left = after.keys() - before.keys()
    assert {path.name for path in left} <= {"request.json"}
    assert without({path: after[path] for path in before}, "run.log") == without(before, "run.log")


def test_nor_is_a_figure_of_a_regression_task(jhrun):
    small = ["dataset.dimension=4", "dataset.examples=200", "model.widths=[16]", "train.epochs=1"]
    code, _, err = jhrun("train", "experiment=conservative_field", *small, "hydra.run.dir=run")
    assert code == 0, err
    spoil(Path("run"))
    before = contents(Path("run"))
    code, out, err = jhrun("eval", "run=run")
    assert (code, err.count("\n")) == (5, 1)
    assert err.startswith("error: the network's outputs or their derivatives are not finite, mse and skill")
    assert "skill" not in out
    after = contents(Path("run"))
    assert {path.name for path in after.keys() - before.keys()} <= {"request.json"}
    assert without({path: after[path] for path in before}, "run.log") == without(before, "run.log")
