"""jhrun eval analysis=[…]: beside the attacks, in the records, in the report, and added later."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.commands.analysis import estimator
from jhrun.config import objects
from jhrun.config import stored as config
from jhrun.jsonio import read_json, write_json

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
ALL = "analysis=[verdict,curve,curvature,slices]"
DOCUMENTED = (Path(__file__).parents[2] / "docs/report.md").read_text()


def read_columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def measured(tmp_path_factory, figures_wait):
    """A run and its evaluation x, measured once for all tests that only read."""
    run = tmp_path_factory.mktemp("analysis") / "run"
    with figures_wait():
        assert main(["train", *TINY, "evaluate=false", f"hydra.run.dir={run}"]) == 0
        assert main(["eval", f"run={run}", ALL, "attack=[fgsm,pgd20]", "name=x"]) == 0
    return run


def columns(run, name, evaluation="x"):
    """The figure's columns, as they are kept."""
    found = np.load(run / f"eval/{evaluation}/analyses/{name}.npz")
    return {key.removeprefix(f"{name}/"): found[key] for key in found if key.startswith(f"{name}/")}


def stored(run, name, evaluation="x"):
    return read_json(run / f"eval/{evaluation}/analyses/{name}.json")


def test_the_attacks_run_too_and_split_the_examples(measured):
    each, found = np.load(measured / "eval/x/per_example.npz"), columns(measured, "curvature")
    assert read_json(measured / "eval/x/results.json")["attacks"].keys() == {"fgsm", "pgd20"}
    right = each["clean"] == each["target"]
    robust = each["fgsm.robust"] & each["pgd20.robust"]
    assert np.array_equal(found["outcome"] == "survived", robust)
    assert np.array_equal(found["outcome"] == "broken", right & ~robust)
    assert np.array_equal(found["outcome"] == "wrong", ~right)
    assert np.array_equal(found["margin"] > 0, right)
    record = stored(measured, "curvature")["record"]
    assert record["n"] == 359
    assert record["missed"] == 0
    assert (found["residual"] <= record["tolerance"]).all()
    assert record["share_of"] == "J"
    assert 0.3 < record["share"]["median"] <= 1 + 1e-5
    for name in ("survived", "broken", "wrong"):
        those = found["sigma_max"][found["outcome"] == name]
        assert record["groups"][name]["sigma_max"]["n"] == len(those)
        assert record["groups"][name]["sigma_max"]["max"] == those.max()


def test_slices_follow_the_shown_images(measured):
    lines, images = columns(measured, "slices"), np.load(measured / "eval/x/images.npz")
    assert np.array_equal(lines["position"][::41], images["position"])
    assert {len(column) for column in lines.values()} == {8 * 41}
    assert lines["t"][-1] == 0.2  # twice the digits' ε
    (figure,) = stored(measured, "slices")["sections"][0]["figures"]
    assert figure["units"].keys() == {"position", "t", "gradient", "random"}


def test_the_report_has_it_with_the_figures_data(measured):
    report, text = read_json(measured / "report.json"), (measured / "report.md").read_text()
    assert report["analyses"]["curvature"] == {
        key: value for key, value in stored(measured, "curvature").items() if key != "checksum"
    }
    assert "no certificate" in text
    assert "no certificate" in (measured / "report.html").read_text()
    for name in ("curvature", "slices"):
        assert f"](figures/{name}.svg)" in text
        assert f"](figures/{name}.csv)" in text
        assert (measured / f"figures/{name}.svg").is_file()
    found, lines = (columns(measured, name) for name in ("curvature", "slices"))
    written = read_columns(measured / "figures/curvature.csv")
    for key in ("sigma_max", "lambda_top", "residual", "margin", "first_order_radius", "share"):
        assert np.array_equal(np.array(written[key], dtype=float), found[key])
    each = np.load(measured / "eval/x/per_example.npz")
    assert written["class"] == [str(target) for target in each["target"]]
    points = read_columns(measured / "figures/slices.csv")
    assert np.array_equal(np.array(points["gradient"], dtype=float), lines["gradient"])


