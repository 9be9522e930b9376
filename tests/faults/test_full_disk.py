"""A real small disk that fills up: a tmpfs of its own, in a namespace of its own where root may not mount."""

import json
import re
import sys
from pathlib import Path

import forked
import pytest
from mounts import MAY_NOT

TINY = [
    *("model=mlp", "model.widths=[32]", "solver=tracked", "train.examples=64", "train.batch_size=32"),
    *("train.epochs=3", "evaluate=false", "threads=1", "hydra.run.dir=disk/run"),
]
SCRIPT = """
import os, sys
from pathlib import Path
from mounts import mount_own
from jhrun import files
from jhrun.cli import main
mount_own(["-t", "tmpfs", "-o", "size=2m", "tmpfs", "disk"])
name, time, *overrides = sys.argv[1:]

def fill():
    "Leave no byte, as another user's files would."
    with open("disk/others", "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass

def snapshot():
    files = [p for p in Path("disk/run").rglob("*") if p.is_file() and ".new" not in str(p) and p.suffix != ".tmp"]
    return {p: p.read_bytes() for p in files if p.name not in CHANGING}

CHANGING = {"run.log", "status.json", ".jhrun.lock"}
before = {}
opened = Path.open

def watch(path, *arguments, **options):
    "The disk fills up when a certain file is about to be written for the first or second time."
    global seen
    mode = arguments[0] if arguments else options.get("mode", "r")
    if mode[0] in "wa" and name in str(path):
        seen += 1
        if seen == int(time):
            before.update(snapshot())
            fill()
    return opened(path, *arguments, **options)

seen = 0
Path.open = watch
code = main(["train", *overrides])
Path.open = opened
status = Path("disk/run/status.json").read_text()
changed = [str(p) for p, content in before.items() if not p.is_file() or p.read_bytes() != content]
ends = (".tmp", ".new", ".old", ".lock")
left = [str(p) for p in Path("disk/run").rglob("*") if p.name.endswith(ends)]
os.remove("disk/others")
again = main(["train", "resume=disk/run"])
lines = len(Path("disk/run/metrics.jsonl").read_text().splitlines())
import json
print("RESULT", json.dumps([code, json.loads(status), changed, left, again, lines]))
"""


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("metrics.jsonl", "1"),
        ("last.new/.state.json", "2"),
        ("canary", "2"),
        ("report.json", "1"),
        ("report.html", "1"),
    ],
)
def test_a_full_disk_ends_a_run_in_one_line_and_it_goes_on_after_space_is_made(name, time):
    Path("disk").mkdir()
    done = forked.run([sys.executable, "-c", SCRIPT, name, time, *TINY])
    if done.returncode == MAY_NOT:
        pytest.skip("nobody may mount a disk here")
    assert done.returncode == 0, done.stderr
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    code, status, changed, left, again, lines = json.loads(result.removeprefix("RESULT "))
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert code == 6
    assert "No space left on device for " in error
    assert " bytes, " in error
    assert ("checkpoints/last" if "last" in name else name) in error
    assert (status["state"], status["exit_code"]) == ("failed", 6)
    assert (changed, left) == ([], [])
    assert (again, lines) == (0, 3)
    assert done.stderr.count("Traceback") == 0


@pytest.mark.parametrize("name", ["last", "best"])
def test_whoever_resumes_before_there_is_space_loses_nothing(name, tiny, jhrun, files_of_at_most):
    """What a checkpoint that cannot be saved says is noted before; the one in its place stays known."""
    share = 0.1 if name == "best" else 0
    run = tiny("model.widths=[256]", f"dataset.validation={share}", "evaluate=false")
    weights = (run / f"checkpoints/{name}/weights.safetensors").read_bytes()
    for _ in range(3):
        with files_of_at_most(len(weights) // 2):
            code, _, err = jhrun("train", f"resume={run}", "train.epochs=3")
        assert (code, err.count("\n")) == (6, 1)
        assert re.search(rf"File too large for [\d,]+ bytes, \S*checkpoints/{name}, make space", err), err
        assert (run / f"checkpoints/{name}/weights.safetensors").read_bytes() == weights
    code, _, err = jhrun(
        "eval", f"run={run}", f"checkpoint={name}", "attack=fgsm", "subset=10", "analysis=quick_verdict"
    )
    assert code == 0, err
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=3")
    assert code == 0, err


# whether a file fits hangs on its size
@pytest.mark.rendered
def test_a_leaderboard_and_a_bench_tell_of_it_too(tiny, jhrun, files_of_at_most):
    tiny("evaluate=false", folder="many/one")
    small = ["solvers=[lanczos]", "iterations=[1]", "batches=1", "rounds=1", "batch_size=2", "model=mlp"]
    with files_of_at_most(2000):
        for call in (["report", "many"], ["bench", *small, "hydra.run.dir=bench"]):
            code, _, err = jhrun(*call)
            assert (code, err.count("\n")) == (6, 1)
            assert "File too large for " in err
            assert err.endswith("make space, then type the same again\n")
    assert jhrun("bench", *small, "hydra.run.dir=bench")[0] == 0
    assert jhrun("report", "many")[0] == 0
