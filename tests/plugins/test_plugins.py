"""Methods of others: each one Python file and one YAML beside the package, through the whole life of a run."""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tqdm import tqdm

from jhrun.cli import main
from jhrun.jsonio import read_json, read_lines
from jhrun.training import Trainer

HERE = Path(__file__).parent
SMALL = [
    *("model=mlp", "model.widths=[8]", "train.epochs=2", "train.batch_size=16", "train.examples=64"),
    *("checkpoint.steps=1", "attack=[fgsm]", "train.on_nonfinite=skip", "subset=60"),
]
"""Four steps an epoch."""
METHODS = {
    "trades": ("trades", "regularizer=trades", "regularizer=trades regularizer.fraction=0.5"),
    "distilled": ("distilled", "objective=distilled regularizer=none", "objective=distilled"),
    "sam": ("sharpness", "optimizer=sam", "optimizer=sam solver=tracked"),
    "levelled": ("levelled", "regularizer=levelled solver=tracked", "regularizer=levelled"),
    "foretold": ("filtered", "regularizer=foretold", "regularizer=foretold train.micro_batch=8"),
    "teacher": ("teacher", "regularizer=teacher", "regularizer=teacher averaging=ema"),
}
"""Module, choices; and the same with more around it."""
WORDS = {
    "trades": ("TRADES", "at the adversarial twin"),
    "distilled": ("self-distillation", "last answer was known"),
    "sam": ("Sam (",),
    "levelled": ("Levelled",),
    "foretold": ("foretold outputs", "at noisy inputs"),
    "teacher": ("mean teacher", "averaged teacher"),
}
"""What a report says of a method, in the method's own words."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the plugins in it."""
    shutil.copytree(HERE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("test_*", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(module, choices, folder):
    return [
        *("train", "--config-dir", "conf", *SMALL, *choices.split()),
        *(f"plugins=[{module}]", f"hydra.run.dir={folder}"),
    ]


def killed(arguments, steps):
    """Train in a child process that is killed before a step."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tqdm.set_lock(threading.RLock())
    made = Trainer.take_step

    def step(trainer, batch):
        if trainer.steps_done == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        made(trainer, batch)

    Trainer.take_step = step
    try:
        main(arguments)
    finally:
        os._exit(70)


def kept(run):
    """Every tensor of the last checkpoint."""
    folder = run / "checkpoints" / "last"
    return {**load_file(folder / "weights.safetensors"), **load_file(folder / "state.safetensors")}


def figures(run):
    lines = read_lines(run / "metrics.jsonl")
    return [{key: value for key, value in line.items() if key not in {"seconds", "memory"}} for line in lines]


@pytest.mark.parametrize("name", METHODS)
def test_a_plugin_trains_is_killed_resumes_bit_for_bit_and_is_evaluated_and_reported(name, here, jhrun):
    module, choices, _ = METHODS[name]
    code, _, err = jhrun(*call(module, choices, "whole"), "evaluate=false")
    assert code == 0, err
    assert killed(call(module, choices, "pieces"), 6) == -signal.SIGKILL
    assert read_json(Path("pieces/checkpoints/last/state.json"))["step"] == 2
    code, _, err = jhrun("train", "resume=pieces", f"plugins=[{module}]", "evaluate=false")
    assert code == 0, err
    whole, pieces = kept(Path("whole")), kept(Path("pieces"))
    assert whole.keys() == pieces.keys()
    for key, tensor in whole.items():
        assert tensor.equal(pieces[key]), key
    assert figures(Path("whole")) == figures(Path("pieces"))
    code, _, err = jhrun("eval", "run=pieces", "attack=[fgsm]", "subset=60", f"plugins=[{module}]")
    assert code == 0, err
    page = Path("pieces/report.html").read_text(encoding="utf-8")
    for words in WORDS[name]:
        assert words in page


@pytest.mark.parametrize("name", METHODS)
def test_a_plugin_goes_with_what_else_there_is(name, here, jhrun):
    module, _, choices = METHODS[name]
    code, _, err = jhrun(*call(module, choices, "run"), "evaluate=false")
    assert code == 0, err
