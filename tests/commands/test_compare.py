"""``jhrun compare``: runs, sweeps and rows of leaderboards against each other, from the real command line."""

import json
import shutil

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.comparison import CAVEAT, paired
from jhrun.evaluation.store import read_npz, write_npz
from jhrun.jsonio import as_line, read_json, read_lines, write_json

TINY = [
    "model=mlp",
    "model.widths=[8]",
    "train.epochs=1",
    "solver=lanczos",
    "solver.iterations=1",
    "attack=[fgsm,pgd20]",
    "analysis=[]",
    "subset=120",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, figures_wait):
    """Two configurations of three seeds each, a folder of runs."""
    root = tmp_path_factory.mktemp("compare") / "runs"
    for name in ("none", "jacobian"):
        for seed in range(3):
            typed = [f"regularizer={name}", f"seed={seed}", f"hydra.run.dir={root / f'{name}{seed}'}"]
            with figures_wait():
                assert main(["train", *TINY, *typed]) == 0
    return root


@pytest.fixture
def runs(trained, tmp_path):
    """A copy of them, to be spoilt."""
    return shutil.copytree(trained, tmp_path / "runs")


def robust(root, name):
    """Whether each image is right under both attacks, (3, 120), read without any of jhrun's ways to do so."""
    (*files,) = (next((root / f"{name}{seed}" / "eval").glob("*/per_example.npz")) for seed in range(3))
    each = [np.load(file) for file in files]
    assert len({tuple(e["index"]) for e in each}) == 1
    return np.stack([(e["clean"] == e["target"]) & e["fgsm.robust"] & e["pgd20.robust"] for e in each])


