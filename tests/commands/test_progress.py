"""Something moves at least every five seconds: on a terminal, in a log, in a sweep's jobs, within an attack."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import torch
from forked import Forked

from jhrun.attacks import PGD
from jhrun.commands.plan import say_estimate
from jhrun.commands.progress import Progress
from jhrun.commands.sweep import _jobs, configured
from jhrun.commands.watching import watched
from jhrun.config import grid
from jhrun.config.compose import hydra_ready
from jhrun.data import Part
from jhrun.evaluation import evaluate
from jhrun.jsonio import append_line
from jhrun.models import MLP
from jhrun.sweeps import Job, SweepFolder
from jhrun.sweeps.job import FINISHED, RUNNING

SLOW = """
import time
from jhrun.models import MLP

class Slow(MLP):
    def forward(self, x):
        time.sleep({seconds})
        return super().forward(x)
"""
STEPS = """
import sys, time
from jhrun.commands.plan import say_estimate
from jhrun.commands.progress import Progress
from jhrun.commands.sweep import _jobs, configured

with Progress("work", 100, stays=True) as line:
    line(20)
    time.sleep({seconds})
    line(50, "more work", detail="half")
"""


@pytest.fixture
def quick(monkeypatch):
    """Lines come within tenths of a second; the rest is as it is."""
    monkeypatch.setattr("jhrun.commands.progress.TICK", 0.02)
    monkeypatch.setattr("jhrun.commands.progress.FIRST", 0.1)


def test_where_there_is_no_terminal_a_line_comes_now_and_then(quick, capsys):
    with Progress("work", 100) as line:
        line(25)
        time.sleep(1)
        line(50, "more work", detail="half")
        time.sleep(1)
    said = capsys.readouterr().out.splitlines()
    # after 0.1, 0.2, 0.4, 0.8 and 1.6 s, or later where the machine is busy
    assert 2 <= len(said) <= 6
    assert re.fullmatch(r"work, 25 % done, \d\.\d s left", said[0]), said
    assert re.fullmatch(r"more work, 50 % done, \d\.\d s left, half", said[-1]), said


def test_what_was_done_before_takes_no_time(quick, capsys):
    with Progress("work", 100, done=80) as line:
        line(90)
        time.sleep(0.5)
    first = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(r"work, 90 % done, 0\.\d s left", first)


def test_of_work_of_unknown_length_the_time_is_told(quick, capsys):
    with Progress("reading"):
        time.sleep(0.3)
    assert re.fullmatch(r"reading, 0\.\d s so far", capsys.readouterr().out.splitlines()[0])


def test_a_quick_piece_of_work_says_nothing(capsys):
    with Progress("work", 2) as line:
        line(1)
    assert capsys.readouterr() == ("", "")


def test_an_error_passes_and_the_clock_stops(quick):
    with pytest.raises(ValueError, match="mine"), Progress("work", 2) as line:
        raise ValueError("mine")
    assert not line._clock.is_alive()


@pytest.mark.parametrize("columns", [0, 40])
def test_on_a_terminal_a_bar_moves_each_second_while_the_work_is_silent(columns):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
    process = Forked([sys.executable, "-c", STEPS.format(seconds=4)], stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    while process.poll() is None or seen == b"":
        try:
            seen += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert process.wait(60) == 0
    drawn = [line for line in seen.decode().split("\r") if line.strip()]
    lefts = {line.split("work  20%, ")[1][:5] for line in drawn if "work  20%, " in line}
    # the time left is known, also where the rest has no room, and it is not the same all the time
    assert len(lefts) >= 3, drawn
    assert all(re.fullmatch(r"\d\d:\d\d", left) for left in lefts - {"00:00"})
    assert any(line.startswith("more work  50%, ") for line in drawn)
    if columns:
        assert max(len(line.strip()) for line in drawn) < columns


def test_within_one_batch_an_attack_tells_the_passes():
    told = []
    model = MLP(shape=(1, 4, 4), outputs=3, mean=(0.5,), std=(0.3,), widths=(8,))
    part = Part(torch.randint(256, (6, 1, 4, 4), dtype=torch.uint8), torch.randint(3, (6,)))
    found = evaluate(model, part, {"pgd": PGD(0.1, 20, 0.1)}, seed=0, progress=lambda *at: told.append(at))
    shares = [done / among for _, done, among in told]
    assert len(shares) > 20
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert 0.8 < shares[-2] < 1
    assert shares[-1] == 1
    # the network is left as it was
    assert not model._forward_hooks
    assert found.records["pgd"].epsilon == 0.1


def test_the_jobs_of_a_sweep_are_seen_by_their_files(quick, capsys, tmp_path):
    folder = SweepFolder(tmp_path)
    jobs = [Job(f"j{n}", n, (), f"seed={n}", {"train": {"epochs": 4}}) for n in range(4)]
    folder.note(jobs[0], FINISHED)
    folder.note(jobs[1], RUNNING)
    folder.run(jobs[1]).path.mkdir()
    append_line(folder.run(jobs[1]).metrics, {"epoch": 2})
    folder.log(jobs[1]).write_bytes(b"training\n\x1b[1mepoch 2/4, loss \xff 0.5\nepoch 3/4   5%\repoch 3/4  10%\r")
    with watched(folder, jobs):
        time.sleep(0.5)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("1 of 4 jobs, 38 % done, ")
    assert said.endswith("job 1: epoch 3/4  10%")


def test_jobs_that_are_composed_are_counted(quick, capsys):
    jobs = _jobs(grid.expand(["seed=range(12)"], lambda _: "code"), lambda _: "code")
    assert [job.config["seed"] for job in jobs] == list(range(12))
    said = capsys.readouterr().out.splitlines()
    assert said
    assert all(re.fullmatch(r"composing the jobs, \d+ % done, .* (left|so far)", line) for line in said), said


def test_a_plan_says_what_it_times(quick, capsys):
    tiny = ("model=mlp", "model.widths=[8]", "train.epochs=1", "solver=lanczos")
    with hydra_ready():
        jobs = [configured((*tiny, f"seed={n}"), lambda _: "code", n, f"seed={n}") for n in range(2)]
    say_estimate(jobs)
    said = capsys.readouterr().out
    assert re.search(r"^timing a few steps of seed=0, 0 % done, .* so far$", said, re.MULTILINE), said
    assert "plan: 2 jobs, one after another" in said


SWEEP = ["train", "-m", "hydra.sweep.dir=sweep", "seed=0", "model=mlp", "model.widths=[8]", "evaluate=false"]


@pytest.mark.parametrize("launcher", ["basic", "submitit_local"])
def test_a_sweep_s_own_output_moves_while_its_job_works(launcher, tmp_path):
    (tmp_path / "slow_networks.py").write_text(SLOW.format(seconds=0.1))
    slow = ["plugins=[slow_networks]", "model._target_=slow_networks.Slow", "train.epochs=1", "regularizer=none"]
    process = Forked(
        [sys.executable, "-m", "jhrun", *SWEEP, *slow, f"hydra/launcher={launcher}", "train.batch_size=20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}", "PYTHONUNBUFFERED": "1"},
    )
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    assert re.search(r"^0 of 1 job, \d+ % done, .*, job 0: ", said, re.MULTILINE), said
    # and the job's own log
    (log,) = Path("sweep/jobs").glob("*.log")
    assert re.search(r"^epoch 1/1, \d+ % done, .* left, loss ", log.read_text(), re.MULTILINE), log.read_text()
