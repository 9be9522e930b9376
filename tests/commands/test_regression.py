"""Figure 1 in small, as a user runs it: a regression task, what is wrong with it, and runs beside each other."""

import json
from pathlib import Path

import pytest

SMALL = ["dataset.dimension=4", "dataset.examples=200", "model.widths=[16]", "train.epochs=3"]


@pytest.fixture
def train(jhrun):
    def call(experiment, *overrides, folder="run"):
        code, out, err = jhrun("train", f"experiment={experiment}", *SMALL, f"hydra.run.dir={folder}", *overrides)
        assert code == 0, err
        return Path(out.splitlines()[-1])

    return call


@pytest.mark.parametrize(
    ("experiment", "structure"), [("conservative_field", "asymmetry"), ("disentanglement", "off_diagonal")]
)
def test_a_task_is_learned_and_measured(experiment, structure, train):
    run = train(experiment)
    report = json.loads((run / "report.json").read_text())
    known = {key for key, value in report["task"].items() if value is not None}
    assert known == {"mse", "skill", structure, "n", "points"}
    assert report["task"]["n"] == 2000
    assert (report["clean"], report["attacks"]) == (None, {})
    assert [set(epoch["task"]) for epoch in report["epochs"]] == [set(report["task"])] * 3
    assert [epoch["accuracy"] for epoch in report["epochs"]] == [None] * 3
    assert all(
        epoch["task"]["mse"] == pytest.approx(epoch["validation_loss"], rel=1e-5) for epoch in report["epochs"]
    )
    assert (run / "checkpoints/best/weights.safetensors").is_file()
    page = (run / "report.html").read_text()
    assert f"{report['task']['skill']:.4f}" in page
    assert "accuracy" not in page.split("<details>")[0]
    results = json.loads((run / "eval/test/results.json").read_text())
    assert results["task"] == report["task"]


def test_the_penalty_lowers_what_it_is_meant_to(train):
    tasks = {}
    for regularizer in ("none", "jacobian_symmetry"):
        options = [
            "dataset.dimension=3",
            "dataset.examples=3000",
            "model.widths=[64]",
            "train.epochs=15",
            "optimizer.lr=0.01",
        ]
        run = train(
            "conservative_field", *options, f"regularizer={regularizer}", "solver=exact", folder=regularizer
        )
        tasks[regularizer] = json.loads((run / "report.json").read_text())["task"]
    assert min(task["skill"] for task in tasks.values()) > 0.9
    assert tasks["jacobian_symmetry"]["asymmetry"] < tasks["none"]["asymmetry"] / 3


def test_evaluating_again_and_resuming(train, jhrun):
    run = train("disentanglement")
    first = json.loads((run / "report.json").read_text())["task"]
    code, out, err = jhrun("eval", f"run={run}", "checkpoint=best")
    assert code == 0, err
    assert "skill" in out
    assert json.loads((run / "eval/test-2/results.json").read_text())["checkpoint"] == "best"
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=3")
    assert code == 0, err
    code, _, err = jhrun("eval", f"run={run}", "name=again")
    assert json.loads((run / "eval/again/results.json").read_text())["task"] == first
    code, _, err = jhrun("eval", f"run={run}", "name=again")
    assert code == 4
    assert "choose another" in err


def test_attacks_are_refused_where_there_are_no_classes(train, jhrun):
    code, _, err = jhrun("train", "experiment=conservative_field", *SMALL, "attack=pgd20")
    assert code == 2
    assert "no classes to attack" in err
    run = train("conservative_field")
    code, _, err = jhrun("eval", f"run={run}", "epsilon=0.3")
    assert code == 2
    assert "leave epsilon out" in err
    assert [path.name for path in (run / "eval").iterdir()] == ["test"]


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["dataset=conservative_field"], "use model=mlp"),
        (["dataset=conservative_field", "model=mlp"], "use objective=squared_error"),
        (["regularizer=jacobian_symmetry"], "J is 10×64 and Jᵀ is 64×10"),
        (["regularizer=jacobian_diagonality"], "J is 10×64 and Jᵀ is 64×10"),
        (["regularizer=hessian", "regularizer.of=output"], "this one has 10"),
        (["experiment=disentanglement", "regularizer=jacobian_symmetry"], "J is 1×64 and Jᵀ is 64×1"),
        (["experiment=disentanglement", "dataset.dimension=0"], "dataset.dimension=0"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(overrides, complaint, jhrun):
    code, _, err = jhrun("train", *overrides, "train.epochs=1")
    assert code == 2
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_the_hessian_of_an_output_and_a_loss_differ(train):
    penalties = []
    for of in ("output", "loss"):
        run = train("disentanglement", f"regularizer.of={of}", folder=of)
        penalties.append(json.loads((run / "report.json").read_text())["epochs"][0]["penalty"])
    assert penalties[0] != penalties[1]


@pytest.mark.rendered
def test_runs_are_set_beside_each_other(train, jhrun):
    runs = [
        train("conservative_field", folder="one"),
        train("conservative_field", "regularizer=none", folder="two"),
    ]
    before = {path: path.stat().st_mtime_ns for run in runs for path in run.rglob("*")}
    code, out, err = jhrun("report", *map(str, runs))
    assert code == 0, err
    assert "regularizer=jacobian_symmetry" in out
    assert "regularizer=none" in out
    folder = Path(out.splitlines()[-1])
    board = json.loads((folder / "leaderboard.json").read_text())
    reports = [json.loads((run / "report.json").read_text()) for run in runs]
    for report, cell in zip(reports, board["cells"], strict=True):
        assert cell["run"] == report["run"]
        figures = {key: cell["figures"][key] for key in ("mse", "skill", "asymmetry")}
        assert figures == {key: report["task"][key] for key in figures}
    assert (folder / "figures/curves.svg").stat().st_size > 1000
    assert "figures/curves.svg" in (folder / "leaderboard.md").read_text()
    curves = (folder / "figures/curves.csv").read_text().splitlines()
    assert curves[0].startswith("configuration,seed,run,epoch,steps,task_loss,")
    assert len(curves) == 1 + sum(len(report["epochs"]) for report in reports)
    assert {path: path.stat().st_mtime_ns for run in runs for path in run.rglob("*")} == before


def test_a_sweeps_folder_stands_for_its_runs(jhrun):
    sweep = [
        "-m",
        "experiment=disentanglement",
        *SMALL,
        "regularizer=none,hessian_diagonality",
        "hydra.sweep.dir=sweep",
    ]
    code, _, err = jhrun("train", *sweep)
    assert code == 0, err
    code, out, err = jhrun("report", "sweep")
    assert code == 0, err
    folder = Path(out.splitlines()[-1])
    assert folder == Path("sweep").absolute()
    runs = [cell["run"] for cell in json.loads((folder / "leaderboard.json").read_text())["cells"]]
    assert sorted(Path(run).name for run in runs) == sorted(p.stem for p in Path("sweep/jobs").glob("*.json"))


def test_a_report_of_what_is_no_run(jhrun, tmp_path):
    (tmp_path / "empty").mkdir()
    assert jhrun("report", "empty")[0] == 4
    assert jhrun("report", "nowhere")[0] == 4
    assert jhrun("report")[0] == 2
    assert not (tmp_path / "outputs").exists()