def test_every_key_is_documented(measured):
    record = read_json(measured / "report.json")["analyses"]["curvature"]["record"]
    for key in ["curvature", *record, *record["groups"], *record["groups"]["all"], *record["share"]]:
        assert f"`{key}`" in DOCUMENTED, key
    for name in ("curvature", "slices"):
        for key in columns(measured, name).keys() - {"class"}:
            assert f"`{key}`" in DOCUMENTED, key


def test_the_same_seed_gives_the_same_figures_and_a_later_evaluation_without_it_hides_none(measured, jhrun):
    shutil.copytree(measured, "run")
    code, _, err = jhrun("eval", "run=run", "analysis=[curvature,slices]", "attack=[fgsm,pgd20]", "name=again")
    assert code == 0, err
    for name in ("curvature", "slices"):
        first, second = (columns(Path("run"), name, of) for of in ("x", "again"))
        assert all(np.array_equal(first[key], second[key]) for key in first)
    assert jhrun("eval", "run=run", "attack=fgsm", "name=y")[0] == 0
    assert read_json(Path("run/report.json"))["analyses"]["curvature"]["record"]["n"] == 359


def test_an_analysis_is_added_to_an_evaluation_that_is_there(tiny, jhrun):
    run = tiny("evaluate=false")
    first = ["eval", "run=run", "attack=[fgsm,pgd20]", "attack.pgd20.steps=3", "subset=60", "name=x"]
    assert jhrun(*first, "analysis=[quick_verdict,curve]")[0] == 0
    before = {path: path.read_bytes() for path in (run / "eval/x").rglob("*") if path.is_file()}
    # its attacks, its subset and its seed need not be typed again
    code, out, err = jhrun("eval", "run=run", "name=x", "analysis=[curve,slices]")
    assert code == 0, err
    assert "evaluation x gets slices" in out
    assert {path: path.read_bytes() for path in before} == before
    assert stored(run, "slices")["record"]["epsilon"] == 0.1
    # without a name, the same request finds its evaluation too
    for analysis in ("quick_verdict", "slices"):
        code, out, err = jhrun("eval", "run=run", "attack=fgsm", "subset=60", f"analysis={analysis}")
        assert code == 0, err
    assert sorted(path.name for path in (run / "eval").iterdir()) == ["fgsm", "x"]
    assert len(columns(run, "slices", "fgsm")["t"]) == 8 * 41


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["analysis=curve"], "evaluation 'x' is there, with curve"),
        (["analysis=verdict"], "evaluation 'x' has the analysis verdict, made with other settings"),
        (["analysis=slices", "subset=50"], "evaluation 'x' was begun with other settings"),
        (["analysis=slices", "attack=fgsm"], "evaluation 'x' was begun with other settings"),
    ],
)
def test_what_is_there_is_never_replaced(tiny, jhrun, asked, told):
    run = tiny("evaluate=false")
    first = ["eval", "run=run", "attack=[fgsm,pgd20]", "subset=60", "name=x"]
    assert jhrun(*first, "analysis=[quick_verdict,curve]")[0] == 0
    code, _, err = jhrun("eval", "run=run", "name=x", *asked)
    assert (code, err.count("\n")) == (4, 1)
    assert told in err
    assert "name=NAME" in err
    assert sorted(path.stem for path in (run / "eval/x/analyses").glob("*.json")) == ["curve", "verdict"]


