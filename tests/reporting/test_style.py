"""Figures need nothing of the user's: neither a backend, nor LaTeX, nor fonts of a ``matplotlibrc``."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

pytestmark = pytest.mark.rendered

JUPYTER = "module://matplotlib_inline.backend_inline"
SETTINGS = {"text.usetex": True, "font.family": ["cursive"], "svg.fonttype": "none", "lines.linewidth": 9.0}
BENCH = ["solvers=[hutchinson]", "rounds=1", "batches=1", "batch_size=4", "model=mlp", "model.widths=[8]"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tiny):
    return tiny("evaluate=false", folder="runs/one")


def figures(folder):
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*.svg")}


def test_a_notebook_s_backend_and_a_matplotlibrc_change_no_figure(run):
    before = figures(run)
    for path in (run / "figures").iterdir():
        path.unlink()
    rc = "".join(f"{key}: {','.join(v) if isinstance(v, list) else v}\n" for key, v in SETTINGS.items())
    Path("matplotlibrc").write_text(f"{rc}backend: {JUPYTER}\n")
    environment = os.environ | {"MPLBACKEND": JUPYTER, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jhrun", "report", str(run)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert figures(run) == before
    assert "training.svg" in before


def test_whoever_calls_from_a_program_keeps_their_settings(run, jhrun):
    calls = {"runs/one": ["report", str(run)], "runs/figures": ["report", "runs"], "bench": ["bench", *BENCH]}
    drawn = {}
    for settings in ({}, SETTINGS):
        with mpl.rc_context(settings):
            for folder, call in calls.items():
                code, _, err = jhrun(*call, *(["hydra.run.dir=bench"] if folder == "bench" else []))
                assert code == 0, err
                drawn.setdefault(folder, []).append(figures(folder))
            assert {key: mpl.rcParams[key] for key in settings} == settings
        for path in Path("bench").iterdir():
            path.unlink()
    for folder, (plain, with_settings) in drawn.items():
        assert plain, folder
        if folder == "bench":
            # its times differ, and its letters are paths as ever
            assert b"<text" not in with_settings["bench.svg"]
        else:
            assert with_settings == plain
