"""jhrun eval analysis=curvature: beside the attacks of the same evaluation, in the records and in the report."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.commands.analysis import estimator
from jhrun.config import objects, stored
from jhrun.jsonio import read_json
from jhrun.reporting import curvature as pictures

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
DOCUMENTED = (Path(__file__).parents[2] / "docs/report.md").read_text()


def read_columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run and its evaluation x, measured once for all tests that only read."""
    run = tmp_path_factory.mktemp("analysis") / "run"
    assert main(["train", *TINY, "evaluate=false", f"hydra.run.dir={run}"]) == 0
    assert main(["eval", f"run={run}", "analysis=curvature", "attack=[fgsm,pgd20]", "name=x"]) == 0
    return run


def test_the_attacks_run_too_and_split_the_examples(measured):
    each, found = (np.load(measured / f"eval/x/{name}.npz") for name in ("per_example", "curvature"))
    assert read_json(measured / "eval/x/results.json")["attacks"].keys() == {"fgsm", "pgd20"}
    right = each["clean"] == each["target"]
    robust = each["fgsm.robust"] & each["pgd20.robust"]
    assert np.array_equal(found["outcome"] == 0, robust)
    assert np.array_equal(found["outcome"] == 1, right & ~robust)
    assert np.array_equal(found["outcome"] == 2, ~right)
    assert np.array_equal(found["margin"] > 0, right)
    record = read_json(measured / "eval/x/curvature.json")
    assert record["n"] == 359
    assert record["missed"] == 0
    assert (found["residual"] <= record["tolerance"]).all()
    assert record["share_of"] == "J"
    assert 0.3 < record["share"]["median"] <= 1 + 1e-5
    for name, code in (("survived", 0), ("broken", 1), ("wrong", 2)):
        those = found["sigma_max"][found["outcome"] == code]
        assert record["groups"][name]["sigma_max"]["n"] == len(those)
        assert record["groups"][name]["sigma_max"]["max"] == those.max()


def test_slices_follow_the_shown_images(measured):
    lines, images = (np.load(measured / f"eval/x/{name}.npz") for name in ("slices", "images"))
    assert np.array_equal(lines["position"], images["position"])
    assert lines["gradient"].shape == lines["random"].shape == (8, 41)
    assert lines["t"][-1] == 0.2  # twice the digits' ε
    assert json.loads(str(lines["units"])).keys() == {"position", "t", "gradient", "random"}


def test_the_report_has_it_with_the_figures_data(measured):
    report, text = read_json(measured / "report.json"), (measured / "report.md").read_text()
    assert report["curvature"] == read_json(measured / "eval/x/curvature.json")
    assert "not a certificate" in text
    assert "not a certificate" in (measured / "report.html").read_text()
    for name in ("curvature", "slices"):
        assert f"](figures/{name}.svg)" in text
        assert f"](figures/{name}.csv)" in text
        assert (measured / f"figures/{name}.svg").is_file()
    found, lines = (np.load(measured / f"eval/x/{name}.npz") for name in ("curvature", "slices"))
    columns = read_columns(measured / "figures/curvature.csv")
    for key in ("sigma_max", "lambda_top", "residual", "margin", "first_order_radius", "share"):
        assert np.array_equal(np.array(columns[key], dtype=float), found[key])
    each = np.load(measured / "eval/x/per_example.npz")
    assert columns["class"] == [str(target) for target in each["target"]]
    points = read_columns(measured / "figures/slices.csv")
    assert np.array_equal(np.array(points["gradient"], dtype=float), lines["gradient"].flatten())
    assert points["t"][:41] == [str(t) for t in lines["t"].tolist()]
    assert points["position"][41] == str(lines["position"][1])


