"""jhrun bench: a table, JSON and a figure; on noise and on a run's network."""

import json
import re
from pathlib import Path

import pytest

FEW = ["iterations=[1,2]", "rounds=1", "batches=1", "batch_size=4", "threads=1"]


@pytest.mark.parametrize("matrix", ["jacobian", "hessian", "hessian_diagonality"])
@pytest.mark.rendered
def test_noise_and_a_fresh_network(jhrun, matrix):
    code, out, err = jhrun(
        "bench", f"regularizer={matrix}", "model=mlp", "model.widths=[8]", "shape=[1,4,4]", "classes=3", *FEW
    )
    assert code == 0, err
    folder = Path(out.splitlines()[-1])
    record = json.loads((folder / "bench.json").read_text())
    names = {score["name"] for score in record["scores"]}
    assert {"plain", "lanczos", "power", "hutchinson", "tracked"} <= names
    assert ("paper" in names) == (matrix != "hessian_diagonality")
    assert any(score["frontier"] for score in record["scores"])
    assert (folder / "bench.svg").stat().st_size > 1000
    assert "| lanczos | 2 |" in (folder / "bench.md").read_text()
    assert "cost" in out
    assert re.search(r"^bench of \d+ contenders in 1 round, on 1 × 4 examples; to shorten it: rounds=1 ", out)


def test_a_run_s_network_and_matrix(tiny, jhrun):
    tiny("evaluate=false", "regularizer=hessian")
    code, out, err = jhrun("bench", "run=run", "solvers=[lanczos,exact]", *FEW)
    assert code == 0, err
    record = json.loads((Path(out.splitlines()[-1]) / "bench.json").read_text())
    assert record["matrix"] == "Hessian"
    assert record["shape"] == [1, 8, 8]
    exact = next(score for score in record["scores"] if score["name"] == "exact")
    assert exact["truth"] == pytest.approx(1, abs=2e-3)
    code, out, err = jhrun("bench", "run=run", "regularizer=jacobian", "solvers=[exact]", *FEW)
    assert code == 0, err
    assert json.loads((Path(out.splitlines()[-1]) / "bench.json").read_text())["matrix"] == "Jacobian"


def test_what_is_typed_wrong_is_named(jhrun):
    code, _, err = jhrun("bench", "solvers=[lanzos]", *FEW)
    assert code == 2
    assert "'lanczos'" in err
    assert jhrun("bench", "regularizer=combined", *FEW)[0] == 2
    code, _, err = jhrun("bench", "rounds=0")
    assert code == 2
    assert "rounds" in err


def test_the_costs_of_this_machine_are_written_for_auto(tiny, jhrun):
    tiny("evaluate=false", "regularizer=hessian")
    for _ in range(5):
        code, out, err = jhrun("bench", "run=run", "solvers=[lanczos]", "rounds=3", "iterations=[1,12]", *FEW[2:])
        assert code == 0, err
        if "solver.costs=" in out:
            break
    said = next(line for line in out.splitlines() if "solver.costs=" in line)
    costs = Path(said.split("solver.costs=")[1].rstrip("'"))
    assert json.loads(costs.read_text())["hvp"] > 0
    code, out, err = jhrun(
        "train", "model=mlp", "model.widths=[8]", "train.epochs=1", "evaluate=false", f"solver.costs={costs}"
    )
    assert code == 0, err
    (line, *_) = (Path(out.splitlines()[-1]) / "decisions.jsonl").read_text().splitlines()
    assert json.loads(line)["costs"]["hvp"] == json.loads(costs.read_text())["hvp"]
    # the run has the figures themselves
    costs.unlink()
    code, _, err = jhrun("train", f"resume={out.splitlines()[-1]}", "train.epochs=2")
    assert code == 0, err


def test_a_file_without_costs_is_named(jhrun):
    code, _, err = jhrun("train", "solver.costs=nowhere.json")
    assert code == 2
    assert "nowhere.json" in err
    assert err.count("\n") == 1
