"""Output never fails a run: closed, full, without a reader, without letters, on a terminal that goes away."""

import errno
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Forked

from jhrun.cli import main

JHRUN = f"{sys.executable} -m jhrun"
TRAIN = "train model=mlp model.widths=[16] train.epochs=1 solver=hutchinson attack=fgsm hydra.run.dir=run"
COMMAND = [*JHRUN.split(), *TRAIN.split()]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(line, **environment):
    """A line of bash with the exit codes of all its commands; gives the last failure's code, and what was said."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        errors="surrogateescape",
    )


def assert_finished(folder="run"):
    status = json.loads(Path(folder, "status.json").read_text())
    assert (status["state"], status["exit_code"], status["error"]) == ("finished", 0, None)
    assert Path(folder, "report.html").is_file()


def closed():
    """As a shell begins a process without streams."""
    done = shell(f"{JHRUN} {TRAIN} >&- 2>&- <&-")
    return done.returncode, done.stderr


def full():
    """Both streams on a device that takes nothing."""
    with Path("/dev/full").open("wb") as nothing, Forked(COMMAND, stdout=nothing, stderr=nothing) as process:
        return process.wait(200), ""


def no_reader():
    """A pipe whose reader leaves after a byte, as ``head -c 1``."""
    with Forked(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        return process.wait(200), ""


@pytest.mark.parametrize("begun", [closed, full, no_reader])
def test_a_run_whose_output_is_lost_is_finished(begun):
    code, said = begun()
    assert code == 0, said
    assert "Traceback" not in said
    assert_finished()
    assert "epoch 1/1" in Path("run/run.log").read_text()


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, C_LOCALE])
def test_letters_that_the_encoding_lacks_are_spelled(environment):
    done = shell(f"{JHRUN} {TRAIN.replace('=run', '=läufe')}", **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["accuracy", "95", "%", "interval", "n", "eps"] in table
    assert set("".join(next(row for row in table if row and set(row[0]) <= {"-"}))) == {"-"}
    assert_finished("läufe")
    assert "ε" in Path("läufe/run.log").read_text(encoding="utf-8")
    if "LC_ALL" in environment:
        # whoever reads the folder from the last line gets its bytes
        assert os.fsencode(done.stdout.splitlines()[-1]).endswith("/läufe".encode())


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (">&-", ""),
        ("2>&-", "usage"),
        (">/dev/full", "warning: <stdout> cannot be written (No space left on device)"),
        ("2>/dev/full", "usage"),
        ("| true", ""),
        ("| head -1", "train, attack and report"),
    ],
)
def test_the_help_too(to, said):
    done = shell(f"{JHRUN} --help {to}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == ("warning" in said)
    if said:
        assert said in (done.stderr if "warning" in said else done.stdout)


@pytest.mark.parametrize("to", [">&-", ">/dev/full", "| true"])
def test_an_error_keeps_its_code_where_nobody_hears_it(to):
    done = shell(f"{JHRUN} trian 2>&1 {to}")
    assert done.returncode == 2, done.stderr


def test_a_configuration_is_shown_in_ascii_too():
    done = shell(f"{JHRUN} train --cfg job dataset=mnist dataset.root=ε", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "root: eps" in done.stdout


def on_a_terminal(command, read, start=subprocess.Popen, **environment):
    """A process whose output is a terminal of no columns; ``read`` is given the bytes, and stops by false."""
    ours, theirs = pty.openpty()
    process = start(
        [*JHRUN.split(), *command.split()],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TERM": "dumb", "NO_COLOR": "1"} | environment,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError as error:
            # Linux says so when the last process has closed the terminal
            assert error.errno == errno.EIO
            break
        seen += part
        if not part or not read(seen):
            break
    os.close(ours)
    return process.wait(200), seen


def test_a_terminal_without_colours_and_columns():
    longer = TRAIN.replace("train.epochs=1", "train.epochs=100")
    code, seen = on_a_terminal(longer, lambda _: True, PYTHONIOENCODING="ascii")
    assert code == 0, seen
    assert_finished()
    # no colours, no movements of the cursor
    assert b"\x1b" not in seen
    assert b"eps" in seen
    assert b"epoch 100/100 100%" in seen


def test_a_terminal_that_goes_away():
    code, seen = on_a_terminal(TRAIN, lambda seen: b"training in" not in seen, Forked)
    assert code == 0, seen
    assert_finished()


def test_a_sweep_and_its_jobs_without_output():
    jobs = f"{TRAIN.replace('run.dir=run', 'sweep.dir=sweep')} -m hydra/launcher=joblib seed=0 evaluate=false"
    with (
        Path("/dev/full").open("wb") as nothing,
        Forked([*JHRUN.split(), *jobs.split()], stdout=nothing, stderr=subprocess.PIPE, text=True) as process,
    ):
        said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    (record,) = Path("sweep/jobs").glob("*.json")
    assert json.loads(record.read_text())["state"] == "finished"


FIRST_FILE = """
import os
from jhrun.terminal import lasting_output

with lasting_output(), open("checkpoint", "wb") as file:
    # what a library written in C says
    os.write(1, b"to standard output")
    os.write(2, b"to standard error")
    file.write(b"weights")
"""


def test_no_file_gets_the_number_of_a_closed_stream():
    Path("first.py").write_text(FIRST_FILE)
    done = shell(f"{sys.executable} first.py <&- >&- 2>&-")
    assert done.returncode == 0
    assert Path("checkpoint").read_bytes() == b"weights"


def test_streams_are_put_back(monkeypatch, jhrun):
    before = sys.stdout, sys.stderr
    assert jhrun("--version")[0] == 0
    assert (sys.stdout, sys.stderr) == before
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0
    assert sys.stdout is None