def test_every_key_is_documented(measured):
    record = read_json(measured / "report.json")["curvature"]
    for key in ["curvature", *record, *record["groups"], *record["groups"]["all"], *record["share"]]:
        assert f"`{key}`" in DOCUMENTED, key
    for name in ("curvature", "slices"):
        for key in np.load(measured / f"eval/x/{name}.npz"):
            assert f"`{key}`" in DOCUMENTED, key


def test_the_same_seed_gives_the_same_figures_and_a_later_evaluation_without_it_hides_none(measured, jhrun):
    shutil.copytree(measured, "run")
    code, out, err = jhrun("eval", "run=run", "analysis=curvature", "attack=[fgsm,pgd20]", "name=again")
    assert code == 0, err
    assert "curvature of 359 examples" in out
    for name in ("curvature", "slices"):
        first, second = (np.load(f"run/eval/{of}/{name}.npz") for of in ("x", "again"))
        assert all(np.array_equal(first[key], second[key]) for key in first)
    assert jhrun("eval", "run=run", "attack=fgsm", "name=y")[0] == 0
    assert read_json(Path("run/report.json"))["curvature"]["n"] == 359


def test_any_other_analysis_is_refused_in_a_line(tiny, jhrun):
    run = tiny("evaluate=false")
    code, _, err = jhrun("eval", "run=run", "analysis=curves")
    assert code == 2
    assert err.splitlines() == [err.strip()]
    assert "analysis=curves: must be one of curvature" in err
    assert not (run / "eval").exists()


def test_without_penalty_attacks_or_radius_the_rest_is_measured(tiny, jhrun):
    run = tiny("evaluate=false", "regularizer=none", "model.activation=relu")
    code, out, err = jhrun("eval", "run=run", "analysis=curvature", "attack=[]", "epsilon=0", "name=bare")
    assert code == 0, err
    assert "Gauss-Newton" in out
    record = read_json(run / "eval/bare/curvature.json")
    assert record["share"] is None
    assert record["groups"].keys() == {"all", "survived", "wrong"}
    assert len(record["warnings"]) == 1
    assert not (run / "eval/bare/slices.npz").exists()
    assert "not available" in (run / "report.md").read_text()
    assert "Gauss-Newton" in (run / "report.md").read_text()


def test_the_estimate_is_made_as_in_the_last_epoch(tiny):
    tiny("evaluate=false", "regularizer=hessian", "solver.iterations={0: 1, 1: 3}")
    values = stored.read(Path("run/config.yaml"))
    data = objects.dataset(values, [])
    for epoch, iterations in ((0, 1), (1, 1), (2, 3)):
        own = estimator(values, data, [], epoch)
        assert own.matrix == "H"
        assert own.solver.iterations == iterations


def test_a_target_s_teacher_need_not_be_there():
    penalties = [{"_target_": "jhrun.penalties.target.JacobianTarget", "target": "/nowhere"}]
    assert estimator({"regularizer": {"penalties": penalties}}, None, [], 3) is None


def drawable(outcome, **values):
    n = len(outcome)
    names = ("sigma_max", "lambda_top", "first_order_radius")
    return {"outcome": np.array(outcome), **{k: np.array(values.get(k, [1.0] * n)) for k in names}}


@pytest.mark.parametrize(
    "found",
    [
        drawable([0, 0]),
        drawable([2], sigma_max=[0.0], lambda_top=[0.0], first_order_radius=[0.0]),
        drawable([0, 1], first_order_radius=[np.inf, np.inf]),
        drawable([0, 0, 1], lambda_top=[-1e-300, 1e5, 0.0]),
        drawable([1, 1], lambda_top=[-3.0, -2.0]),
    ],
)
def test_histograms_of_odd_values_are_drawn_and_leave_nobody_out(found):
    figure = pictures.histograms(found)
    figure.draw_without_rendering()
    for column, key in ((0, "sigma_max"), (1, "lambda_top")):
        bars = [bar.get_height() for axes in figure.axes[column::3] for bar in axes.patches]
        assert sum(bars) == len(found[key])
