"""Tiny data, and runs of the real command line with networks that train in a second.

One thread: the networks of the tests are tiny, and on busy cores a second thread costs ten times the work.
"""

import gc
import hashlib
import os
import pickle
import resource
import struct
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import Forked
from PIL import Image
from unrendered import HERE, MODULE, render

from jhrun.cli import main
from jhrun.reporting.drawing import as_print

torch.set_num_threads(1)

# no tests, and one of them is imported for what it does
collect_ignore = ["helpers"]


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


LONG = {
    *("commands", "faults", "plugins", "reporting", "evaluation", "benchmarks", "sweeps", "library"),
    *("test_linear.py", "test_cache.py", "test_deciding.py", "test_preflight.py", "test_overrides.py"),
    *("test_tensorboard.py", "test_forked.py", "test_notebook.py", "README.md"),
}
"""Folders and files whose tests are seconds each: ``quick`` are of them those alone that say so."""

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]


def pytest_collection_modifyitems(items):
    for item in items:
        path = item.path.relative_to(item.config.rootpath)
        # doctests of the package are quick
        if path.parts[0] == "jhrun" or not LONG & set(path.parts):
            item.add_marker("quick")


def pytest_collection_finish(session):
    """The collector does not go through all that was imported again and again: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture
def files_of_at_most():
    """In a block, the kernel refuses to make a file longer than so many bytes: a quota, or nearly a full disk."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session", autouse=True)
def _unprinted():
    """Figures have no PDFs in this process, which take as long as their SVGs; ``printed`` makes them."""
    with _patched("jhrun.reporting.picture.as_print", lambda _: b"%PDF-"):
        yield


@pytest.fixture(scope="session", autouse=True)
def _warm_jobs():
    """Jobs of sweeps are forked from a process that has imported all, the work of ten tiny trainings."""
    with _patched("jhrun.sweeps.process.Popen", Forked):
        yield


@contextmanager
def _patched(name, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, value)
        yield


@pytest.fixture(scope="session")
def printed():
    """Inside the context that it makes, figures have their PDFs."""
    return partial(_patched, "jhrun.reporting.picture.as_print", as_print)


@pytest.fixture(scope="session")
def figures_wait():
    """Inside the context that it makes, figures are not drawn in this process: for runs that tests share."""
    return partial(_patched, f"{MODULE}.render", render)


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are described and not drawn, here and in processes that are started; tests/reporting draws them."""
    monkeypatch.setattr(f"{MODULE}.render", render)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.fixture(autouse=True)
def _undrawn_unless_asked(request):
    """Nothing is drawn but where the test asks for it with its mark."""
    if request.node.get_closest_marker("rendered") is None:
        request.getfixturevalue("unrendered")


@pytest.fixture
def write_mnist(monkeypatch):
    """Write random images in MNIST's files; what is asked of their checksums is theirs. Gives their folder.

    The idx format: big-endian magic number (type 8 is uint8, then the rank) and sizes, then bytes.
    """

    def write(root, train=40, test=10):
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, n in (("train", train), ("t10k", test)):
            images, labels = random_images(n, 28, 28), np.arange(n, dtype=np.uint8) % 10
            (raw / f"{name}-images-idx3-ubyte").write_bytes(
                struct.pack(">4I", 0x803, n, 28, 28) + images.tobytes()
            )
            (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, n) + labels.tobytes())
        sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in raw.iterdir()}
        monkeypatch.setattr("jhrun.data.integrity.MNIST_SHA256", sums)
        return raw

    return write


@pytest.fixture
def write_cifar(monkeypatch):
    """Write 20 images to train on and 20 to test with, and tell torchvision their MD5 sums. Gives their folder."""

    def write(root, source):
        folder, labels = root / source.base_folder, "labels" if source.__name__ == "CIFAR10" else "fine_labels"
        folder.mkdir(parents=True)
        classes = 10 if source.__name__ == "CIFAR10" else 100

        def file(name, content):
            (folder / name).write_bytes(pickle.dumps(content))
            return [name, md5(folder / name)]

        images = {"data": random_images(20, 3072), labels: [i * 5 % classes for i in range(20)]}
        meta = source.meta
        name, its = file(meta["filename"], {meta["key"]: [f"class {i}" for i in range(classes)]})
        monkeypatch.setattr(source, "train_list", [file("train", images)])
        monkeypatch.setattr(source, "test_list", [file("test", images)])
        monkeypatch.setattr(source, "meta", meta | {"filename": name, "md5": its})
        return folder

    return write


@pytest.fixture
def tiny_mnist(tmp_path, write_mnist):
    """A root folder with MNIST's files in MNIST's format: 100 + 20 random images."""
    return write_mnist(tmp_path / "mnist root", 100, 20).parent.parent


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

    def start(*argv) -> Forked:
        return Forked(
            [sys.executable, "-m", "jhrun", "train", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def tiny(jhrun):
    """Train a tiny network; gives the run's folder."""

    def train(*overrides, folder="run"):
        chosen = any(
            override.startswith(("attack=", "experiment=", "objective=squared_error")) for override in overrides
        )
        # a task without classes has no attack; the default suite takes seconds, these two attacks a tenth of one
        attacks = [] if chosen else ["attack=[fgsm,pgd20]"]
        code, out, err = jhrun("train", *TINY, f"hydra.run.dir={folder}", *attacks, *overrides)
        assert code == 0, err
        return Path(out.splitlines()[-1])

    return train
