"""What a plugin's author or user gets wrong is one line: what, where, how to mend it."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from jhrun.jsonio import read_json

HERE = Path(__file__).parent
SMALL = [
    *("train", "model=mlp", "model.widths=[8]", "train.epochs=2", "train.batch_size=16", "train.examples=32"),
    *("evaluate=false", "plugins=[broken]", "hydra.run.dir=run", "solver=tracked"),
]
TERM = ["~regularizer.penalties", "regularizer.weight=0.2"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    shutil.copy(HERE / "broken.py", tmp_path)
    monkeypatch.chdir(tmp_path)


def matrix(name):
    return "regularizer.penalties=[{_target_: broken." + name + "}]"


def term(name):
    return [*TERM, f"regularizer._target_=broken.{name}"]


def test_an_error_of_a_plugin_under_auto_is_told_with_its_place(jhrun):
    code, _, err = jhrun(*SMALL, "solver=auto", matrix("Alone"))
    assert code == 2
    assert "IndexError (one example is not enough)" in err
    assert "broken.py, line 20, mend it there" in err
    assert "Traceback" not in err


def test_a_penalty_s_own_state_goes_on_with_the_run(jhrun):
    assert jhrun(*SMALL, matrix("Counting"))[0] == 0
    assert jhrun("train", "resume=run", "train.epochs=3", "plugins=[broken]")[0] == 0
    for checkpoint in ("last", "best"):
        state = load_file(f"run/checkpoints/{checkpoint}/state.safetensors")
        made = [float(tensor) for name, tensor in state.items() if "made" in name]
        # two steps an epoch
        assert made == [2 * read_json(Path(f"run/checkpoints/{checkpoint}/state.json"))["epoch"]]


def test_values_of_another_shape_are_refused(jhrun):
    code, _, err = jhrun(*SMALL, *term("Odd"))
    assert code == 2
    assert "Odd returned values of shape (16, 10) for 16 examples" in err


def test_an_argument_that_is_not_kept_cannot_follow_a_schedule(jhrun):
    code, _, err = jhrun(*SMALL, *term("Odd"), "+regularizer.strength={0: 1, 1: 2}")
    assert code == 2
    assert "regularizer.strength cannot follow a schedule: Odd keeps no attribute 'strength'" in err


def test_a_term_of_coupled_examples_refuses_micro_batches_by_name(jhrun):
    assert jhrun(*SMALL, *term("Pairs"))[0] == 0
    shutil.rmtree("run")
    code, _, err = jhrun(*SMALL, *term("Pairs"), "train.micro_batch=8")
    assert code == 2
    assert "Pairs couples the examples of a batch: leave train.micro_batch out" in err


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        (["solver=auto", "solver.truth={cosine: {start: 0.9, end: 0.5}}"], "solver.truth"),
        (["regularizer.weight={lambda: {cosine: {start: 4}}}"], "regularizer.weight.lambda"),
        (["optimizer=sgd", "optimizer.momentum={cosine: {start: 0.9, end: 0.5}}"], "optimizer.momentum"),
    ],
)
def test_more_epochs_bend_no_schedule_that_was_followed(changed, key, jhrun):
    code, _, err = jhrun(*SMALL, *changed)
    assert code == 0, err
    code, _, err = jhrun("train", "resume=run", "train.epochs=3")
    assert code == 2
    assert f"train.epochs=3 instead of 2 would bend {key}" in err


def test_an_error_in_a_plugin_s_copies_or_state_is_told_with_its_place(jhrun):
    code, _, err = jhrun(*SMALL, *term("Forgetful"), "+regularizer.copied=true")
    assert code == 2
    assert "has no attribute 'twin'" in err
    assert "broken.py, line" in err
    assert jhrun(*SMALL, *term("Forgetful"))[0] == 0
    code, _, err = jhrun("train", "resume=run", "train.epochs=3", "plugins=[broken]")
    assert code == 2
    assert "it raised KeyError ('other')" in err
    assert "broken.py, line" in err


def test_weights_by_class_are_no_schedule_and_whole_numbers_stay_whole(jhrun):
    typed = ["+regularizer.weights={0: 2, 1: 0.5}", "+regularizer.times={0: 1, 1: 2}"]
    code, _, err = jhrun(*SMALL, *term("Classes"), *typed)
    assert code == 0, err


def test_a_length_within_the_warm_up_is_told(jhrun):
    lr = "optimizer.lr={cosine: {start: 1e-2, warmup: 2}}"
    assert jhrun(*SMALL, lr, "train.epochs=4", "checkpoint.steps=1")[0] == 0
    code, _, err = jhrun("train", "resume=run", "train.epochs=2")
    assert code == 2
    assert "optimizer.lr={cosine:" in err
    assert "below train.epochs=2" in err