def test_methods_of_several_seeds(trained, jhrun):
    paths = [str(trained / f"{name}{seed}") for name in ("none", "jacobian") for seed in range(3)]
    code, out, err = jhrun("compare", *paths, "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    (pair,) = made["pairs"]
    expected = paired(robust(trained, "jacobian"), robust(trained, "none"))
    assert (pair["one"], pair["other"]) == ("regularizer=jacobian", "regularizer=none")
    assert pair["worst"]["difference"] == pytest.approx(expected.difference)
    assert pair["worst"]["interval"] == pytest.approx(expected.interval)
    assert pair["corrected"] == pytest.approx(expected.p)
    assert (made["images"], made["total"]) == (120, 359)
    assert made["keys"] == {"regularizer": ["none", "jacobian"]}
    assert [m["seeds"] for m in made["methods"]] == [[0, 1, 2]] * 2
    assert [m["runs"] for m in made["methods"]] == [paths[:3], paths[3:]]
    assert pair["cost"] == pytest.approx(made["methods"][1]["cost"] / made["methods"][0]["cost"])


def test_a_folder_of_runs_is_read_as_all_of_them_and_its_leaderboard_s_rows_by_their_numbers(runs, jhrun):
    _, whole, _ = jhrun("compare", str(runs))
    assert "regularizer=jacobian against regularizer=none" in whole or "none against" in whole
    assert "cost of a step ×" in whole
    assert jhrun("report", str(runs))[0] == 0
    rows = read_json(runs / "leaderboard.json")["rows"]
    code, out, _ = jhrun("compare", f"{runs}:2", f"{runs}:1", "--json")
    assert code == 0
    made = json.loads(out)
    means = [method["worst"]["mean"] for method in made["methods"]]
    worst = next(key for key in rows[0]["figures"] if key.startswith("shared"))
    assert means == pytest.approx([rows[1]["figures"][worst]["mean"], rows[0]["figures"][worst]["mean"]])
    # a sweep's leaderboard goes with it
    moved = runs.rename(runs.with_name("moved"))
    assert jhrun("compare", f"{moved}:1", f"{moved}:2")[0] == 0


def test_one_run_each_is_mcnemar_s_test_with_its_caveat(trained, jhrun):
    code, out, _ = jhrun("compare", str(trained / "none0"), str(trained / "jacobian0"))
    assert code == 0
    assert "exact McNemar" in out
    assert CAVEAT in out
    assert "(seed 0, 120 images: " in out


def test_a_table_for_latex(trained, jhrun):
    code, out, _ = jhrun("compare", str(trained), "--tex")
    assert code == 0
    lines = [line for line in out.splitlines() if not line.startswith("%")]
    assert lines[0] == r"\begin{tabular}{@{}lrrrrr@{}}"
    assert lines[-1] == r"\end{tabular}"
    assert len([line for line in lines if line.endswith(r"\\")]) == 3


def test_a_cost_that_was_not_measured_is_not_compared(runs, jhrun):
    file = runs / "jacobian0" / "metrics.jsonl"
    lines = [as_line(line | {"cost": None}) for line in read_lines(file)]
    file.write_text("".join(lines))
    code, out, _ = jhrun("compare", str(runs))
    assert code == 0
    assert "cost of a step not known" in out


def test_a_run_that_failed_is_named(runs, jhrun):
    file = runs / "none1" / "status.json"
    write_json(file, read_json(file) | {"state": "failed", "error": "the loss is not finite"})
    code, out, _ = jhrun("compare", str(runs))
    assert code == 0
    assert "warning: regularizer=none: seed 1 is failed (the loss is not finite); not compared." in out
    assert "(2 seeds, 120 images" in out


def refused(jhrun, *typed):
    code, out, err = jhrun("compare", *map(str, typed))
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return code, err


def test_what_is_no_run(runs, jhrun, tmp_path):
    (tmp_path / "empty").mkdir()
    one = runs / "none0"
    for typed, code, told in [
        ([one], 2, "is one run, and compare takes two or more"),
        ([one, one], 2, "is one run, and compare takes two or more"),
        ([one, tmp_path / "missing"], 4, "missing' does not exist"),
        ([one, tmp_path / "empty"], 4, "holds neither a run nor runs"),
        ([one, f"{runs}:1"], 4, "leaderboard.json"),
        ([one, runs / "none1"], 4, "all runs are of one configuration and source"),
    ]:
        found, err = refused(jhrun, *typed)
        assert (found, told in err) == (code, True), err
    board = tmp_path / "outputs" / "board"
    assert jhrun("report", str(one), str(runs / "jacobian0"))[0] == 0
    (board,) = (tmp_path / "outputs/leaderboard").iterdir()
    assert "name one of its rows, as in " in refused(jhrun, board)[1]
    assert "there is no row of rank 3" in refused(jhrun, f"{board}:3")[1]
    assert "there is no row of rank 0" in refused(jhrun, f"{board}:0")[1]
    assert jhrun("compare", f"{board}:1", f"{board}:2")[0] == 0


def test_other_attacks(runs, jhrun, tmp_path):
    other = ["attack=[pgd20]", "epsilon=0.2", "regularizer=none", f"hydra.run.dir={tmp_path / 'other'}"]
    assert jhrun("train", *TINY, *other)[0] == 0
    code, err = refused(jhrun, runs / "jacobian0", tmp_path / "other")
    assert code == 4
    assert "no attack with the same settings was run on two of the methods" in err
    assert "evaluate them with the same attack and subset: jhrun eval" in err


def test_other_images(runs, jhrun):
    (file,) = (runs / "none0" / "eval").glob("*/per_example.npz")
    each = read_npz(file)
    write_npz(file, each | {"index": each["index"] + 1000})
    code, err = refused(jhrun, runs / "none0", runs / "jacobian0")
    assert code == 4
    assert "no image was attacked in all of the runs" in err


def test_other_data(runs, jhrun, tmp_path, write_mnist):
    write_mnist(tmp_path / "data")
    other = ["dataset=mnist", f"dataset.root={tmp_path / 'data'}", f"hydra.run.dir={tmp_path / 'other'}"]
    code, _, err = jhrun("train", *(word for word in TINY if word != "subset=120"), *other)
    assert code == 0, err
    code, err = refused(jhrun, runs / "none0", tmp_path / "other")
    assert code == 4
    assert "methods of different data cannot be compared" in err
