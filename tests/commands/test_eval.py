"""jhrun eval: the same numbers again, others under another name, nothing overwritten."""

import json
from pathlib import Path

import numpy as np
import pytest


def results(run: Path, name: str):
    return json.loads((run / "eval" / name / "results.json").read_text())


def figures(record):
    """An evaluation's numbers, apart from when and how long."""
    attacks = {name: {k: v for k, v in a.items() if k != "seconds"} for name, a in record["attacks"].items()}
    return record["clean"], record["worst_case"], attacks


def test_it_gives_the_same_numbers_again_without_touching_the_first(tiny, jhrun):
    run = tiny()
    first = {path: path.read_bytes() for path in (run / "eval/fgsm+pgd20").iterdir()}
    assert jhrun("eval", "run=run", "attack=[fgsm,pgd20]")[0] == 0
    assert figures(results(run, "fgsm+pgd20-2")) == figures(results(run, "fgsm+pgd20"))
    assert all(path.read_bytes() == content for path, content in first.items())


def test_robust_is_never_above_clean_and_what_is_kept_per_example_adds_up(tiny):
    run = tiny()
    record = results(run, "fgsm+pgd20")
    each = np.load(run / "eval/fgsm+pgd20/per_example.npz")
    right = each["clean"] == each["target"]
    assert record["clean"]["accuracy"] == right.mean()
    worst = right
    for name, attack in record["attacks"].items():
        robust = right & (each[f"{name}.predicted"] == each["target"])
        assert np.array_equal(robust, each[f"{name}.robust"])
        assert attack["accuracy"] == robust.mean() <= right.mean()
        assert each[f"{name}.linf"].max() <= 0.1 + 1e-6
        worst = worst & robust
    assert record["worst_case"]["accuracy"] == worst.mean()
    images = np.load(run / "eval/fgsm+pgd20/images.npz")
    assert images["clean"].shape == images["pgd20"].shape == (8, 1, 8, 8)


def test_epsilon_is_an_option_and_zero_changes_nothing(tiny, jhrun):
    run = tiny("evaluate=false")
    assert jhrun("eval", "run=run", "epsilon=0", "name=zero")[0] == 0
    assert jhrun("eval", "run=run", "epsilon=51/255", "name=large", "attack=pgd20")[0] == 0
    zero, large = results(run, "zero"), results(run, "large")
    assert zero["worst_case"] == zero["clean"] == large["clean"]
    assert large["attacks"]["pgd20"]["epsilon"] == 0.2
    assert large["attacks"]["pgd20"]["accuracy"] < zero["clean"]["accuracy"]


def test_a_setting_of_an_attack_can_be_changed(tiny, jhrun):
    run = tiny("evaluate=false")
    assert jhrun("eval", "run=run", "attack=pgd20", "attack.pgd20.steps=3", "name=short")[0] == 0
    assert results(run, "short")["attacks"]["pgd20"]["parameters"] == {
        "steps": 3,
        "relative_step": 0.1,
        "restarts": 1,
    }


def test_last_is_taken_unless_best_is_asked_for(tiny, jhrun):
    run = tiny("evaluate=false", "train.epochs=3")
    best = json.loads((run / "checkpoints/best/state.json").read_text())["epoch"]
    for name in ("last", "best"):
        code, _, err = jhrun("eval", "run=run", f"checkpoint={name}", f"name={name}", "attack=fgsm")
        assert code == 0, err
    assert results(run, "last")["epoch"] == 3
    assert results(run, "best")["epoch"] == best


def test_without_validation_there_is_no_best(tiny, jhrun):
    tiny("evaluate=false", "dataset.validation=0")
    code, _, err = jhrun("eval", "run=run", "checkpoint=best")
    assert code == 4
    assert "'best'" in err


@pytest.mark.parametrize("name", ["zero", "../zero", ".hidden", "a/b"])
def test_a_taken_or_wandering_name_is_refused(tiny, jhrun, name):
    run = tiny("evaluate=false")
    (run / "eval/zero").mkdir(parents=True)
    assert jhrun("eval", "run=run", f"name={name}")[0] == 4


def test_the_report_shows_the_newest_evaluation_and_lists_all(tiny, jhrun):
    run = tiny()
    assert jhrun("eval", "run=run", "attack=fgsm", "epsilon=0.2", "name=second")[0] == 0
    report = json.loads((run / "report.json").read_text())
    assert report["evaluation"] == "second"
    assert report["attacks"].keys() == {"fgsm"}
    assert list(report["evaluations"]) == ["fgsm+pgd20", "second"]


def test_report_writes_it_again_from_the_records(tiny, jhrun):
    run = tiny()
    before = json.loads((run / "report.json").read_text())
    (run / "report.json").unlink()
    code, out, _ = jhrun("report", "run")
    assert code == 0
    assert out.splitlines()[-1] == str(run)
    assert json.loads((run / "report.json").read_text()) == before


def test_a_folder_that_is_no_run_is_refused(jhrun, tmp_path):
    for argv in (
        ["eval", "run=nowhere"],
        ["eval", f"run={tmp_path}"],
        ["train", "resume=nowhere"],
        ["report", "x"],
    ):
        assert jhrun(*argv)[0] == 4
    assert not Path("nowhere").exists()


def test_evaluating_finds_data_that_has_moved(tiny, jhrun, tmp_path, tiny_mnist):
    tiny("dataset=mnist", f"dataset.root={tiny_mnist}", "evaluate=false")
    moved = tmp_path / "elsewhere"
    tiny_mnist.rename(moved)
    assert jhrun("eval", "run=run", "attack=fgsm")[0] == 3
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", f"dataset.root={moved}")
    assert code == 0, err
