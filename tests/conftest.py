"""Tiny data, and runs of the real command line with networks that train in a second.

One thread: the networks of the tests are tiny, and on busy cores a second thread costs ten times the work.
"""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jhrun.cli import main

torch.set_num_threads(1)

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]


@pytest.fixture
def tiny_mnist(tmp_path):
    """A root folder with MNIST's files in MNIST's format: 100 + 20 random images."""
    raw = tmp_path / "mnist root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, n in (("train", 100), ("t10k", 20)):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, n, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, n) + labels.tobytes())
    return raw.parent.parent


@pytest.fixture
def tiny_image_folder(tmp_path, monkeypatch):
    """Random colour images of 8×8 pixels: two classes, 20 + 5 of each; and a user's cache folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))
    root = tmp_path / "images"
    random = np.random.default_rng(0)
    for part, n in (("train", 20), ("test", 5)):
        for name in ("cat", "dog"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


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
