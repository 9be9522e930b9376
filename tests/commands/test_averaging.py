"""Averaged weights through the command line."""

import json
from pathlib import Path

import numpy as np
import pytest


def results(run, name):
    return json.loads((run / "eval" / name / "results.json").read_text())


def test_the_averaged_network_is_evaluated_unless_told_otherwise(tiny, jhrun):
    run = tiny("averaging=ema", "averaging.decay=0.9", "attack=[fgsm]", "subset=50")
    code, _, err = jhrun("eval", f"run={run}", "attack=[fgsm]", "subset=50", "averaged=true", "name=mean")
    assert code == 0, err
    code, _, err = jhrun("eval", f"run={run}", "attack=[fgsm]", "subset=50", "averaged=false", "name=raw")
    assert code == 0, err
    mean, raw = results(run, "mean"), results(run, "raw")
    predicted = [np.load(run / "eval" / name / "per_example.npz")["clean"] for name in ("fgsm", "mean", "raw")]
    assert (predicted[0] == predicted[1]).all()
    assert (predicted[0] != predicted[2]).any()
    assert (mean["checkpoint"], raw["checkpoint"]) == ("last", "last, not averaged")
    # the two are never joined
    assert json.loads((run / "report.json").read_text())["checkpoint"] == "last"


def test_averaged_weights_that_are_not_there_are_told(tiny, jhrun):
    run = tiny("evaluate=false")
    code, _, err = jhrun("eval", f"run={run}", "attack=[fgsm]", "averaged=true")
    assert code == 2
    assert "the checkpoint has no averaged weights, averaged=true, leave it out" in err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("averaging.decay=1", "decay=1: must be at least 0 and below 1"),
        ("averaging.decays=0.5", "averaging.decay"),
    ],
)
def test_a_wrong_average_is_one_line(typed, told, jhrun):
    code, _, err = jhrun("train", "averaging=ema", typed)
    assert code == 2
    assert told in err
    assert not Path("outputs").exists()
