"""Values that cannot be: all of them told at once, before any data is looked at."""

import math
from pathlib import Path

import pytest
import torchvision.datasets as tv

from jhrun.attacks import FGSM, PGD, PGDL2
from jhrun.config.values import CLASSES, check, radius, written_as
from jhrun.data.digits import digits
from jhrun.errors import ConfigError

# whoever looked for this data would make its folder, and end with 3
MNIST = ["dataset=mnist", "dataset.root=missing"]
WRONG = {
    "epsilon": ("-0.1", "must be a number of at least 0 or a fraction such as 8/255"),
    "optimizer.lr": ("nan", "must be a finite number of at least 0"),
    "solver.iterations": ("0", "must be a whole number of at least 1"),
    "regularizer.weight": ("1.5", "must lie in [0, 1]"),
    "train.batch_size": ("0", "must be a whole number of at least 1"),
    "attack.apgd_dlr.targets": ("10", "must be at most 9, for there are 10 classes"),
    "attack.apgd_dlr.steps": ("0", "must be a whole number of at least 1"),
}


def check_refused(said, wrong):
    code, out, err = said
    assert (code, out, err.count("\n")) == (2, "", 1)
    told = "; ".join(sorted(f"{key}={value}: {rule}" for key, (value, rule) in wrong.items()))
    assert "; ".join(sorted(err.removeprefix("error: ").strip().split("; "))) == told


def typed(wrong):
    return [f"{key}={value}" for key, (value, _) in wrong.items()]


@pytest.mark.parametrize("wrong", [WRONG, *({key: WRONG[key]} for key in WRONG)], ids=["all", *WRONG])
def test_training_is_refused_before_anything_is_touched(wrong, jhrun, tmp_path):
    check_refused(jhrun("train", *MNIST, "solver=lanczos", "attack=apgd_dlr", *typed(wrong)), wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("epochs", ["0", "many"])
def test_without_a_number_of_epochs_the_rest_is_looked_at_all_the_same(epochs, jhrun):
    """And a cosine that cannot be longer than they are is not blamed."""
    wrong = {**WRONG, "train.epochs": (epochs, "must be a whole number of at least 1")}
    del wrong["optimizer.lr"]
    right = ["solver=lanczos", "attack=apgd_dlr", "optimizer.lr={cosine: {start: 0.1, warmup: 3}}"]
    check_refused(jhrun("train", *MNIST, *right, *typed(wrong)), wrong)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("optimizer.weight_decay", math.nan, "must be a finite number of at least 0"),
        ("epsilon", 8, "must be at most 1, because pixels lie in [0, 1] (did you mean 8/255?)"),
        ("epsilon", "8.5", "must be at most 1, because pixels lie in [0, 1] (did you mean 8.5/255?)"),
        ("epsilon", 1.01, "must be at most 1, because pixels lie in [0, 1] (did you mean 1.01/255?)"),
        ("epsilon", 2040, "must be at most 1, because pixels lie in [0, 1] (a radius is written as 8/255)"),
        ("epsilon", "8/255/2", "must be a number of at least 0 or a fraction such as 8/255"),
        ("epsilon", "8/", "must be a number of at least 0 or a fraction such as 8/255"),
        ("epsilon_l2", "1/0", "must be a number of at least 0 or a fraction such as 8/255"),
        ("model.widths", [8, -1], "must be a whole number of at least 1"),
        ("model.widths", 8, "must be a list of whole numbers, as in [64, 32]"),
        ("shape", [0, 8, 8], "must be a whole number of at least 1"),
        ("shape", "foo", "must be channels, height and width, as in [3, 32, 32]"),
        ("classes", 5 * 10**15, "must be a whole number of at least 2 and at most 1,000,000"),
        ("threads", 10**12, "must be a whole number of at least 1 and at most 4,096"),
        ("device", f"cuda:{10**20}", "must be one of auto, cpu, cuda, cuda:N"),
        ("optimizer.lr", math.inf, "must be a finite number of at least 0"),
        ("optimizer.lr", -1, "must be a finite number of at least 0"),
        ("optimizer.lr", "fast", "must be a finite number or a schedule such as {0: 0.25, 50: 0.5}"),
        ("optimizer.lr", {"cosine": {"start": math.inf}}, "inf must be a finite number of at least 0"),
        ("optimizer.lr", {"cosine": {"end": 1}}, "cosine: {'end': 1}: needs start, and may have end and warmup"),
        ("regularizer.weight", math.nan, "must lie in [0, 1]"),
        ("regularizer.weight", {0: 0.1, 3: -0.1}, "-0.1 must lie in [0, 1]"),
        (
            "regularizer.weight",
            {"lamda": 4},
            "must be a number in [0, 1], as 0.2; {lambda: 4}; or a schedule, as {0: 0.25, 50: 0.5}",
        ),
        ("regularizer.weight", {"lambda": {0: 1, 3: -1}}, "-1 must be at least 0"),
        ("solver.iterations", math.inf, "must be a whole number of at least 1"),
        ("solver.iterations", 1.5, "must be a whole number of at least 1"),
        ("solver.products", -1, "must be a whole number of at least 0"),
        ("dataset.crop", -1, "must be a whole number of at least 0"),
    ],
)
def test_what_is_said_of_a_value_is_true(key, value, rule):
    group, _, name = key.partition(".")
    with pytest.raises(ConfigError) as caught:
        check({"train": {"epochs": 5}, group: {name: value} if name else value})
    assert caught.value.parts[0] == f"{key}={written_as(value)}: {rule}"


