"""Keys from files, from ``+KEY=`` and ``~KEY``: one that nothing reads is refused, and a missing one is named."""

from pathlib import Path

import pytest

from jhrun.config.compose import complete
from jhrun.config.groups import choices

GLOBAL = "# @package _global_\n"


def write(file, text):
    path = Path("mine", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(jhrun, *typed):
    code, out, err = jhrun("train", "--config-dir", "mine", *typed)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert [path.name for path in Path().iterdir()] == ["mine"]
    return err


@pytest.mark.parametrize("text", ["train:\n  epochs: 1\n", "# a note\nseed: 3\n", "", "train: {epochs: 1}"])
def test_an_experiment_that_changes_nothing_is_refused(text, jhrun):
    write("experiment/mine.yaml", text)
    assert "experiment/mine.yaml changes nothing: its first line must be '# @package _global_'" in refused(
        jhrun, "experiment=mine"
    )


def test_so_is_a_sweep_of_it(jhrun):
    write("experiment/mine.yaml", "train:\n  epochs: 1\n")
    assert "experiment/mine.yaml changes nothing" in refused(jhrun, "-m", "experiment=mine", "seed=0,1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trian: {epochs: 1}", "there is no key 'trian': did you mean 'train'?, experiment=mine"),
        ("train: {epohcs: 1}", "there is no key 'train.epohcs': did you mean 'train.epochs'?"),
        ("watch: {parts: test}", "there is no key 'watch.parts': did you mean 'watch.part'?"),
        ("regularizer: {weigth: 1}", "key 'regularizer.weigth', jhrun.terms.spectral.Spectral, did you mean 'we"),
        ("model: {wdths: [3]}", "there is no key 'model.wdths', jhrun.models.cnn.CNN, did you mean 'widths'?"),
        ("attack: {pgd20: {step: 3}}", "no key 'attack.pgd20.step', jhrun.attacks.pgd.PGD, did you mean 'steps'?"),
        ("attack: {fgsm: {steps: 3}}", "no key 'attack.fgsm.steps', jhrun.attacks.fgsm.FGSM, leave it out"),
        ("attack: {steps: 3}", "'attack.steps' is no attack: the first line of a file must be"),
        (
            "seeed: 1\ntrain: {lr: 1}",
            "did you mean 'optimizer.lr'?; there is no key 'seeed': did you mean 'seed'",
        ),
    ],
)
def test_an_unknown_key_of_a_file_is_refused_as_a_typed_one(text, told, jhrun):
    write("experiment/mine.yaml", f"{GLOBAL}{text}\n")
    assert told in refused(jhrun, "experiment=mine")


def test_a_file_of_a_group_may_not_set_what_its_class_does_not_take(jhrun):
    write("model/mine.yaml", "_target_: jhrun.models.mlp.MLP\nwidth: [3]\n")
    assert "there is no key 'model.width', jhrun.models.mlp.MLP, did you mean 'widths'?" in refused(
        jhrun, "model=mine"
    )


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("+foo=1", "there is no key 'foo'"),
        ("+train.foo=1", "there is no key 'train.foo'"),
        ("+regularizer.foo=1", "there is no key 'regularizer.foo'"),
        ("+solver.foo=1", "there is no key 'solver.foo'"),
        ("+dataset.foo=1", "there is no key 'dataset.foo'"),
        ("+model.outputs=3", "there is no key 'model.outputs'"),
        ("++objective.foo=1", "there is no key 'objective.foo'"),
        ("train={epochs: 1, epoch: 2}", "there is no key 'train.epoch'"),
        ("~train", "'train' is missing"),
        ("~train.epochs", "'train.epochs' is missing"),
        ("~seed", "'seed' is missing"),
    ],
)
def test_a_typed_key_that_nothing_reads_and_one_that_is_missed(typed, told, jhrun, tmp_path):
    code, out, err = jhrun("train", typed)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert told in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reference", ["${share}", "${.share}", "${regularizer.share}"])
def test_a_key_of_ones_own_that_another_refers_to_is_read(reference, jhrun):
    section = "" if reference == "${share}" else "  "
    lines = ["regularizer:", f"  weight: {reference}", f"{section}share: 0.7"]
    write("experiment/mine.yaml", f"{GLOBAL}{chr(10).join(lines)}\n")
    code, out, err = jhrun("train", "--config-dir", "mine", "experiment=mine", "train.epochs=0")
    assert (code, out, err) == (2, "", "error: train.epochs=0: must be a whole number of at least 1\n")


def test_a_section_that_is_typed_keeps_its_other_keys():
    assert complete("train", ["train={epochs: 7}"])[0].train == complete("train", ["train.epochs=7"])[0].train


@pytest.mark.parametrize("experiment", choices("experiment"))
def test_our_own_experiments_are_complete(experiment):
    assert "hydra" not in complete("train", [f"experiment={experiment}"])[0]
