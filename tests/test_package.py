"""The two scripts and the wheel, as a user gets them."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_what_is_not_python(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("conf/train.yaml", "conf/attack/pgd20.yaml", "reporting/templates/report.html.j2", "py.typed"):
        assert f"jhrun/{name}" in names
    assert not [name for name in names if not name.startswith("jhrun")]


def test_the_wheel_alone_trains_from_an_empty_folder(wheel, tmp_path):
    """Beside the checkout's own dependencies, with jhrun itself from the wheel."""
    site, empty = tmp_path / "site", tmp_path / "empty folder"
    empty.mkdir()
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run([str(word) for word in install], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import jhrun; print(jhrun.__file__)"],
        cwd=empty, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))
    done = subprocess.run(
        [sys.executable, "-m", "jhrun", "train", "train.epochs=1", "model=mlp"],
        cwd=empty, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.splitlines()[-1]) / "report.html").is_file()


@pytest.mark.skipif(not (ROOT / ".venv/.installed").is_file(), reason="the scripts have not made .venv here")
def test_the_second_call_starts_at_once_from_any_folder(tmp_path):
    begun = time.monotonic()
    done = subprocess.run(
        [ROOT / "scripts/run", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    # no speed target: an installation, pip's start alone, takes longer than this on any machine
    assert time.monotonic() - begun < 5
    assert done.stdout.startswith("jhrun ")
    assert done.stderr == ""


def test_the_default_data_needs_no_network_and_no_other_folder():
    text = (ROOT / "README.md").read_text()
    assert "shared" not in text