EVIL = "from pathlib import Path\n\nPath('executed').touch()\n"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        # of what is stored only the evaluation's own settings are taken, and plugins are none of them
        ({"plugins": ["evil"]}, 0),
        ({"plugins": ["evil"], "attack": {"fgsm": {"_target_": "evil.Attack"}}}, 7),
        ({"attack": {"fgsm": {"_target_": "os.system"}}}, 7),
        ({"subset": "many"}, 2),
        ({"attack": 3}, 4),
    ],
)
def test_a_strangers_evaluation_executes_nothing(tiny, jhrun, changed, code):
    run = tiny("evaluate=false")
    Path("evil.py").write_text(EVIL)
    assert jhrun("eval", "run=run", "attack=fgsm", "subset=40", "analysis=quick_verdict", "name=x")[0] == 0
    path = run / "eval/x/request.json"
    kept = read_json(path)
    write_json(path, kept | {"call": kept["call"] | changed})
    found, _, err = jhrun("eval", "run=run", "name=x", "analysis=slices")
    assert found == code, err
    assert err.count("\n") == (code != 0)
    assert not Path("executed").exists()
    assert (run / "eval/x/analyses/slices.json").exists() == (code == 0)


def test_an_interrupted_analysis_is_made_again_and_those_before_it_are_not(tiny, jhrun, monkeypatch):
    run = tiny("evaluate=false")
    call = ["eval", "run=run", "attack=fgsm", "subset=40", "analysis=[curve,slices]", "name=x"]
    with monkeypatch.context() as patch:
        patch.setattr("jhrun.evaluation.analyses.slices.slices", interrupt)
        assert jhrun(*call)[0] == 130
    assert not (run / "eval/x/results.json").exists()
    made = (run / "eval/x/analyses/curve.json").read_bytes()
    code, out, err = jhrun(*call)
    assert code == 0, err
    assert "fgsm done before" in out
    assert (run / "eval/x/analyses/curve.json").read_bytes() == made
    assert (run / "eval/x/analyses/slices.json").is_file()


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_long_analysis_tells_its_time_beforehand(tiny, jhrun, monkeypatch):
    tiny("evaluate=false")
    monkeypatch.setattr("jhrun.commands.analysis.LONG", 0.0)
    _, out, _ = jhrun("eval", "run=run", "attack=fgsm", "subset=30", "analysis=[verdict,curve,curvature]")
    for title in ("robust accuracy against ε", "checks of the verdict", "curvature"):
        assert re.search(rf"{title}: takes .* at most", out)


def test_any_other_analysis_is_refused_in_a_line(tiny, jhrun):
    run = tiny("evaluate=false")
    code, _, err = jhrun("eval", "run=run", "analysis=curves")
    assert code == 2
    assert err.splitlines() == [err.strip()]
    assert "curves" in err
    assert "curve" in err.replace("curves", "")
    assert not (run / "eval").exists()


def test_without_penalty_attacks_or_radius_the_rest_is_measured(tiny, jhrun):
    run = tiny("evaluate=false", "regularizer=none", "model.activation=relu")
    analyses = "analysis=[quick_verdict,curvature,slices]"
    code, out, err = jhrun("eval", "run=run", analyses, "attack=[]", "epsilon=0", "name=bare")
    assert code == 0, err
    assert "Gauss-Newton" in out
    record = stored(run, "curvature", "bare")["record"]
    assert record["share"] is None
    assert record["groups"].keys() == {"all", "survived", "wrong"}
    assert len(record["warnings"]) == 1
    assert stored(run, "slices", "bare")["sections"][0]["figures"] == []
    assert "not available" in (run / "report.md").read_text()
    assert "Gauss-Newton" in (run / "report.md").read_text()


def test_the_estimate_is_made_as_in_the_last_epoch(tiny):
    tiny("evaluate=false", "regularizer=hessian", "solver.iterations={0: 1, 1: 3}")
    values = config.read(Path("run/config.yaml"))
    data = objects.dataset(values, [])
    for epoch, iterations in ((0, 1), (1, 1), (2, 3)):
        own = estimator(values, data, [], epoch)
        assert own.matrix == "H"
        assert own.solver.iterations == iterations


def test_a_target_s_teacher_need_not_be_there():
    penalties = [{"_target_": "jhrun.penalties.target.JacobianTarget", "target": "/nowhere"}]
    assert estimator({"regularizer": {"penalties": penalties}}, None, [], 3) is None
