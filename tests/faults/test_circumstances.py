"""A run that should go on elsewhere, otherwise, or twice at once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked import Forked
from PIL import Image

from jhrun.commands.environment import changes
from jhrun.commands.sweep import configured
from jhrun.config.compose import hydra_ready
from jhrun.config.plugins import code_reader
from jhrun.jsonio import read_json, write_json


@pytest.fixture
def run(tiny):
    return tiny("evaluate=false")


def changed(run, **what):
    write_json(run / "environment.json", read_json(run / "environment.json") | what)


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "run.log"}


CIRCUMSTANCES = {
    "code of jhrun and plugins: 0.0.9+123456789abc → ": {"code": "0.0.9+123456789abc"},
    "PyTorch: 1.13.0 → ": {"torch": "1.13.0"},
    "device: NVIDIA H200 → ": {"cuda": "13.0", "device": "NVIDIA H200"},
}


@pytest.mark.parametrize("told", CIRCUMSTANCES)
def test_a_run_that_began_otherwise_goes_on_only_if_that_is_asked_for(run, jhrun, told):
    changed(run, **CIRCUMSTANCES[told])
    before = files(run)
    code, _, err = jhrun("train", "resume=run", "train.epochs=3")
    assert (code, err.count("\n")) == (4, 1)
    assert told in err
    assert "resume_force=true" in err
    assert files(run) == before
    code, out, err = jhrun("train", "resume=run", "train.epochs=3", "resume_force=true")
    assert code == 0, err
    assert f"warning: this is not how the run began: {told}" in out
    (again,) = read_json(run / "environment.json")["resumed"]
    assert again["differences"][0].startswith(told)
    assert (again["epoch"], again["torch"]) == (2, torch.__version__)
    # from now on it is compared with how it went on
    code, _, err = jhrun("train", "resume=run", "train.epochs=4")
    assert code == 0, err


def job_of(*overrides):
    with hydra_ready():
        return configured(("model=mlp", *overrides), code_reader(), 0, "").id


def test_a_plugin_that_was_changed_is_noticed_by_a_resumed_run_and_by_a_sweep(tiny, jhrun):
    plugin = Path("plugin_that_changes.py")
    plugin.write_text("from jhrun.models import MLP\n\n\ndef net(**options):\n    return MLP(**options)\n")
    plugged = ["plugins=[plugin_that_changes]", "model._target_=plugin_that_changes.net"]
    tiny("evaluate=false", *plugged)
    job = job_of(*plugged)
    assert job_of(*plugged) == job
    plugin.write_text(plugin.read_text() + "\n")
    assert job_of(*plugged) != job
    code, _, err = jhrun("train", "resume=run", "train.epochs=3", plugged[0])
    assert (code, err.count("\n")) == (4, 1)
    assert "code of jhrun and plugins: " in err
    assert jhrun("train", "resume=run", "train.epochs=3", plugged[0], "resume_force=true")[0] == 0


def test_another_cpu_is_noted_and_no_reason_to_stop(run, jhrun):
    changed(run, device="Z80, 1 cores")
    code, out, err = jhrun("train", "resume=run", "train.epochs=3")
    assert code == 0, err
    assert "warning: this is not how the run began: device: Z80, 1 cores → " in out
    assert read_json(run / "environment.json")["resumed"][0]["differences"][0].startswith("device: Z80")


HERE = {"code": "1", "torch": "2"}
CPU, GPU, OTHER = ({"cuda": c, "device": d} for c, d in ((None, "Z80"), ("13.0", "H200"), ("13.0", "H100")))


@pytest.mark.parametrize(
    ("before", "here", "refused", "noted"),
    [(GPU, OTHER, 1, 0), (GPU, CPU, 1, 0), (CPU, GPU, 0, 1), (GPU, GPU, 0, 0), (CPU, CPU, 0, 0)],
)
def test_from_a_cpu_a_run_may_move_and_from_a_gpu_it_may_not(before, here, refused, noted):
    assert [*map(len, changes(HERE | before, HERE | here))] == [refused, noted]
    # what it last went on on counts
    assert [*map(len, changes(HERE | {"resumed": [before]} | here, HERE | here))] == [refused, noted]


def test_another_configuration_is_taken_and_noted_where_that_is_asked_for(run, jhrun):
    code, _, err = jhrun("train", "resume=run", "train.epochs=3", "optimizer.lr=0.1")
    assert (code, err.count("\n")) == (4, 1)
    assert "optimizer.lr: 0.001 → 0.1" in err
    code, _, err = jhrun("train", "resume=run", "train.epochs=3", "optimizer.lr=0.1", "resume_force=true")
    assert code == 0, err
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["lr"] for line in lines] == [0.001, 0.001, 0.1]
    (again,) = read_json(run / "environment.json")["resumed"]
    assert "optimizer.lr=0.1" in again["command"]
    assert again["differences"] == ["optimizer.lr: 0.001 → 0.1"]


def test_other_data_are_noticed(tiny_image_folder, tiny, jhrun):
    options = ["dataset=image_folder", f"dataset.root={tiny_image_folder}", "epsilon=0.1", "dataset.crop=0"]
    run = tiny(*options, "evaluate=false")
    path = next((tiny_image_folder / "train/cat").iterdir())
    with Image.open(path) as image:
        other = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    other.save(path)
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=3")
    assert (code, err.count("\n")) == (4, 1)
    assert "data (SHA-256): " in err
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=3", "resume_force=true")
    assert code == 0, err


def rewritten(root, how, classes=("cat", "dog")):
    """The same folder of images, each changed."""
    for path in [p for p in root.rglob("*.png") if p.parent.name in classes]:
        with Image.open(path) as image:
            made = how(image)
        made.save(path)
    return root


OTHERS = {
    "classes: 2 → 3": lambda root: [
        shutil.copytree(root / p / "cat", root / p / "cow") for p in ("train", "test")
    ],
    "shape of an input: [3, 8, 8] → [3, 4, 4]": lambda root: rewritten(root, lambda image: image.resize((4, 4))),
    "scale, the inputs' standard deviation: ": lambda root: rewritten(root, lambda i: i.point(lambda v: v // 16)),
}


@pytest.mark.parametrize("told", OTHERS)
def test_a_run_is_not_evaluated_on_data_of_another_kind(tiny_image_folder, tiny, jhrun, told):
    options = ["dataset=image_folder", f"dataset.root={tiny_image_folder}", "epsilon=0.1", "dataset.crop=0"]
    run = tiny(*options, "evaluate=false")
    other = Path(shutil.copytree(tiny_image_folder, "other"))
    code, _, err = jhrun("eval", f"run={run}", "attack=fgsm", "analysis=quick_verdict", f"dataset.root={other}")
    assert code == 0, err
    OTHERS[told](other)
    code, out, err = jhrun("eval", f"run={run}", "attack=fgsm", "analysis=quick_verdict", f"dataset.root={other}")
    assert (code, err.count("\n"), out) == (4, 1, "")
    assert told in err


def test_channels_of_another_number_are_noticed(tiny, tiny_image_folder, jhrun):
    run = tiny("evaluate=false")
    from jhrun.config import stored

    values = stored.read(run / "config.yaml")
    values["dataset"] = {"_target_": "jhrun.data.image_folder.image_folder", "root": str(tiny_image_folder)}
    stored.write(run / "config.yaml", values)
    code, _, err = jhrun("eval", f"run={run}", "attack=fgsm")
    assert (code, err.count("\n")) == (4, 1)
    assert "classes: 10 → 2; shape of an input: [1, 8, 8] → [3, 8, 8]" in err


def wait_for(path, process):
    deadline = time.monotonic() + 100
    while not path.is_file():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


LONG = ["model=mlp", "model.widths=[16]", "train.epochs=5000", "evaluate=false", "hydra.run.dir=run"]


def test_a_second_process_is_told_who_holds_the_run_and_the_first_goes_on(begin, jhrun):
    first = begin(*LONG)
    wait_for(Path("run/metrics.jsonl"), first)
    for call in (["train", "resume=run"], ["eval", "run=run", "attack=fgsm"]):
        code, _, err = jhrun(*call)
        assert (code, err.count("\n")) == (4, 1)
        assert f"process {first.pid} on {os.uname().nodename}" in err
    assert first.poll() is None
    seen = len(Path("run/metrics.jsonl").read_text().splitlines())
    # Ctrl-C, once: the step is finished and everything saved
    asked = time.monotonic()
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[0]
    assert time.monotonic() - asked < 10
    assert first.returncode == 130, said
    assert "interrupted; everything is saved" in said
    status = read_json(Path("run/status.json"))
    assert (status["state"], status["exit_code"]) == ("interrupted", 130)
    done = len(Path("run/metrics.jsonl").read_text().splitlines())
    assert done >= seen
    code, _, err = jhrun("train", "resume=run", f"train.epochs={done + 1}")
    assert code == 0, err


def test_a_second_ctrl_c_ends_at_once_and_the_checkpoint_is_whole(begin, jhrun):
    slow = ["train.batch_size=1400", "model.widths=[256]", "regularizer=hessian", "solver=lanczos"]
    process = begin(*LONG, *slow, "solver.iterations=120")
    # a step takes seconds: the first Ctrl-C waits for it, the second one does not
    wait_for(Path("run/checkpoints/last/state.json"), process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    said = process.communicate(timeout=60)[0]
    assert time.monotonic() - asked < 10
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "everything is saved" not in said
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", "subset=10", "analysis=quick_verdict")
    assert code == 0, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_preempted_run_saves_itself_and_goes_on_exactly(begin, jhrun, number):
    process = begin(*LONG, "train.epochs=400")
    wait_for(Path("run/metrics.jsonl"), process)
    asked = time.monotonic()
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    assert time.monotonic() - asked < 30
    assert process.returncode == 75, said
    status = read_json(Path("run/status.json"))
    assert (status["state"], status["exit_code"]) == ("interrupted", 75)
    state = read_json(Path("run/checkpoints/last/state.json"))
    epochs = state["epoch"] + 2
    for arguments in (["resume=run"], [*LONG[:-1], "hydra.run.dir=whole"]):
        code, _, err = jhrun("train", *arguments, f"train.epochs={epochs}")
        assert code == 0, err
    weights = [Path(name, "checkpoints/last/weights.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]


HANDLED = """
import signal, sys
from pathlib import Path
from jhrun.cli import main

for number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(number, lambda number, _: Path(f"got {number}").touch())
sys.exit(main(["train", *sys.argv[1:]]))
"""


def test_a_launchers_own_handlers_stay():
    """As submitit's, which requeue a job; ``tests/commands/test_sweep.py`` has submitit itself do it."""
    command = [sys.executable, "-c", HANDLED, *LONG]
    process = Forked(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(Path("run/metrics.jsonl"), process)
    for number in (signal.SIGUSR2, signal.SIGTERM):
        process.send_signal(number)
        wait_for(Path(f"got {number:d}"), process)
    # what nobody else handles is ours
    process.send_signal(signal.SIGUSR1)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 75, said


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_run_of_the_cpu_may_go_on_on_a_gpu_and_that_is_noted(tiny, jhrun):
    run = tiny("evaluate=false", "device=cpu")
    code, _, err = jhrun("train", "resume=run", "train.epochs=3", "device=cuda")
    assert code == 0, err
    (again,) = read_json(run / "environment.json")["resumed"]
    assert again["differences"][0].startswith("device: ")
    code, _, err = jhrun("train", "resume=run", "train.epochs=4", "device=cpu")
    assert code == 4
    assert "device: " in err
