"""What travels to a machine without a network, and back into the repository."""

import json
import shutil
import subprocess
import sys
import tarfile

import gpu_collect
import numpy as np
import pytest
import torch
from gpu import cifar, jobs, packing
from PIL import Image

HERE = jobs.ROOT / "benchmarks/gpu.py"


@pytest.fixture
def images(tmp_path):
    for part, n in (("train", 5), ("test", 3)):
        for name in ("cat", "dog"):
            folder = tmp_path / "cifar10" / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path


def names(archive):
    with tarfile.open(archive) as packed:
        return sorted(packed.getnames())


@pytest.mark.parametrize("packed", [False, True])
def test_all_training_images_travel_and_the_first_test_images(images, tmp_path, packed):
    source = images / "cifar10"
    if packed:
        source = images / "cifar10-old.tar.xz"
        with tarfile.open(source, "w:xz") as archive:
            archive.add(images / "cifar10", "cifar10")
    cifar.pack(source, tmp_path / "new.tar.xz", test=2)
    found = names(tmp_path / "new.tar.xz")
    assert [name for name in found if name.startswith("test")] == [
        f"test/{c}/{i}.png" for c in ("cat", "dog") for i in (0, 1)
    ]
    assert len([name for name in found if name.startswith("train/")]) == 10
    cifar.unpack(tmp_path / "new.tar.xz", tmp_path / "unpacked")
    copy = tmp_path / "unpacked/train/dog/4.png"
    assert copy.read_bytes() == (images / "cifar10/train/dog/4.png").read_bytes()


