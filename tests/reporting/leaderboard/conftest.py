"""A few runs, trained for real in a second each."""

import shutil
from pathlib import Path

import pytest

from jhrun.cli import main
from jhrun.config import stored
from jhrun.jsonio import read_json, write_json

TINY = [
    "model=mlp",
    "model.widths=[8]",
    "train.epochs=1",
    "solver=lanczos",
    "solver.iterations=1",
    "attack=[fgsm,pgd20]",
]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, figures_wait):
    """Three runs, by name: two seeds of one configuration, and one without a penalty."""
    root = tmp_path_factory.mktemp("leaderboard")
    calls = {"zero": ["seed=0"], "one": ["seed=1"], "plain": ["regularizer=none"]}
    for name, overrides in calls.items():
        with figures_wait():
            assert main(["train", *TINY, *overrides, f"hydra.run.dir={root / name}"]) == 0
    return root


@pytest.fixture
def runs(trained, tmp_path):
    """Copies of them, to be spoilt."""
    folder = tmp_path / "runs"
    shutil.copytree(trained, folder)
    return folder


@pytest.fixture
def sweep(trained, tmp_path):
    """A sweep of six jobs: the runs, one that waits, one that failed before it began, one that was refused."""
    folder = tmp_path / "sweep"
    (folder / "jobs").mkdir(parents=True)

    def job(number, name, state, *, error=None, refused=False, **changed):
        config = stored.read(trained / "zero/config.yaml") | changed
        record = {
            "id": name, "number": number, "overrides": [f"seed={config['seed']}", "regularizer.weight=7"],
            "config": None if refused else config, "state": state, "exit_code": None, "error": error,
            "seconds": None, "log": f"jobs/{name}.log",
        }  # fmt: skip
        write_json(folder / f"jobs/{name}.json", record)

    for number, name in enumerate(["zero", "one", "plain"]):
        shutil.copytree(trained / name, folder / name)
        job(number, name, "finished", **stored.read(trained / name / "config.yaml"))
    job(3, "a", "waiting", seed=2)
    job(4, "b", "failed", error="memory ran out\n<b>now</b>", seed=3)
    job(5, "c", "failed", error="must lie in [0, 1]", refused=True)
    return folder


@pytest.fixture
def report_of(runs):
    """A run's ``report.json``."""

    def read(name):
        return read_json(Path(runs) / name / "report.json")

    return read
