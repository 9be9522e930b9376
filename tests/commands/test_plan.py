"""``sweep.plan``: hours and disk of each configuration, before a sweep begins."""

import json
import re
from pathlib import Path

import pytest

from jhrun.attacks import FGSM, PGD
from jhrun.commands import plan
from jhrun.commands.watch import STEPS
from jhrun.config.compose import composed
from jhrun.config.stored import plain
from jhrun.evaluation import estimate as attacked
from jhrun.evaluation.analyses.curve import radii
from jhrun.training import Checkpoint

TINY = ["model=mlp", "model.widths=[16]", "regularizer=none", "optimizer=sgd", "train.epochs=3", "attack=fgsm"]
EXAMPLES = [*TINY, "train.examples=100", "train.batch_size=64", "subset=40"]


class Clock:
    """Each look at it is a second after the one before."""

    def __init__(self):
        self.now = 0

    def perf_counter(self):
        self.now += 1
        return self.now


@pytest.fixture
def estimate(monkeypatch):
    """The estimate of a configuration, where each step and each forward pass takes a second."""
    for module in (plan, attacked):
        monkeypatch.setattr(module, "time", Clock())
    return lambda *overrides: plan.estimate(plain(composed("train", list(overrides))))


def test_every_configuration_is_told_before_any_job_begins_and_one_that_fails_is_no_end(jhrun):
    few = [*TINY, "train.epochs=1", "subset=20", "train.examples=64,100000"]
    code, out, err = jhrun("train", "-m", "hydra.sweep.dir=sweep", "sweep.plan=true", *few)
    # the second asks for more examples than there are
    assert code == 9, err
    table = out[out.index("configuration ") : out.index("plan: ")]
    good, bad = (next(line for line in table.splitlines() if f"={n} " in line) for n in (64, 100_000))
    assert re.search(r"  1 +\S+ s +\S+ s +\d+ MB$", good), good
    assert re.search(r"  1 +– +cannot be told \(there are 1295 training examples.*–$", bad), bad
    assert re.search(
        r"plan: 2 jobs, one after another \S+ s of training and at most \S+ s of attacks and analyses, 0\.00 GB",
        out,
    )
    records = [json.loads(path.read_text()) for path in Path("sweep/jobs").glob("*.json")]
    assert sorted(record["state"] for record in records) == ["failed", "finished"]
    assert "finished" in out[out.index("plan: ") :]
    assert "finished" not in out[: out.index("plan: ")]


def test_training_is_steps_times_the_time_of_one_for_a_whole_batch(estimate):
    # 3 epochs of 2 steps; 16 examples of the 64 of a batch take a second
    assert estimate(*EXAMPLES).training == 3 * 2 * 64 / 16


@pytest.mark.parametrize("stages", ["optimizer.lr={0:0.1,1:0.01}", "optimizer.lr={0:0.1,2:0.01,7:0.1}"])
def test_each_stage_counts_for_its_own_epochs(estimate, stages):
    assert estimate(*EXAMPLES, stages).training == 3 * 2 * 64 / 16


def test_attacks_are_passes_over_the_examples_that_are_attacked(estimate):
    # the forward pass of a batch that has all 40 takes a second
    assert estimate(*EXAMPLES).evaluation == pytest.approx(FGSM(0.1).passes(10))
    assert estimate(*EXAMPLES, "evaluate=false").evaluation == 0
    watched = estimate(*EXAMPLES, "evaluate=false", "watch.part=validation", "watch.examples=40", "watch.epochs=2")
    assert watched.evaluation == pytest.approx(2 * PGD(0.1, steps=STEPS).passes(10))


def test_analyses_are_those_that_follow_the_attacks(estimate):
    with_none = estimate(*EXAMPLES, "analysis=quick_verdict").evaluation
    # the curve's radii but zero, each with the passes of PGD-20
    curve = (len(radii(0.1)) - 1) * PGD(0.1, steps=20).passes(10)
    assert estimate(*EXAMPLES, "analysis=curve").evaluation == pytest.approx(with_none + curve)
    # which times a look at four examples by a clock of its own
    both = estimate(*EXAMPLES, "analysis=[curve,curvature]", "regularizer=jacobian", "solver=lanczos").evaluation
    assert both > with_none + curve
    assert estimate(*EXAMPLES, "analysis=curve", "evaluate=false").evaluation == 0


def test_the_disk_is_that_of_the_checkpoints_and_something_beside(tiny, estimate):
    run = tiny("train.epochs=3", "optimizer=adam", "regularizer=none", "attack=fgsm", "model.widths=[64]")
    kept = [Checkpoint.load(run / "checkpoints" / name) for name in ("last", "best")]
    tensors = [t for one in kept for t in (*one.weights.values(), *one.state.values())]
    size = sum(t.numel() * t.element_size() for t in tensors)
    used = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
    told = estimate(*EXAMPLES, "optimizer=adam", "model.widths=[64]").disk
    assert abs(told - plan._BESIDE - size) < 0.02 * size
    assert used < told
