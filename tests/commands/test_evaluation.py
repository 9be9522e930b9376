"""jhrun eval: subsets, resumption after a real kill, time told beforehand, verdicts and strictness."""

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import forked
import numpy as np
import pytest
from forked import Forked

from jhrun.commands.eval import refuse_doubtful
from jhrun.errors import VerdictError
from jhrun.jsonio import read_json, write_json
from jhrun.records import Check, Verdict


def results(run, name):
    return read_json(run / "eval" / name / "results.json")


def verdict(run, name):
    found = read_json(run / "eval" / name / "analyses/verdict.json")["record"]
    return found["outcome"], {check["name"]: check["outcome"] for check in found["checks"]}


def test_a_subset_is_the_same_every_time_and_marked(tiny, jhrun):
    run = tiny("evaluate=false")
    for name, seed in (("a", 0), ("b", 1)):
        code, _, err = jhrun("eval", "run=run", "attack=fgsm", "subset=40", f"seed={seed}", f"name={name}")
        assert code == 0, err
        record = results(run, name)
        assert (record["clean"]["n"], record["total"]) == (40, 359)
    first, second = (np.load(run / f"eval/{name}/per_example.npz")["index"] for name in "ab")
    assert np.array_equal(first, second)
    assert len(np.unique(first)) == 40
    assert first.max() > 60
    assert sum(share["clean"]["n"] for share in record["per_class"].values()) == 40
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", "subset=400")
    assert code == 2
    assert "359" in err