def test_packed_packages_are_pure_and_stand_in_for_the_machine_s_own(tmp_path):
    elsewhere = packing.wheels(tmp_path / "wheels")
    packed = {path.name.split("-")[0] for path in (tmp_path / "wheels").iterdir()}
    assert {"hydra_core", "omegaconf", "antlr4_python3_runtime", "torchattacks", "pytest", "tqdm"} <= packed
    assert not {"torch", "torchvision", "numpy", "jhrun", "safetensors"} & packed
    assert "safetensors" in elsewhere
    site = packing.unpack(tmp_path / "wheels", tmp_path / "site")
    assert not list(site.rglob("*.so"))
    code = (
        "import hydra, omegaconf, torchattacks; print(hydra.__file__, omegaconf.__file__, torchattacks.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert all(path.startswith(str(site)) for path in done.stdout.split())


def test_without_wheels_nothing_is_put_before_the_machine_s_own(tmp_path):
    assert packing.unpack(tmp_path / "wheels", tmp_path / "site") is None


def call(*words):
    done = subprocess.run([sys.executable, HERE, *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_pack_says_what_it_packed_and_what_must_be_there(images, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/job.7.0a0a0a0a.1of1.bin").write_bytes(b"state")
    code, said, err = call(
        "--pack", tmp_path / "packed", "--limit", "60", "--data", images, "--state", tmp_path / "out"
    )
    assert code == 0, err
    assert "has to be on the machine: Python 3." in said
    assert (tmp_path / "packed/state/job.7.0a0a0a0a.1of1.bin").read_bytes() == b"state"
    assert len(names(tmp_path / "packed/data" / cifar.ARCHIVE)) == 16
    code, _, err = call("--pack", tmp_path / "packed", "--limit", "60")
    assert (code, err) == (2, f"error: {tmp_path / 'packed'} exists, choose a new folder or remove it\n")


def test_above_the_limit_nothing_is_left(images, tmp_path):
    code, _, err = call("--pack", tmp_path / "packed", "--limit", "0.1", "--data", images)
    assert code == 2
    assert err.startswith("error: data: ")
    assert err.endswith("above the limit of 0 MiB\n") or "above the limit of" in err
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--minutes M and --out DIR are needed, or --pack DIR --limit MIB"),
        (["--pack", "x"], "--pack needs --limit MIB"),
        (["--minutes", "2", "--out", "x", "--state", "."], "--state goes with --pack"),
        (["--minutes", "-1", "--out", "x"], "invalid positive value"),
        (["--minutes", "1", "--out", "x", "--files", "2"], "at least 3"),
        (["--minutes", "1", "--out", "x", "--data", "nowhere"], "--data nowhere: there is no such folder"),
    ],
)
def test_wrong_calls_get_one_line(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words)
    assert code == 2
    assert said in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_written_to(tmp_path):
    (tmp_path / "mine").touch()
    code, _, err = call("--minutes", "1", "--out", tmp_path)
    assert (code, err) == (2, f"error: {tmp_path} is not empty, choose another --out\n")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_begun(tmp_path):
    code, said, err = call("--minutes", "1", "--out", tmp_path / "out")
    assert (code, said) == (2, "")
    assert err == f"error: PyTorch {torch.__version__} sees no NVIDIA GPU, use --rehearse\n"
    assert list((tmp_path / "out").iterdir()) == []


STEP = {
    "what": "step", "row": "hessian tracked", "precision": "tf32", "layout": "channels_last", "seconds": 0.05,
    "base_seconds": 0.02, "ratio": 2.5, "quartiles": [2.4, 2.6], "peak": 2**30, "base_peak": 2**29,
    "waits": {"jhrun/linalg/exact.py:7": 2}, "truth": 0.9, "truth_p10": 0.8,
    "phases": {"forward": {"share": 0.25, "busy": 0.9}, "rest": {"share": 0.75, "busy": None}},
}  # fmt: skip


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    for name in ("benchmarks/gpu", "docs"):
        shutil.copytree(jobs.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    return root


def results(folder, **more):
    folder.mkdir(exist_ok=True)
    about = {"date": "2026-11-28", "card": "NVIDIA H100", "digest": "0" * 12, "seconds": 3.0}
    record = {
        "rehearsal": False,
        "parts": {
            "tests": {
                "state": "done",
                "rows": [{"test": "t", "outcome": "failed", "seconds": 1, "traceback": "E  1 == 2"}],
                **about,
            },
            "costs": {
                "state": "part",
                "rows": [STEP, {**STEP, "row": "plain", "error": "OutOfMemoryError: no"}],
                **about,
            },
            "variants": {
                "state": "done",
                "rows": [
                    {
                        "pair": "a: b against c",
                        "ratio": 0.5,
                        "seconds": 1,
                        "base_seconds": 2,
                        "quartiles": [0.4, 0.6],
                    }
                ],
                **about,
            },
            "cifar10_plain": {"state": "killed", "rows": [], **about},
        },
        **more,
    }
    (folder / "results.json").write_text(json.dumps(record))
    return folder


def test_results_become_states_and_tables_with_the_card_s_name(repository, tmp_path):
    told = gpu_collect.collect(results(tmp_path / "out"), repository)
    assert told == ["tests: 1 rows, done", "costs: 2 rows, part", "variants: 1 rows, done"]
    states = {job.name: job.state for job in jobs.load(repository / "benchmarks/gpu/queue.yaml")}
    assert (states["costs"], states["variants"], states["cifar10_plain"]) == ("part", "done", "undone")
    page = (repository / gpu_collect.PAGE).read_text()
    for line in (
        "NVIDIA H100, 2026-11-28, not finished.",
        "| hessian tracked | tf32, channels_last | 50 | 2.50 | 2.40 – 2.60 | 0.900 (0.800) | 1024 | 2.00 | 2 |",
        "| plain | tf32, channels_last | failed | | | | | | |",
        "- plain: OutOfMemoryError: no",
        "| hessian tracked | 25% (90%) | 75% |",
        "The host waits for the device at: `jhrun/linalg/exact.py:7`.",
        "| a: b against c | 1e+03 | 2e+03 | 0.50 | 0.40 – 0.60 |",
        "0 passed, 1 failed, 0 skipped",
        "E  1 == 2",
    ):
        assert line in page.splitlines(), line
    assert "No figure yet" not in page
    # what stands around the tables stays, and a second time changes nothing
    original = (jobs.ROOT / gpu_collect.PAGE).read_text()
    assert page.partition(gpu_collect.BEGIN)[0] == original.partition(gpu_collect.BEGIN)[0]
    assert page.partition(gpu_collect.END)[2] == original.partition(gpu_collect.END)[2]
    gpu_collect.write_tables(repository)
    assert (repository / gpu_collect.PAGE).read_text() == page


def test_a_rehearsal_is_no_measurement(repository, tmp_path):
    with pytest.raises(ValueError, match="a rehearsal's figures"):
        gpu_collect.collect(results(tmp_path / "out", rehearsal=True), repository)
