"""What people type, as Hydra's grammar reads it."""

from pathlib import Path

import pytest

from jhrun.config.compose import composed
from jhrun.config.overrides import prepare, text_keys

LETTERS = ["a b", "Übung/数据", "a b/ü", "it's", "x=y", "a (1)#2", "back\\slash", "a,b/c"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_which_keys_hold_text():
    """A new key that shows up here is taken letter by letter; one that is no text needs a rule in CHECKS."""
    assert {key for key in text_keys() if not key.startswith("hydra.")} == {
        "dataset.cache", "dataset.root", "name", "paper", "resume", "run", "twin",
    }  # fmt: skip
    assert {"hydra.run.dir", "hydra.sweep.dir"} < text_keys()


@pytest.mark.parametrize("path", [*LETTERS, "007", "1e3", "true", "a,b", "[x", "{x}", "choice(a)"])
@pytest.mark.parametrize("key", ["run", "twin", "name", "dataset.root"])
def test_text_is_taken_letter_by_letter(key, path):
    config = composed("eval", prepare(["run=x", f"{key}={path}"], multirun=False))
    node = config.dataset.root if key == "dataset.root" else config[key]
    assert node == path


@pytest.mark.parametrize("path", [p for p in LETTERS if "/" in p or p in {"Übung/数据", "it's", "a (1)#2"}])
@pytest.mark.parametrize("key", ["regularizer.target", "solver.costs", "model.activation"])
def test_paths_and_what_the_grammar_cannot_read_are_text_for_every_key(key, path):
    overrides = ["regularizer=jacobian_target", "regularizer.target=1", f"{key}={path}"]
    group, _, name = key.partition(".")
    assert composed("train", prepare(overrides, multirun=False))[group][name] == path


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("train.epochs=7", 7),
        ("optimizer.lr=1e-3", 1e-3),
        ("epsilon=8/255", "8/255"),
        ("model.widths=[1,2]", [1, 2]),
        ("plugins=[a,b]", ["a", "b"]),
        ("subset=null", None),
        ("train.drop_last=true", True),
    ],
)
def test_all_else_is_read_as_it_is_meant(typed, value):
    config = composed("train", prepare([typed], multirun=False))
    for name in typed.partition("=")[0].split("."):
        config = config[name]
    assert config == value


@pytest.mark.parametrize("twin", ["a twin", "Zwilling für ü"])
def test_an_evaluation_finds_its_twin_whatever_its_name(twin, tiny, jhrun):
    tiny("train.epochs=1", "evaluate=false")
    tiny("train.epochs=1", "evaluate=false", folder=twin)
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", f"twin={twin}", "subset=5")
    assert code == 0, err
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", f"twin={Path(twin) / 'missing'}", "subset=5")
    assert (code, err.count("\n")) == (4, 1)
    assert f"'{twin}/missing' does not exist" in err