def test_a_killed_evaluation_goes_on_with_the_attacks_that_are_left(tiny, tmp_path):
    """SIGKILL while the second attack runs: the same command ends with the figures of an undisturbed one."""
    run = tiny("evaluate=false")
    command = [sys.executable, "-m", "jhrun", "eval", "run=run", "attack=[pgd20,square]"]
    settings = ["attack.square.queries=300", "subset=100"]
    process = Forked([*command, *settings], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    kept = run / "eval/pgd20+square/unfinished/pgd20.npz"
    deadline = time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (kept.parent.parent / "results.json").exists()
    again = forked.run([*command, *settings], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "going on with evaluation pgd20+square: pgd20 done before" in again.stdout
    assert not kept.parent.exists()
    whole = forked.run([*command, *settings, "name=whole"], cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert "going on" not in whole.stdout
    first, second = results(run, "pgd20+square"), results(run, "whole")
    for attack in ("pgd20", "square"):
        assert {**first["attacks"][attack], "seconds": 0} == {**second["attacks"][attack], "seconds": 0}
    assert first["worst_case"] == second["worst_case"]


def test_an_interrupted_evaluation_is_not_mixed_with_another(tiny, jhrun):
    run = tiny("evaluate=false")
    begun = run / "eval/mine/unfinished"
    begun.mkdir(parents=True)
    write_json(begun.parent / "request.json", {"request": {"seed": 9}, "call": {}})
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", "name=mine")
    assert code == 4
    assert "other settings" in err
    assert sorted(path.name for path in (run / "eval/mine").iterdir()) == ["request.json", "unfinished"]


def test_training_ends_incomplete_and_the_command_that_it_gives_makes_the_missing_checks(jhrun):
    network = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
    code, out, err = jhrun("train", *network, "subset=40", "hydra.run.dir=a run")
    assert code == 0, err
    run = Path(out.splitlines()[-1])
    name = "fgsm+pgd20+apgd_ce+apgd_dlr"
    outcome, checks = verdict(run, name)
    assert outcome == "incomplete"
    assert {"suspect", "fail"}.isdisjoint(checks.values())
    attacks = results(run, name)["attacks"]
    assert list(attacks) == ["fgsm", "pgd20", "apgd_ce", "apgd_dlr"]
    assert attacks["pgd20"]["attacked"] < attacks["fgsm"]["robust"]["n"] == 40  # cascaded
    line = next(line for line in out.splitlines() if line.startswith("the missing checks are made by: "))
    command, time = line.removeprefix("the missing checks are made by: ").rsplit(" (", 1)
    assert time.endswith(" at most)")
    program, *words = shlex.split(command)
    assert (program, words) == ("jhrun", ["eval", f"run={run}", "attack=standard", "subset=40"])
    code, out, err = jhrun(*words)
    assert code == 0, err
    found = verdict(run, "standard")[1]
    assert [check for check, outcome in found.items() if outcome == "not checked"] == [
        "transfer from an undefended twin"
    ]
    assert "the missing checks" not in out


@pytest.mark.parametrize(
    ("asked", "again"),
    [
        (["attack=[]"], []),
        (["attack=[]", "epsilon=0.05", "checkpoint=best"], ["epsilon=0.05", "checkpoint=best"]),
        (["attack=fgsm", "epsilon=0", "cascade=true"], []),
        (["attack=pgd_l2", "attack.pgd_l2.steps=2", "seed=3"], ["seed=3"]),
    ],
)
def test_where_nothing_of_the_claim_was_attacked_strict_ends_in_exit_8(tiny, jhrun, asked, again):
    run = tiny("evaluate=false")
    code, out, err = jhrun("eval", "run=run", *asked, "subset=20", "name=nothing", "strict=true")
    assert code == 8
    assert err.startswith("error: the verdict is incomplete: strength of the attacks")
    assert verdict(run, "nothing")[0] == "incomplete"
    assert f"jhrun eval run={run} attack=standard {' '.join([*again, 'subset=20'])} (" in err
    assert "verdict: incomplete" in out


def test_a_pass_is_exit_0_where_another_verdict_is_an_error():
    checks = (Check("a", "pass", None, None, "text", "source"),)
    refuse_doubtful(SimpleNamespace(verdict=Verdict(checks), run="run"))
    doubtful = Verdict((*checks, Check("b", "suspect", None, None, "text", "source")))
    with pytest.raises(VerdictError, match="the verdict is suspect: b"):
        refuse_doubtful(SimpleNamespace(verdict=doubtful, run="run"))
    with pytest.raises(VerdictError, match="no verdict, run, take one: name=x analysis=verdict"):
        refuse_doubtful(SimpleNamespace(verdict=None, run="run", evaluation="x"))


def test_a_fail_is_exit_8_where_it_is_asked_for(tiny, jhrun):
    run = tiny("evaluate=false", "train.epochs=1")
    state = run / "checkpoints/best/state.json"
    record = read_json(state)
    assert record["selection"] == {"rule": "highest validation accuracy", "part": "validation"}
    # what a run would say whose epoch was chosen with test data
    record["selection"]["part"] = "test"
    write_json(state, record)
    call = ["eval", "run=run", "checkpoint=best", "attack=fgsm", "subset=50"]
    code, out, err = jhrun(*call, "name=lenient")
    assert code == 0, err
    assert "verdict: fail" in out
    code, out, err = jhrun(*call, "name=strict", "strict=true")
    assert code == 8
    assert err.startswith("error: the verdict is fail")
    assert (run / "eval/strict/results.json").is_file()
    assert verdict(run, "strict")[0] == "fail"


def test_a_twin_is_tried(tiny, jhrun):
    run = tiny("evaluate=false")
    tiny("evaluate=false", "regularizer=none", "seed=1", folder="twin")
    assert jhrun("eval", "run=run", "attack=pgd20", "subset=50", "twin=twin", "name=with")[0] == 0
    assert jhrun("eval", "run=run", "attack=pgd20", "subset=50", "name=without")[0] == 0
    (found,) = {name for name, outcome in verdict(run, "without")[1].items() if "twin" in name}
    assert verdict(run, "without")[1][found] == "not checked"
    assert verdict(run, "with")[1][found] != "not checked"
    assert jhrun("eval", "run=run", "attack=pgd20", "twin=nowhere")[0] == 4


def test_a_long_evaluation_says_how_long_it_may_take(tiny, jhrun, monkeypatch):
    tiny("evaluate=false")
    monkeypatch.setattr("jhrun.commands.evaluation.LONG", 0.0)
    _, out, _ = jhrun("eval", "run=run", "attack=pgd20", "subset=50")
    assert "the attacks take" in out
    assert "at most" in out


def test_the_curve_falls_from_clean_to_chance(tiny, jhrun):
    run = tiny("evaluate=false", "train.epochs=5")
    code, _, err = jhrun("eval", "run=run", "attack=pgd20", "epsilon=0.05")
    assert code == 0, err
    record = results(run, "pgd20")
    points = read_json(run / "eval/pgd20/analyses/curve.json")["record"]["points"]
    assert points[0]["epsilon"] == 0
    assert points[0]["robust"] == record["clean"]
    assert 0.05 in [point["epsilon"] for point in points]
    assert points[-1]["epsilon"] == 1
    assert points[-1]["robust"]["accuracy"] < 0.2


@pytest.mark.parametrize("asked", ["analysis=curvature", "strict=true", "twin=other", "attack=fgsm"])
def test_what_needs_classes_is_refused_without_them(jhrun, asked):
    train = ["train", "experiment=conservative_field", "dataset.dimension=4", "dataset.examples=100"]
    train += ["model.widths=[8]", "train.epochs=1", "hydra.run.dir=field", "evaluate=false"]
    code, _, err = jhrun(*train)
    assert code == 0, err
    code, _, err = jhrun("eval", "run=field", asked)
    assert code in {2, 4}
    assert asked.split("=")[0] in err


def test_the_typed_choice_names_the_evaluation(tiny, jhrun):
    run = tiny("evaluate=false")
    short = [f"attack.{a}.steps=2" for a in ("pgd100", "apgd_ce", "apgd_dlr", "fab")]
    for name in ("standard", "standard-2"):
        code, _, err = jhrun("eval", "run=run", "attack=standard", *short, "attack.square.queries=5", "subset=20")
        assert code == 0, err
        assert (run / "eval" / name / "results.json").is_file()
