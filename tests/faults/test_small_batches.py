"""Batches of one, last ones that are not full, classes and parts that are missing: right figures, or why not."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from jhrun import seeds
from jhrun.config import network, objects, stored
from jhrun.training import Checkpoint

STILL = ["optimizer=sgd", "optimizer.lr=0", "train.epochs=1", "evaluate=false"]
"""The network stays as it is drawn, so that an epoch's figures are those of one batch of all."""
NORMED = ["model=cnn", "model.hidden=8", "regularizer=none", "train.epochs=1", "evaluate=false"]
ONE_PIXEL = "model.widths=[4,4,4,4]"
"""Of the digits' 8×8 pixels four convolutions leave one."""
IMAGES = [
    "dataset=image_folder",
    "dataset.root=images",
    "dataset.cache=null",
    "dataset.crop=0",
    "dataset.flip=false",
]


def epochs(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def asked_again(run, part):
    """The network of a run on a part of its data, all in one batch: inputs, targets and outputs."""
    values = stored.read(run / "config.yaml")
    data = objects.dataset(values, [])
    model = network.model(values, data, [])
    model.load_state_dict(dict(Checkpoint.load(run / "checkpoints/last").weights))
    (batch,) = getattr(data, part).batches(10_000)
    model.requires_grad_(False)
    return batch.inputs, batch.targets, model


@pytest.mark.parametrize("size", [1, 7, 19, 64])
def test_an_epochs_figures_are_those_of_one_batch_of_all(size, jhrun):
    """Twenty examples: batches of one, and last ones of six and of one."""
    for n in (20, size):
        few = ["model=mlp", "solver=exact", "train.examples=20", f"train.batch_size={n}"]
        code, _, err = jhrun("train", *STILL, *few, f"hydra.run.dir=by {n}")
        assert code == 0, err
    (whole,), (ragged,) = epochs(Path("by 20")), epochs(Path(f"by {size}"))
    assert ragged["steps"] == math.ceil(20 / size)
    for key in ("loss", "task_loss", "accuracy", "penalty"):
        assert ragged[key] == pytest.approx(whole[key], rel=1e-5), key


@pytest.mark.parametrize("drop", [False, True])
def test_an_epochs_figures_by_hand(drop, tiny):
    """1295 examples in batches of 256 leave 15; 719 to validate with are more than are asked at once."""
    few = ["regularizer=none", "train.batch_size=256", f"train.drop_last={drop}"]
    run = tiny(*STILL, *few)
    inputs, targets, model = asked_again(run, "train")
    order = torch.randperm(1295, generator=seeds.generator("cpu", 0, "order", 0))
    seen = order[: 5 * 256] if drop else order
    (line,) = epochs(run)
    logits = model(inputs[seen])
    assert line["steps"] == (5 if drop else 6)
    assert line["task_loss"] == pytest.approx(float(F.cross_entropy(logits, targets[seen])), rel=1e-5)
    assert line["accuracy"] == pytest.approx(float((logits.argmax(1) == targets[seen]).double().mean()))


def test_a_validations_figures_by_hand(tiny):
    run = tiny("train.epochs=1", "evaluate=false", "dataset.validation=0.5")
    inputs, targets, model = asked_again(run, "validation")
    assert 512 < len(targets) < 1024
    logits, (line,) = model(inputs), epochs(run)
    assert line["validation_loss"] == pytest.approx(float(F.cross_entropy(logits, targets)), rel=1e-5)
    assert line["validation_accuracy"] == float((logits.argmax(1) == targets).double().mean())


@pytest.mark.parametrize("n", [1, 251])
def test_an_evaluations_figures_by_hand(n, tiny):
    """Attacks work on 250 at a time, which leaves one."""
    run = tiny("train.epochs=3", "attack=fgsm", f"subset={n}")
    kept = np.load(run / "eval/fgsm/per_example.npz")
    inputs, targets, model = asked_again(run, "test")
    x, y = inputs[kept["index"]].requires_grad_(), targets[kept["index"]]
    F.cross_entropy(model(x), y, reduction="sum").backward()
    attacked = model((x + 0.1 * x.grad.sign()).clamp(0, 1)).argmax(1)
    found = json.loads((run / "eval/fgsm/results.json").read_text())
    right = model(x).argmax(1) == y
    assert (len(y), kept["fgsm.last"].tolist()) == (n, attacked.tolist())
    assert found["clean"]["accuracy"] == float(right.double().mean())
    assert found["clean"]["n"] == n


@pytest.mark.parametrize(
    ("size", "rest", "code"),
    [
        (1, [], 2),
        (19, [], 2),
        (18, [], 0),
        (19, ["train.drop_last=true"], 0),
        (1, ["train.drop_last=true"], 2),
    ],
)
def test_batch_norm_of_one_value(size, rest, code, jhrun):
    few = ["model.normalisation=batch", ONE_PIXEL, "train.examples=20", f"train.batch_size={size}", *rest]
    ended, _, err = jhrun("train", *NORMED, *few, "hydra.run.dir=run")
    assert ended == code, err
    if code:
        assert err.startswith(
            "error: the network cannot train on a batch of one example (Expected more than 1 value"
        )
        assert f"train.batch_size={size} of 20 training examples, choose one that leaves no batch of one" in err
        assert err.count("\n") == 1
        assert not Path("run").exists()
        assert not list(Path("run").glob("checkpoints/*"))


def test_batch_norm_of_one_example_of_several_pixels_trains(jhrun):
    few = ["model.normalisation=batch", "model.widths=[4]", "train.examples=3", "train.batch_size=1"]
    code, _, err = jhrun("train", *NORMED, *few, "hydra.run.dir=run")
    assert code == 0, err
    assert math.isfinite(epochs(Path("run"))[0]["loss"])
    # it was tried on a copy: the running means saw three batches
    assert int(Checkpoint.load(Path("run/checkpoints/last")).weights["2.num_batches_tracked"]) == 3


def test_group_norm_of_one_value_is_refused(jhrun):
    code, _, err = jhrun("train", *NORMED, "model.normalisation=group", ONE_PIXEL, "hydra.run.dir=run")
    assert (code, err.count("\n")) == (2, 1)
    assert "4 channels of 1×1 pixels, one to a group: GroupNorm makes them all 0" in err


def images(**counts):
    """A folder of noise: so many images of each class in each part."""
    random = np.random.default_rng(0)
    for place, n in counts.items():
        part, name = place.split("_")
        folder = Path("images", part, name)
        folder.mkdir(parents=True)
        for i in range(n):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i}.png")


