"""Searches of real trainings, one of which is killed."""

import json
import os
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from jhrun.jsonio import append_line, read_lines

FAST = ["model=mlp", "model.widths=[8]", "solver=tracked", "attack=fgsm", "train.epochs=1", "evaluate=false"]
SEARCH = ["-m", *FAST, "search=optuna", "search.startup=3", "hydra.sweep.dir=sweep"]


def study():
    storage = JournalStorage(JournalFileBackend("sweep/study.journal"))
    return optuna.load_study(study_name="jhrun", storage=storage)


def finished():
    return [p for p in Path("sweep").glob("*/status.json") if json.loads(p.read_text())["state"] == "finished"]


def test_a_study_of_three_trials_that_was_killed_in_the_second_has_three(begin, jhrun):
    """The third is the first that the sampler proposes by what the others found: two are drawn at random."""
    call = [*SEARCH, "search.trials=3", "search.startup=2"]
    process = begin(*call)
    deadline = time.monotonic() + 200
    while len(finished()) < 1 or len(list(Path("sweep").glob("*/config.yaml"))) < 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    code, said, err = jhrun("train", *call)
    assert code == 0, said + err
    found = study().get_trials()
    assert len(found) == 3
    assert {trial.state.name for trial in found} <= {"COMPLETE", "PRUNED"}
    complete = [trial for trial in found if trial.state.name == "COMPLETE"]
    assert len(complete) >= 2
    # what the study has is what the runs have
    figures = Counter(
        (record["clean"], record["worst_case"])
        for record in (json.loads(path.read_text()) for path in Path("sweep").glob("*/validation.json"))
    )
    assert Counter(tuple(trial.values) for trial in complete) == figures
    assert len(list(Path("sweep").glob("jobs/*.log"))) == 3
    board = json.loads(Path("sweep/leaderboard.json").read_text())
    assert len(board["cells"]) == 3
    assert "on the front, on validation data: trial" in said


def test_a_trial_is_watched_on_validation_data_alone(jhrun):
    code, out, err = jhrun("train", *SEARCH, "search.trials=1", "train.epochs=2", "model.widths=choice([8],[12])")
    assert code == 0, err
    (lines,) = Path("sweep").glob("*/validation.jsonl")
    records = list(read_lines(lines))
    assert [record["epoch"] for record in records] == [1, 2]
    last, final = records[-1], json.loads((lines.parent / "validation.json").read_text())
    assert final["n"] == last["n"] == 143
    assert final["clean"] == last["clean"]
    assert 0 <= final["worst_case"] <= final["clean"]
    assert not (lines.parent / "selected.jsonl").exists()
    assert "model.widths=[" in out


def test_a_failed_trial_is_told_of(jhrun):
    code, out, _ = jhrun("train", *SEARCH, "search.trials=1", "optimizer.lr=interval(1e30,1e31)", "optimizer=sgd")
    assert code == 9
    assert [trial.state.name for trial in study().get_trials()] == ["FAIL"]
    assert "became infinite or not a number" in out


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("search.trials=0", "search.trials=0: must be a whole number of at least 1"),
        ("optimizer.lr=interval(1,0)", "give a range"),
        ("search.space=null", "nothing is left to be searched"),
        ("optimizer.lr=interval(-2,-1)", "must be a finite number of at least 0"),
        ("dataset.validation=0", "the validation part is empty"),
    ],
)
def test_what_is_typed_wrong_begins_no_trial(override, told, jhrun):
    code, _, err = jhrun("train", *SEARCH, "search.trials=1", override)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err
    assert not list(Path().rglob("*.journal"))


def test_a_search_without_m_is_refused(jhrun):
    code, _, err = jhrun("train", *SEARCH[1:])
    assert (code, err) == (2, "error: a search has many runs, search, add -m\n")


def test_a_run_can_be_watched_on_the_test_set_and_resumed(tiny, jhrun):
    whole = tiny("train.epochs=3", "watch.part=test", "watch.epochs=2", "watch.examples=50", folder="whole")
    lines = list(read_lines(whole / "selected.jsonl"))
    assert [(line["epoch"], line["n"]) for line in lines] == [(1, 50), (2, 50), (3, 50)]
    assert [line["pgd20"] is None for line in lines] == [True, False, False]
    plain = tiny("train.epochs=3", folder="plain")
    weights = "checkpoints/last/weights.safetensors"
    assert (plain / weights).read_bytes() == (whole / weights).read_bytes()
    part = tiny("train.epochs=2", "watch.part=test", "watch.examples=50", folder="part")
    # of an epoch whose checkpoint was never written
    append_line(part / "selected.jsonl", {"epoch": 3, "clean": 0.5, "pgd20": 0.5, "n": 50})
    code, _, err = jhrun("train", "resume=part", "train.epochs=3")
    assert code == 0, err
    again = list(read_lines(part / "selected.jsonl"))
    assert [line["epoch"] for line in again] == [1, 2, 3]
    assert again[1:] == lines[1:]


@pytest.mark.skipif(not os.environ.get("JHRUN_EXHAUSTIVE"), reason="JHRUN_EXHAUSTIVE=1 runs it too")
def test_a_hopeless_trial_is_given_up_and_stays_so(begin, jhrun):
    """Three that learn, then one that hardly moves: it is stopped before its last epoch."""
    long = ["train.epochs=60", "regularizer.weight=0.1"]
    process = begin(*SEARCH, *long, "search.trials=3", "optimizer.lr=interval(0.01,0.02)")
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    code, out, err = jhrun("train", *SEARCH, *long, "search.trials=4", "optimizer.lr=interval(1e-9,2e-9)")
    assert code == 0, out + err
    assert [trial.state.name for trial in study().get_trials()] == ["COMPLETE"] * 3 + ["PRUNED"]
    (record,) = [json.loads(p.read_text()) for p in Path("sweep").glob("jobs/*.json") if "pruned" in p.read_text()]
    assert (record["state"], record["number"]) == ("pruned", 3)
    assert len((Path("sweep") / record["id"] / "metrics.jsonl").read_text().splitlines()) < 60
    code, again, err = jhrun("train", *SEARCH, *long, "search.trials=4", "optimizer.lr=interval(1e-9,2e-9)")
    assert code == 0, again + err
    assert "trial 3:" not in again
