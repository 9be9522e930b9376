"""Long runs and many runs: a report needs no more than a minute of a processor and 1 GiB."""

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from jhrun.cli import main
from jhrun.config import stored
from jhrun.jsonio import read_json

TINY = ["model=mlp", "model.widths=[4]", "solver=tracked", "train.examples=64", "train.epochs=1"]
SECONDS, BYTES = 60, 2**30

pytestmark = pytest.mark.skipif(not os.environ.get("JHRUN_EXHAUSTIVE"), reason="JHRUN_EXHAUSTIVE=1 runs it too")


def used(*arguments):
    """Call the command line in a child; gives its processor time in seconds and its peak memory in bytes."""
    child = os.fork()
    if not child:
        code = 70
        try:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
                code = main(arguments)
        finally:
            os._exit(code)
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_a_million_epochs_are_reported(jhrun):
    n = 1_000_000
    assert jhrun("train", *TINY, "evaluate=false", "hydra.run.dir=run")[0] == 0
    values = stored.read(Path("run/config.yaml"))
    values["train"]["epochs"] = n
    stored.write(Path("run/config.yaml"), values)
    record = json.loads(Path("run/metrics.jsonl").read_text())
    del record["checksum"]
    before, after = json.dumps(record | {"epoch": 0}, sort_keys=True).split('"epoch": 0')
    with Path("run/metrics.jsonl").open("w") as file:
        for epoch in range(1, n + 1):
            line = f'{before}"epoch": {epoch}{after}'
            checksum = hashlib.sha256(line.encode()).hexdigest()[:16]
            file.write(f'{line[:-1]}, "checksum": "{checksum}"}}\n')
    seconds, peak = used("report", "run")
    assert (seconds < SECONDS, peak < BYTES) == (True, True), (seconds, peak)
    epochs = read_json(Path("run/report.json"))["epochs"]
    assert 1000 < len(epochs) <= 10_000
    assert epochs[-1]["epoch"] == n


def test_ten_thousand_runs_make_a_leaderboard(jhrun):
    n = 10_000
    assert jhrun("train", *TINY, "attack=fgsm", "hydra.run.dir=one")[0] == 0
    files = [path.relative_to("one") for path in Path("one").rglob("*.json*") if "checkpoints" not in path.parts]
    for i in range(n):
        for file in (Path("config.yaml"), *files):
            copy = Path("many", f"{i:05}", file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(Path("one", file), copy)
    seconds, peak = used("report", "many")
    assert (seconds < SECONDS, peak < BYTES) == (True, True), (seconds, peak)
    board = read_json(Path("many/leaderboard.json"))
    assert json.dumps(board).count("many/") >= n
