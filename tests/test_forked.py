"""A forked process is a real one, and the caller's own."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import forked
import pytest
from forked import Forked


def test_it_is_a_child_with_streams_a_folder_and_an_environment_of_its_own(tmp_path):
    code = (
        "import os, sys; print('e', file=sys.stderr); "
        "print(os.getppid(), os.getcwd(), os.environ['OWN'], *sys.argv[1:])"
    )
    done = forked.run([sys.executable, "-c", code, "a b", "c"], cwd=tmp_path, env=os.environ | {"OWN": "ε"})
    assert (done.returncode, done.stderr) == (0, "e\n")
    assert done.stdout == f"{os.getpid()} {tmp_path} ε a b c\n"
    assert "OWN" not in os.environ
    assert Path.cwd() != tmp_path


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit(7)", 7),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import atexit, os; atexit.register(os._exit, 9)", 9),
    ],
)
def test_its_exit_code_is_that_of_a_process(code, expected):
    assert forked.run([sys.executable, "-c", code]).returncode == expected


def test_it_hears_signals_in_a_group_of_its_own():
    code = "import time; print('there', flush=True); time.sleep(60)"
    process = Forked([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True, start_new_session=True)
    assert process.stdout.readline() == "there\n"
    assert os.getpgid(process.pid) == process.pid
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert process.returncode != 0


def test_without_the_folder_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "there.py").write_text("print('found')")
    monkeypatch.chdir(tmp_path)
    for options, code in (([], 0), (["-P"], 1)):
        command = [sys.executable, *options, "-m", "there"]
        assert forked.run(command).returncode == subprocess.run(command, check=False).returncode == code


def test_it_is_as_the_command_line_and_knows_nothing_of_another():
    command = [sys.executable, "-m", "jhrun", "trian"]
    cold = subprocess.run(command, capture_output=True, text=True, check=False)
    for _ in range(2):
        warm = forked.run(command)
        assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert forked.run([sys.executable, "-c", "import sys; sys.left = 1"]).returncode == 0
    assert forked.run([sys.executable, "-c", "import sys; sys.exit(hasattr(sys, 'left'))"]).returncode == 0
    drawn = [sys.executable, "-c", "import numpy; print(numpy.random.rand())"]
    assert forked.run(drawn).stdout != forked.run(drawn).stdout


DRAWN = """
from matplotlib.figure import Figure
from jhrun.reporting.picture import render

print(len(render(lambda narrow=False: Figure(), "svg").content))
"""


@pytest.mark.rendered
@pytest.mark.parametrize("run", [forked.run, partial(subprocess.run, capture_output=True, text=True, check=True)])
def test_figures_are_left_out_where_that_is_asked_for_and_nowhere_else(run, request):
    command = [sys.executable, "-c", DRAWN]
    assert int(run(command).stdout) > 500
    request.getfixturevalue("unrendered")
    assert int(run(command).stdout) < 200


def test_an_environment_that_is_read_at_the_start_alone_is_refused():
    with pytest.raises(AssertionError, match="LC_ALL is read at the start alone"):
        Forked([sys.executable, "-c", ""], env=os.environ | {"LC_ALL": "odd"})
