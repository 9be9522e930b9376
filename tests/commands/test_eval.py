"""jhrun eval: the same numbers again, others under another name, nothing overwritten."""

from pathlib import Path

import numpy as np
import pytest

from jhrun.config import stored
from jhrun.jsonio import read_json

QUICK = "analysis=quick_verdict"
"""The verdict's searches are tests/evaluation's, and take more time than all that these tests are about."""


def results(run: Path, name: str):
    return read_json(run / "eval" / name / "results.json")


def figures(record):
    """An evaluation's numbers, apart from when and how long."""
    attacks = {name: {k: v for k, v in a.items() if k != "seconds"} for name, a in record["attacks"].items()}
    return record["clean"], record["worst_case"], attacks


@pytest.mark.quick
def test_it_gives_the_same_numbers_again_without_touching_the_first(tiny, jhrun):
    run = tiny()
    first = {path: path.read_bytes() for path in (run / "eval/fgsm+pgd20").rglob("*") if path.is_file()}
    assert jhrun("eval", QUICK, "run=run", "attack=[fgsm,pgd20]")[0] == 0
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
        assert attack["robust"]["accuracy"] == robust.mean() <= right.mean()
        assert each[f"{name}.linf"].max() <= 0.1 + 1e-6
        worst = worst & robust
    assert record["worst_case"]["accuracy"] == worst.mean()
    images = np.load(run / "eval/fgsm+pgd20/images.npz")
    assert images["clean"].shape == images["pgd20"].shape == (8, 1, 8, 8)


def test_epsilon_is_an_option_and_zero_changes_nothing(tiny, jhrun):
    run = tiny("evaluate=false")
    assert jhrun("eval", QUICK, "run=run", "epsilon=0", "name=zero")[0] == 0
    assert jhrun("eval", QUICK, "run=run", "epsilon=51/255", "name=large", "attack=pgd20")[0] == 0
    zero, large = results(run, "zero"), results(run, "large")
    assert zero["worst_case"] == zero["clean"] == large["clean"]
    assert large["attacks"]["pgd20"]["epsilon"] == 0.2
    assert large["attacks"]["pgd20"]["robust"]["accuracy"] < zero["clean"]["accuracy"]


def test_a_setting_of_an_attack_can_be_changed(tiny, jhrun):
    run = tiny("evaluate=false")
    assert jhrun("eval", QUICK, "run=run", "attack=pgd20", "attack.pgd20.steps=3", "name=short")[0] == 0
    assert results(run, "short")["attacks"]["pgd20"]["parameters"] == {
        "steps": 3,
        "relative_step": 0.1,
        "restarts": 1,
    }


def test_last_is_taken_unless_best_is_asked_for(tiny, jhrun):
    run = tiny("evaluate=false", "train.epochs=3")
    best = read_json(run / "checkpoints/best/state.json")["epoch"]
    for name in ("last", "best"):
        code, _, err = jhrun("eval", QUICK, "run=run", f"checkpoint={name}", f"name={name}", "attack=fgsm")
        assert code == 0, err
    assert results(run, "last")["epoch"] == 3
    assert results(run, "best")["epoch"] == best


def test_without_validation_there_is_no_best(tiny, jhrun):
    tiny("evaluate=false", "dataset.validation=0")
    code, _, err = jhrun("eval", QUICK, "run=run", "checkpoint=best")
    assert code == 4
    assert "'best'" in err


@pytest.mark.parametrize("name", ["zero", "../zero", ".hidden", "a/b"])
def test_a_taken_or_wandering_name_is_refused(tiny, jhrun, name):
    run = tiny("evaluate=false")
    (run / "eval/zero").mkdir(parents=True)
    (run / "eval/zero/notes.txt").touch()
    assert jhrun("eval", QUICK, "run=run", f"name={name}")[0] == 4


def test_the_report_stays_with_the_runs_own_epsilon_and_lists_all_evaluations(tiny, jhrun):
    run = tiny()
    code, out, _ = jhrun("eval", QUICK, "run=run", "attack=fgsm", "epsilon=0.02", "name=second")
    assert code == 0
    assert "0.02" in out.split("fgsm")[1].splitlines()[0]
    report = read_json(run / "report.json")
    assert report["evaluation"] == "fgsm+pgd20"
    assert report["attacks"].keys() == {"fgsm", "pgd20"}
    assert {attack["epsilon"] for attack in report["attacks"].values()} == {0.1}
    assert list(report["evaluations"]) == ["fgsm+pgd20", "second"]