def test_an_evaluation_is_refused_before_anything_is_touched(tiny, tiny_mnist, jhrun):
    tiny("dataset=mnist", f"dataset.root={tiny_mnist}", "train.epochs=1", "evaluate=false")
    tiny_mnist.rename("elsewhere")
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    wrong = {
        "epsilon": WRONG["epsilon"],
        "subset": ("0", "must be a whole number of at least 1"),
        "attack.fab.targets": ("12", "must be at most 9, for there are 10 classes"),
        "attack.fab.nearest": ("10", "must be at most 9, for there are 10 classes"),
    }
    check_refused(jhrun("eval", "run=run", "attack=fab", *typed(wrong)), wrong)
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_how_many_classes_there_are_is_known_rightly():
    known = {name.rpartition(".")[2]: n for name, n in CLASSES.items()}
    assert known == {
        "digits": len(digits().classes),
        "mnist": len(tv.MNIST.classes),
        "cifar10": 10,
        "cifar100": 100,
    }


@pytest.mark.parametrize("key", ["attack.fab.targets", "attack.fab.nearest"])
def test_more_classes_than_a_folder_has_are_refused_once_it_is_read(key, jhrun, tiny_image_folder):
    """Their number is not known before."""
    folder = ["dataset=image_folder", f"dataset.root={tiny_image_folder}", "model=mlp", "attack=fab"]
    code, _, err = jhrun("train", *folder, f"{key}=2", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (2, 1)
    assert f"{key}=2: must be at most 1, for there are 2 classes" in err
    assert not list(Path("run").glob("checkpoints/*"))


def test_a_default_is_at_most_what_there_is(jhrun, tiny_image_folder):
    """Nobody asked for nine of two classes."""
    folder = ["dataset=image_folder", f"dataset.root={tiny_image_folder}", "model=mlp", "model.widths=[4]"]
    code, _, err = jhrun("train", *folder, "attack=apgd_dlr", "attack.apgd_dlr.steps=2", "train.epochs=1")
    assert code == 0, err


def test_a_subset_that_is_too_large_is_refused_before_the_training(jhrun):
    code, _, err = jhrun("train", "model=mlp", "subset=360", "hydra.run.dir=run")
    assert (code, err) == (2, "error: the test set has 359 examples, subset=360, give fewer, or leave it out\n")
    assert not list(Path("run").glob("checkpoints/*"))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("iterations=[2,0]", "iterations=[2, 0]: must be a whole number of at least 1"),
        ("iterations=4", "iterations=4: must be a list of whole numbers"),
        ("classes=1", "classes=1: must be a whole number of at least 2"),
        ("batch_size=0", "batch_size=0: must be a whole number of at least 1"),
    ],
)
def test_a_bench_is_refused_likewise(typed, told, jhrun):
    code, _, err = jhrun("bench", "solvers=[lanczos]", typed)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err


SCALE = "because pixels lie in [0, 1] (did you mean 8/255?)"


@pytest.mark.parametrize("written", ["8", "8.0"])
def test_a_radius_of_pixels_up_to_255_is_refused_with_the_one_that_was_meant(written, jhrun, tmp_path):
    code, _, err = jhrun("train", *MNIST, f"epsilon={written}")
    assert (code, err.count("\n")) == (2, 1)
    assert f"epsilon={float(written) if '.' in written else written}: must be at most 1, {SCALE}" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", [0, 1, "255/255", "8.5/255", 1e-3])
def test_a_radius_up_to_the_whole_range_is_taken(written):
    check({"epsilon": written, "epsilon_l2": 30})
    assert radius(written) == pytest.approx(eval(str(written)), rel=0, abs=0)


def test_an_l2_radius_that_holds_every_image_is_refused_once_their_size_is_known(jhrun):
    """The greatest distance of two images of 8×8 pixels is 8."""
    code, _, err = jhrun("train", "epsilon_l2=128", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (2, 1)
    told = "epsilon_l2=128: must be at most √64 = 8, because pixels lie in [0, 1] (did you mean 128/255?)"
    assert told in err
    assert not list(Path("run").glob("checkpoints/*"))


def test_in_an_evaluation_too(tiny, jhrun):
    tiny("train.epochs=1", "evaluate=false", "epsilon_l2=8", "watch.part=test", "watch.examples=2")
    code, _, err = jhrun("eval", "run=run", "attack=pgd_l2", "epsilon_l2=8.1")
    assert (code, "epsilon_l2=8.1: must be at most √64 = 8" in err) == (2, True)
    code, _, err = jhrun("eval", "run=run", "epsilon=8")
    assert (code, f"epsilon=8: must be at most 1, {SCALE}" in err) == (2, True)
    assert not list(Path("run/eval").glob("*/results.json"))


def test_values_to_predict_have_no_range(jhrun):
    """Their inputs are no pixels."""
    small = ["dataset.dimension=2", "dataset.examples=200", "model.widths=[8]", "train.epochs=1"]
    code, _, err = jhrun("train", "experiment=conservative_field", *small, "epsilon_l2=5")
    assert (code, err.count("\n"), "pixels" in err) == (2, 1, False)
    assert "the data set has values to predict and no classes to attack, epsilon_l2" in err


@pytest.mark.parametrize("attack", [FGSM, PGD])
def test_an_attack_of_ones_own_refuses_it_too(attack):
    with pytest.raises(ValueError, match=r"epsilon=8: must be at most 1, .* \(did you mean 8/255\?\)"):
        attack(8)
    assert PGDL2(8).epsilon == 8


def test_how_many_classes_there_are_is_not_asked_of_the_data_of_a_call_that_goes_on_with_a_run():
    check({"resume": "run", "dataset": {"_target_": next(iter(CLASSES))}, "attack": {"fab": {"targets": 50}}})
