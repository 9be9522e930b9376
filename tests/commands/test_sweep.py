"""Sweeps of real trainings in real processes, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import Forked

from jhrun.sweeps import Lock

FAST = ["model=mlp", "model.widths=[16]", "regularizer=none", "optimizer=sgd", "attack=fgsm", "train.epochs=3"]
THREE = [*FAST, "optimizer.lr=0.01,0.02,1e30"]
LAUNCHERS = {
    "serial": [],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit": ["hydra/launcher=submitit_local"],
}


SWEEP = ["-m", "hydra.sweep.dir=sweep"]
EXHAUSTIVE = pytest.mark.skipif(not os.environ.get("JHRUN_EXHAUSTIVE"), reason="JHRUN_EXHAUSTIVE=1 runs it too")


@pytest.fixture
def run(begin):
    """A whole sweep in a process of its own; gives exit code and output."""

    def call(*overrides):
        process = begin(*SWEEP, *overrides)
        said = process.communicate(timeout=400)[0]
        return process.returncode, said

    return call


def records(folder="sweep"):
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("jobs/*.json"))]


def states(folder="sweep"):
    return sorted(record["state"] for record in records(folder))


def wait_until(true, process=None, seconds=200):
    deadline = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_trained_once(folder="sweep"):
    """Each epoch of a finished job was trained in one of its attempts alone."""
    for record in records(folder):
        if record["state"] == "finished":
            log = (Path(folder) / record["log"]).read_text()
            assert [log.count(f"epoch {n}/3,") for n in (1, 2, 3)] == [1, 1, 1], log


@pytest.mark.parametrize(
    "launcher", ["serial", *(pytest.param(name, marks=EXHAUSTIVE) for name in ("joblib", "submitit"))]
)
def test_a_sweep_that_was_killed_goes_on(launcher, begin, jhrun):
    # figures are compared where jobs come one after the other; the attacks would only take time again
    overrides = [*THREE, *LAUNCHERS[launcher], f"evaluate={'true' if launcher == 'serial' else 'false'}"]
    process = begin(*SWEEP, *overrides)
    # the second has a folder to go on in
    wait_until(lambda: "finished" in states() and len(list(Path("sweep").glob("*/config.yaml"))) > 1, process)
    process.kill()
    process.communicate()
    code, out, err = jhrun("train", *SWEEP, *overrides)
    said = out + err
    assert code == 9, said
    assert "Traceback" not in said
    assert states() == ["failed", "finished", "finished"]
    assert_trained_once()
    (failed,) = [record for record in records() if record["state"] == "failed"]
    assert failed["exit_code"] == 5
    assert "became infinite or not a number" in failed["error"]
    table = said[said.index("job  overrides") :].split("\n\n")[0].splitlines()
    assert len([line for line in table if "finished" in line]) == 2
    assert [line for line in table if "failed" in line and "optimizer.lr=1e+30" in line and failed["log"] in line]
    board = json.loads(Path("sweep/leaderboard.json").read_text())
    assert len(board["rows"]) == 3
    for cell in board["cells"]:
        if cell["state"] == "finished":
            report = json.loads(Path(cell["run"], "report.json").read_text())
            seconds = [epoch["seconds"] for epoch in report["epochs"]]
            assert cell["figures"]["seconds_per_epoch"] == sum(seconds) / len(seconds)
            if launcher == "serial":
                assert cell["figures"]["clean"] == report["clean"]["accuracy"]
                assert report["worst_case"]["accuracy"] in cell["figures"].values()
    assert Path("sweep", failed["log"]).read_text().count("error: ")
    assert not list(Path("sweep").rglob(".jhrun.lock")) + list(Path("sweep").rglob("*.tmp"))
    assert not list(Path("sweep").glob("jobs/.halt*"))


@EXHAUSTIVE
def test_ctrl_c_stops_at_a_step_and_the_same_command_goes_on(begin, run, jhrun):
    overrides = [*FAST, "train.epochs=40", "seed=0,1", "evaluate=false", *LAUNCHERS["joblib"]]
    process = begin(*SWEEP, *overrides)
    wait_until(lambda: list(Path("sweep").glob("*/metrics.jsonl")), process)
    # as a terminal does: to the whole group
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "interrupted" in states()
    assert "failed" not in states()
    code, said = run(*overrides)
    assert code == 0, said
    assert "goes on" in said
    assert states() == ["finished", "finished"]
    whole = [o for o in overrides if not o.startswith(("seed", "hydra"))]
    assert jhrun("train", *whole, "seed=0", "hydra.run.dir=whole")[0] == 0
    (job,) = [record["id"] for record in records() if record["config"]["seed"] == 0]
    weights = "checkpoints/last/weights.safetensors"
    assert Path("sweep", job, weights).read_bytes() == Path("whole", weights).read_bytes()


def test_a_job_that_the_system_kills_leaves_the_others_running(begin):
    process = begin(*SWEEP, *FAST, "seed=0,1", "train.epochs=200", "evaluate=false", "checkpoint.steps=10")
    wait_until(lambda: list(Path("sweep").glob("*/metrics.jsonl")), process)
    (first,) = Path("sweep").glob("*/metrics.jsonl")
    os.kill(json.loads((first.parent / "status.json").read_text())["pid"], signal.SIGKILL)
    wait_until(lambda: len(list(Path("sweep").glob("*/metrics.jsonl"))) == 2, process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 75, said
    assert states() == ["failed", "interrupted"]
    assert "killed by SIGKILL" in said


@EXHAUSTIVE
def test_a_preempted_job_is_requeued_by_submitit_and_goes_on(begin):
    overrides = [*FAST, "seed=0", "train.epochs=150", "evaluate=false", *LAUNCHERS["submitit"]]
    process = begin(*SWEEP, *overrides)
    wait_until(lambda: list(Path("sweep").glob("*/metrics.jsonl")), process)
    (first,) = Path("sweep").glob("*/status.json")
    job = json.loads(first.read_text())["pid"]
    # field 4 of a process's state is its parent: submitit's, whose handler requeues
    os.kill(int(Path(f"/proc/{job}/stat").read_text().rsplit(")", 1)[1].split()[1]), signal.SIGUSR2)
    said = process.communicate(timeout=200)[0]
    assert process.returncode == 0, said
    assert states() == ["finished"]
    log = next(Path("sweep").glob("jobs/*.log")).read_text()
    assert "everything is saved" in log
    assert "resuming in" in log
    assert [log.count(f"epoch {n}/150,") for n in (1, 150)] == [1, 1]


def test_ctrl_c_stops_attacks_too(begin):
    """Which are not asked at each step: the job's process is interrupted as by a terminal, under joblib too."""
    overrides = [*FAST[:-2], "attack=pgd100", "attack.pgd100.steps=20000", "train.epochs=1", "seed=0,1"]
    process = begin(*SWEEP, *overrides, *LAUNCHERS["joblib"])
    wait_until(lambda: len(list(Path("sweep").glob("*/checkpoints/last/state.json"))) == 2, process)
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert states() == ["interrupted", "interrupted"]


