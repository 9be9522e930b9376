"""The two scripts, the wheel and the checkout, as a user gets them."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from jhrun.config import stored
from jhrun.config.groups import conf
from jhrun.reporting.leaderboard import cells_in, is_sweep

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the sdist, so that what the sdist lacks is missing."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_what_is_not_python(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("reporting/templates/report.html.j2", "py.typed"):
        assert f"jhrun/{name}" in names
    assert not [name for name in names if not name.startswith("jhrun")]


def test_the_wheel_has_every_choice(wheel):
    ours = {f"jhrun/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert "jhrun/conf/attack/pgd20.yaml" in ours
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("jhrun/conf/")} == ours


def test_an_editable_install_is_a_path_to_the_checkout_and_a_copy_of_nothing(tmp_path):
    build = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as built:
        (path,) = [name for name in built.namelist() if ".dist-info/" not in name]
        assert built.read(path).decode().split() == [str(ROOT)]


def test_an_edited_yaml_of_a_checkout_is_seen_at_once(tmp_path):
    for name in ("jhrun", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "conf/model/mlp.yaml").write_text("# edited\n")
    here = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "jhrun", "train", "--help"]
    shown = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, check=True)
    assert "  edited\n" in shown.stdout


@pytest.mark.parametrize("project", [None, '[project]\nname = "theirs"\n', 'name = "jhrun-plugin"\n'])
def test_a_strangers_conf_beside_the_package_is_left_alone(project, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/train.yaml").touch()
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    assert conf(tmp_path / "jhrun") == tmp_path / "jhrun/conf"


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


def test_the_file_of_requirements_is_that_of_the_project():
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts/requirements"], capture_output=True, check=True
    ).stdout
    assert (ROOT / "requirements.txt").read_bytes() == printed
    with_extras = [sys.executable, ROOT / "scripts/requirements", "dev"]
    lines = subprocess.run(with_extras, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {*printed.decode().splitlines()} < {*lines}
    # by way of an extra that the extra names
    assert [line for line in lines if line.startswith("tensorboard")]
    assert not [line for line in lines if line.startswith(("jhrun", "torchattacks"))]


WITHOUT_REQUESTS = """
import sys
sys.modules["requests"] = None
import torch
from jhrun.attacks import APGD, FAB, PGD
from jhrun.models import MLP
model = MLP(shape=(1, 4, 4), outputs=3, mean=(0.5,), std=(0.5,), widths=(4,))
for attack in (PGD(0.1, steps=2), APGD(0.1, steps=2), FAB(0.1, steps=1)):
    attack(model, torch.full((2, 1, 4, 4), 0.5), torch.tensor([0, 1]), seed=0)
"""


def test_the_attacks_need_no_requests():
    """Why the pin of torchattacks can be left out: neither its import nor an attack asks for the package."""
    subprocess.run([sys.executable, "-c", WITHOUT_REQUESTS], check=True)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git checkout")
def test_git_keeps_of_outputs_its_page_alone():
    paths = ["outputs/README.md", "outputs/runs/1/report.html", "outputs/sweeps/README.md", "tests/outputs/1"]
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert asked.stdout.splitlines() == paths[1:]


def test_the_page_in_outputs_is_taken_for_no_run(tmp_path):
    shutil.copy(ROOT / "outputs/README.md", tmp_path)
    assert not is_sweep(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").touch()
    assert [cell.folder.name for cell in cells_in(tmp_path, stored.read)] == ["run"]


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
