"""Checkpoints that are not what was written, and whose they are not."""

import json
import shutil
from pathlib import Path

import pytest

from jhrun.training import Checkpoint

FILES = ["weights.safetensors", "state.safetensors", "state.json"]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "garbage": lambda content: bytes(range(256)) * (len(content) // 256 + 1),
    "one bit": flipped,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs, whose best checkpoint is of some epoch."""
    from jhrun.cli import main

    folder = tmp_path_factory.mktemp("trained") / "run"
    tiny = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
    assert main(["train", *tiny, "evaluate=false", f"hydra.run.dir={folder}"]) == 0
    return folder


@pytest.fixture
def run(trained):
    """A copy of it."""
    return Path(shutil.copytree(trained, "run"))


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in {"run.log"}}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_named_with_the_newest_whole_one(run, jhrun, file, damage):
    path = run / "checkpoints/last" / file
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    before = contents(run)
    best = json.loads((run / "checkpoints/best/state.json").read_text())["epoch"]
    for call in (["eval", "run=run", "attack=fgsm"], ["train", "resume=run", "train.epochs=3"]):
        code, out, err = jhrun(*call)
        assert (code, err.count("\n")) == (4, 1), out + err
        assert str(path) in err
        assert "SHA-256" in err or "checksum" in err or "JSON" in err
        assert f"the newest that is whole is best, of epoch {best}" in err
        assert contents(run) == before


def test_the_newest_whole_one_may_take_its_place(tiny, jhrun):
    # much too fast in the second epoch
    run = tiny("optimizer.lr={0: 0.001, 1: 5}", "evaluate=false")
    weights = (run / "checkpoints/last/weights.safetensors").read_bytes()
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert json.loads((run / "checkpoints/best/state.json").read_text())["epoch"] == 1
    shutil.rmtree(run / "checkpoints/last")
    shutil.copytree(run / "checkpoints/best", run / "checkpoints/last")
    code, out, err = jhrun("train", "resume=run")
    assert code == 0, err
    assert "going on from epoch 1, step 0" in out
    assert (run / "checkpoints/last/weights.safetensors").read_bytes() == weights
    again = (run / "metrics.jsonl").read_text().splitlines()
    assert (again[0], json.loads(again[1])["loss"]) == (lines[0], json.loads(lines[1])["loss"])


def test_weights_of_another_run_are_noticed(run, tiny, jhrun):
    tiny("seed=1", "evaluate=false", folder="other")
    shutil.rmtree(run / "checkpoints/last")
    shutil.copytree("other/checkpoints/last", run / "checkpoints/last")
    for call in (["eval", "run=run", "attack=fgsm"], ["train", "resume=run", "train.epochs=3"]):
        code, out, err = jhrun(*call)
        assert code == 4, out + err
        assert "the network does not say what it said when it was saved" in err
        assert "accuracy" not in out


def test_weights_of_another_run_with_its_hashes_rewritten_are_noticed(run, tiny, jhrun):
    tiny("seed=1", "evaluate=false", folder="other")
    mine, other = (Checkpoint.load(Path(name, "checkpoints/last")) for name in ("run", "other"))
    Checkpoint(other.weights, mine.state, mine.info).save(run / "checkpoints/last")
    code, _, err = jhrun("eval", "run=run", "attack=fgsm")
    assert code == 4
    assert "the network does not say what it said" in err


def test_a_checkpoint_that_the_run_never_saved_is_noticed(run, tiny, jhrun):
    tiny("train.epochs=3", "evaluate=false", folder="other")
    shutil.rmtree(run / "checkpoints/last")
    shutil.copytree("other/checkpoints/last", run / "checkpoints/last")
    code, _, err = jhrun("eval", "run=run", "attack=fgsm")
    assert code == 4
    assert "the run never saved a checkpoint of epoch 3, step 0" in err