def test_two_sweeps_at_once_share_the_work(begin):
    overrides = [*FAST, "seed=0,1", "evaluate=false"]
    both = [begin(*SWEEP, *overrides), begin(*SWEEP, *overrides)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert states() == ["finished"] * 2
    assert_trained_once()


def test_what_is_finished_is_not_begun_again(jhrun):
    fast = [*FAST, "evaluate=false"]
    code, out, err = jhrun("train", *SWEEP, *fast, "seed=0")
    assert code == 0, out + err
    code, out, err = jhrun("train", *SWEEP, "seed=2,0", *fast)
    assert code == 0, out + err
    assert (out + err).count(" begins: ") == 1
    assert out.startswith("sweep of 2 jobs (1 finished, 1 waiting)")


def test_a_sweep_can_stop_at_the_first_failure(jhrun):
    code, out, err = jhrun("train", *SWEEP, *FAST, "optimizer.lr=1e30,0.01", "sweep.on_fail=stop")
    assert code == 9, out + err
    assert states() == ["failed", "waiting"]


def test_a_refused_configuration_is_a_failed_job(jhrun):
    code, _, _ = jhrun("train", *SWEEP, *FAST, "optimizer.lr=-1,0.01", "evaluate=false")
    assert code == 9
    assert states() == ["failed", "finished"]
    assert "optimizer.lr" in next(r["error"] for r in records() if r["state"] == "failed")
    code, _, err = jhrun("train", *SWEEP, *FAST, "optimizer.lr=-1,-2", "hydra.sweep.dir=other")
    assert (code, err.count("\n")) == (2, 1)
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sed=0,1", "did you mean 'seed'?"),
        ("model=cnn,nlp", "did you mean 'mlp'?"),
        ("resume=a,b", "type the sweep's command again"),
        ("optimizer.lr=interval(0,1)", "give a list"),
        ("sweep.on_fail=explode", "must be one of continue, stop"),
        ("hydra/launcher=jobli", "did you mean 'joblib'?"),
    ],
)
def test_what_is_typed_wrong_begins_nothing(override, told, jhrun):
    code, out, err = jhrun("train", *SWEEP, *FAST, override)
    assert (code, err.count("\n"), out) == (2, 1, "")
    assert told in err
    assert not list(Path().rglob("*.json"))


def test_a_run_that_another_process_works_on_is_left_alone(tiny, jhrun):
    folder = tiny()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    holder = "import sys, jhrun.sweeps as s\nwith s.Lock(sys.argv[1]): print('locked', flush=True); input()"
    with Forked([sys.executable, "-c", holder, folder], stdin=-1, stdout=-1, text=True) as process:
        process.stdout.readline()
        code, _, err = jhrun("train", f"resume={folder}", "train.epochs=3")
        assert (code, err.count("\n")) == (4, 1)
        assert f"process {process.pid} on {os.uname().nodename}" in err
        process.communicate("\n")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert Lock.holder(folder) is None
    assert jhrun("train", f"resume={folder}", "train.epochs=3")[0] == 0


def test_files_of_ones_own_reach_the_jobs(jhrun):
    own = Path("my conf/optimizer")
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("_target_: jhrun.optimizers.adam.Adam\nlr: 0.002\n")
    overrides = [*FAST, "optimizer=mine", "evaluate=false"]
    code, out, err = jhrun("train", *SWEEP, *overrides, "--config-dir", "my conf")
    assert code == 0, out + err
    assert [record["config"]["optimizer"]["lr"] for record in records()] == [0.002]


def test_values_reach_the_jobs_as_they_were_typed(jhrun, monkeypatch):
    # new interpreters, whose arguments are bytes
    monkeypatch.setattr("jhrun.sweeps.process.Popen", subprocess.Popen)
    folder = "my sweep, (½) $it's"
    schedule = "optimizer.lr={0: 0.01, 2: 0.001},{0: 0.02, 1: 0.002}"
    code, out, err = jhrun("train", "-m", *FAST, "evaluate=false", schedule, f"hydra.sweep.dir={folder}")
    assert code == 0, out + err
    runs = sorted(Path(folder).glob("*/report.json"))
    found = [json.loads(run.read_text())["config"]["optimizer"]["lr"] for run in runs]
    assert sorted(map(str, found)) == ["{'0': 0.01, '2': 0.001}", "{'0': 0.02, '1': 0.002}"]
