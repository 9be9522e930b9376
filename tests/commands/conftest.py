"""Runs of the real command line, on real digits, with networks that train in a second."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jhrun.cli import main

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def jhrun(capsys):
    """Call the command line; gives (exit code, standard output, standard error)."""

    def call(*argv):
        code = main(list(argv))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def begin():
    """Start ``jhrun train`` in a process group of its own, as a shell does; gives the process."""

    def start(*argv) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "jhrun", "train", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    return start


@pytest.fixture
def tiny(jhrun):
    """Train a tiny network; gives the run's folder."""

    def train(*overrides, folder="run"):
        code, out, err = jhrun("train", *TINY, f"hydra.run.dir={folder}", *overrides)
        assert code == 0, err
        return Path(out.splitlines()[-1])

    return train
