"""Commands that end at odd moments, and what a second try makes of it."""

import shutil
import signal
import sys
from pathlib import Path

import forked
import numpy as np
import pytest

from jhrun.jsonio import read_json

ENDING = """
import importlib, os, signal, sys
from jhrun.cli import main

# also where those who began this process had it ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

where, number, *arguments = sys.argv[1:]
module, *path, name = where.split(":")
owner = importlib.import_module(module)
for part in path:
    owner = getattr(owner, part)
setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), int(number)))
sys.exit(main(arguments))
"""

TINY = ["model=mlp", "model.widths=[4]", "solver=tracked", "train.examples=64", "train.epochs=1"]
ATTACKED = ["attack=fgsm", "subset=20", "analysis=quick_verdict"]


@pytest.fixture
def ended_at():
    """Call the command line in a process that gets a signal where it would call a function: its exit code."""

    def call(where, number, *argv):
        command = [sys.executable, "-c", ENDING, where, str(int(number)), *argv]
        return forked.run(command).returncode

    return call


def test_an_extended_run_that_was_killed_before_its_evaluation_is_evaluated(ended_at, jhrun):
    assert jhrun("train", *TINY, *ATTACKED, "hydra.run.dir=run")[0] == 0
    killed = ended_at(
        "jhrun.commands.train:run_evaluation", signal.SIGKILL, "train", "resume=run", "train.epochs=2"
    )
    assert killed == -signal.SIGKILL
    code, _, err = jhrun("train", "resume=run")
    assert code == 0, err
    report = read_json(Path("run/report.json"))
    assert [e["epoch"] for e in report["evaluations"].values()] == [1, 2]
    assert report["evaluations"][report["evaluation"]]["epoch"] == 2


def test_an_evaluation_does_not_go_on_with_what_was_found_on_other_data(ended_at, tiny_image_folder, tiny, jhrun):
    options = ["dataset=image_folder", "dataset.cache=null", "epsilon=0.1", "dataset.crop=0", "evaluate=false"]
    tiny(*options, f"dataset.root={tiny_image_folder}")
    shutil.copytree(tiny_image_folder, "other")
    # the classes change places
    for part in ("test", "train"):
        Path("other", part, "cat").rename("cat")
        Path("other", part, "dog").rename(Path("other", part, "cat"))
        Path("cat").rename(Path("other", part, "dog"))
    call = ["eval", "run=run", "attack=fgsm", "analysis=quick_verdict", "dataset.cache=null"]
    killed = ended_at("jhrun.commands.evaluation:save", signal.SIGKILL, *call, f"dataset.root={tiny_image_folder}")
    assert killed == -signal.SIGKILL
    code, out, err = jhrun(*call, "dataset.root=other")
    assert code == 0, err
    assert "done before" not in out
    with np.load("run/eval/fgsm-2/images.npz") as images:
        assert abs(images["fgsm"] - images["clean"]).max() < 0.1 + 1e-6
    # the one that was killed goes on
    code, out, err = jhrun(*call)
    assert code == 0, err
    assert "fgsm done before" in out


@pytest.mark.parametrize(
    ("where", "number", "code"),
    [
        ("jhrun.commands.claim:environment", signal.SIGTERM, 75),
        ("jhrun.commands.claim:environment", signal.SIGINT, 130),
        ("jhrun.commands.claim:environment", signal.SIGKILL, -9),
        ("jhrun.config.stored:write", signal.SIGKILL, -9),
    ],
)
def test_a_run_that_ended_before_it_had_begun_can_begin_again(ended_at, jhrun, where, number, code):
    call = ["train", *TINY, "evaluate=false", "hydra.run.dir=run"]
    assert ended_at(where, number, *call) == code
    assert not Path("run/config.yaml").exists()
    if code > 0:
        assert not list(Path().glob("run/*"))
    code, _, err = jhrun(*call)
    assert code == 0, err
    assert not list(Path("run").rglob("*.tmp"))


def test_a_folder_of_somebody_elses_records_is_left_as_it_is(jhrun):
    Path("run").mkdir()
    for name in ("status.json", "environment.json", "overrides.yaml"):
        Path("run", name).write_text("{}")
    code, _, err = jhrun("train", *TINY, "evaluate=false", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (4, 1)
    assert "is not empty, run directory, choose another hydra.run.dir\n" in err
    assert {p.read_text() for p in Path("run").iterdir()} == {"{}"}
    assert len(list(Path("run").iterdir())) == 3


def test_a_disk_that_is_full_when_a_run_begins(jhrun, files_of_at_most):
    call = ["train", *TINY, "evaluate=false", "hydra.run.dir=run"]
    with files_of_at_most(400):
        code, _, err = jhrun(*call)
    assert (code, err.count("\n")) == (6, 1)
    assert err.endswith("make space, then type the same again\n")
    assert jhrun(*call)[0] == 0


def test_an_evaluation_that_was_killed_as_it_began_or_ended(ended_at, jhrun):
    assert jhrun("train", *TINY, "evaluate=false", "hydra.run.dir=run")[0] == 0
    call = ["eval", "run=run", *ATTACKED]
    assert ended_at("jhrun.evaluation.unfinished:write_json", signal.SIGKILL, *call, "name=a") == -signal.SIGKILL
    assert (
        ended_at("jhrun.evaluation.unfinished:Unfinished:finish", signal.SIGKILL, *call, "name=b")
        == -signal.SIGKILL
    )
    code, _, err = jhrun(*call, "name=a")
    assert code == 0, err
    assert jhrun("report", "run")[0] == 0
    assert {p.name for p in Path().glob("run/eval/*")} == {"a", "b"}
    assert not list(Path("run").rglob("unfinished"))


def test_an_evaluation_that_is_told_to_make_room_lets_the_run_go(ended_at, jhrun):
    assert jhrun("train", *TINY, "evaluate=false", "hydra.run.dir=run")[0] == 0
    assert ended_at("jhrun.commands.evaluation:save", signal.SIGTERM, "eval", "run=run", *ATTACKED) == 75
    assert not Path("run/.jhrun.lock").exists()
    assert jhrun("eval", "run=run", *ATTACKED)[0] == 0


def test_records_that_are_missing_are_noticed_before_the_training(tiny, jhrun):
    run = tiny("evaluate=false")
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text(lines[0])
    code, out, err = jhrun("train", "resume=run", "train.epochs=3")
    assert (code, err.count("\n")) == (4, 1)
    assert "2 epochs are trained, but 1 are recorded" in err
    assert "epoch 3/3" not in out


def test_a_line_that_was_cut_off_is_not_added_to(jhrun):
    call = [*TINY[:-1], "solver=auto", "evaluate=false"]
    assert jhrun("train", *call, "train.epochs=1", "hydra.run.dir=run")[0] == 0
    whole = Path("run/decisions.jsonl").read_bytes()
    for path in ("run/checkpoints", "run/figures"):
        shutil.rmtree(path)
    Path("run/metrics.jsonl").unlink()
    Path("run/decisions.jsonl").write_bytes(whole[:50])
    code, _, err = jhrun("train", "resume=run")
    assert code == 0, err
    assert Path("run/decisions.jsonl").read_bytes().count(b"\n") == 1