def test_report_writes_it_again_from_the_records(tiny, jhrun):
    run = tiny()
    before = read_json(run / "report.json")
    (run / "report.json").unlink()
    code, out, _ = jhrun("report", "run")
    assert code == 0
    assert out.splitlines()[-1] == str(run)
    assert read_json(run / "report.json") == before


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
    assert jhrun("eval", QUICK, "run=run", "attack=fgsm")[0] == 3
    code, _, err = jhrun("eval", QUICK, "run=run", "attack=fgsm", f"dataset.root={moved}")
    assert code == 0, err


STANDARD = ["pgd20", "pgd100", "apgd_ce", "apgd_dlr", "fab", "square"]
SHORT = ["attack.pgd100.steps=5", "attack.apgd_ce.steps=5", "attack.apgd_dlr.steps=5", "attack.fab.steps=3"]


def test_the_standard_suite_is_six_attacks_that_can_be_set_one_by_one(tiny, jhrun):
    run = tiny("evaluate=false")
    code, out, err = jhrun(
        "eval", "run=run", "attack=standard", *SHORT, "attack.square.queries=20", "name=claim", "cascade=true"
    )
    assert code == 0, err
    record = results(run, "claim")
    assert list(record["attacks"]) == STANDARD
    assert record["attacks"]["square"]["parameters"]["queries"] == 20
    assert "–" in out.split("pgd100")[1].splitlines()[0]
    assert record["worst_case"]["accuracy"] <= record["attacks"]["pgd20"]["robust"]["accuracy"]
    seen = [attack["attacked"] or attack["robust"]["n"] for attack in record["attacks"].values()]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == 359 > seen[1]


def test_the_worst_case_is_the_same_in_a_cascade(tiny, jhrun):
    run = tiny("evaluate=false")
    for cascade in ("false", "true"):
        assert (
            jhrun("eval", QUICK, "run=run", "attack=[fgsm,pgd20]", f"cascade={cascade}", f"name={cascade}")[0] == 0
        )
    assert results(run, "true")["worst_case"]["accuracy"] == pytest.approx(
        results(run, "false")["worst_case"]["accuracy"], abs=1e-2
    )


def test_attacks_in_l2_have_a_radius_of_their_own_and_stay_out_of_the_worst_case(tiny, jhrun):
    run = tiny("attack=[pgd_l2,pgd20,fgsm]", "attack.pgd_l2.steps=10")
    record = results(run, "pgd_l2+pgd20+fgsm")
    assert (record["attacks"]["pgd_l2"]["norm"], record["attacks"]["pgd_l2"]["epsilon"]) == ("2", 0.5)
    assert record["worst_case_norm"] == "inf"
    each = np.load(run / "eval/pgd_l2+pgd20+fgsm/per_example.npz")
    assert each["pgd_l2.l2"].max() <= 0.5 + 1e-5
    assert "pgd_l2.linf" not in each
    worst = each["pgd20.robust"] & each["fgsm.robust"]
    assert record["worst_case"]["accuracy"] == worst.mean()
    code, out, _ = jhrun("eval", QUICK, "run=run", "attack=[pgd_l2,gaussian]", "epsilon_l2=2", "name=large")
    assert code == 0
    assert results(run, "large")["attacks"]["gaussian"]["epsilon"] == 2
    assert "worst case, ℓ2" in out
    assert "2 (ℓ2)" in out
    assert "(ℓ2)" in (run / "report.html").read_text()


def test_a_run_without_epsilon_l2_is_asked_for_it_where_it_is_needed(tiny, jhrun):
    run = tiny("evaluate=false")
    values = stored.read(run / "config.yaml")
    stored.write(run / "config.yaml", values | {"epsilon_l2": None})
    assert jhrun("eval", QUICK, "run=run", "attack=[fgsm,pgd20]")[0] == 0
    code, _, err = jhrun("eval", QUICK, "run=run", "attack=[fgsm,deepfool]")
    assert code == 2
    assert err.count("\n") == 1
    assert "epsilon_l2=" in err
    assert "deepfool" in err
    assert jhrun("eval", QUICK, "run=run", "attack=[fgsm,gaussian]", "epsilon_l2=0.5")[0] == 0


@pytest.mark.parametrize("wrong", ["epsilon_l2=-1", "epsilon_l2=x", "cascade=maybe"])
def test_values_out_of_range_are_named(tiny, jhrun, wrong):
    tiny("evaluate=false")
    code, _, err = jhrun("eval", QUICK, "run=run", wrong)
    assert code == 2
    assert wrong in err