def test_a_class_that_is_not_trained_on(tiny):
    """Its only image validates."""
    images(train_cat=6, train_dog=1, test_cat=3, test_dog=2)
    run = tiny(*IMAGES, "dataset.validation=0.6", "attack=fgsm")
    inputs, targets, model = asked_again(run, "test")
    assert asked_again(run, "train")[1].tolist() == [0, 0]
    right = model(inputs).argmax(1) == targets
    shares = json.loads((run / "eval/fgsm/results.json").read_text())["per_class"]
    for number, (name, n) in enumerate({"cat": 3, "dog": 2}.items()):
        assert shares[name]["clean"]["n"] == n
        assert shares[name]["clean"]["accuracy"] == float(right[targets == number].double().mean())


def test_a_class_that_is_not_tested(tiny):
    run = tiny("train.examples=3", "subset=2", "attack=fgsm")
    tested = {str(label) for label in np.load(run / "eval/fgsm/per_example.npz")["target"]}
    shares = json.loads((run / "eval/fgsm/results.json").read_text())["per_class"]
    assert shares.keys() == tested
    assert sum(share["clean"]["n"] for share in shares.values()) == 2


def test_one_class_is_none_to_tell_apart(jhrun):
    images(train_cat=6, test_cat=3)
    code, _, err = jhrun("train", *IMAGES, "model=mlp", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (3, 1)
    assert "there must be two or more to tell apart" in err
    assert "cat" in err


@pytest.mark.parametrize("share", [0, 0.001])
def test_nothing_to_validate_with(share, tiny, jhrun):
    """A thousandth of 144 images of a digit is none of them."""
    run = tiny("train.epochs=1", "evaluate=false", f"dataset.validation={share}")
    (line,) = epochs(run)
    assert (line["validation_loss"], line["validation_accuracy"]) == (None, None)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last"]
    code, _, err = jhrun("eval", f"run={run}", "checkpoint=best")
    assert code == 4
    assert "best is chosen by validation accuracy, and the run had no validation examples; use last" in err
    watched = [f"dataset.validation={share}", "watch.part=validation"]
    code, _, err = jhrun("train", "model=mlp", *watched, "hydra.run.dir=watched")
    assert (code, err) == (2, "error: the validation part is empty, watch, raise dataset.validation\n")


@pytest.mark.parametrize(
    ("typed", "exit_code", "told"),
    [
        (["dataset.validation=0.9999"], 3, "the train part is empty: no example is left for it"),
        (["train.examples=20", "train.drop_last=true"], 2, "batch_size=64 is more than the 20 training examples"),
    ],
)
def test_nothing_to_train_on(typed, exit_code, told, jhrun):
    code, _, err = jhrun("train", "model=mlp", *typed, "hydra.run.dir=run")
    assert (code, err.count("\n")) == (exit_code, 1)
    assert told in err


def test_a_task_that_is_validated_and_tested_on_one_point(tiny):
    """Its value has no variance that could be explained; all else is known."""
    task = ["dataset=conservative_field", "dataset.dimension=3", "dataset.examples=2", "dataset.validation=0.5"]
    run = tiny(*task, "objective=squared_error", "regularizer=none", "subset=1", "logger=tensorboard")
    inputs, targets, model = asked_again(run, "validation")
    assert epochs(run)[-1]["task"]["mse"] == pytest.approx(float((model(inputs) - targets).square().mean()))
    figures = json.loads((run / "eval/test/results.json").read_text())["task"]
    assert {key for key, value in figures.items() if value is not None} == {"mse", "n", "asymmetry", "points"}
    assert "skill |" not in (run / "report.md").read_text()
