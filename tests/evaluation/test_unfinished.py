"""An evaluation that was interrupted goes on after the last attack that was done, to the same end."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from jhrun.attacks import FGSM, PGD, Attack
from jhrun.data import Part
from jhrun.errors import RunError
from jhrun.evaluation import Unfinished, evaluate
from jhrun.evaluation.store import save_analysis
from jhrun.evaluation.unfinished import _TENSORS
from jhrun.jsonio import read_json, write_json
from jhrun.records import AnalysisRecord


class KilledError(Exception):
    """In place of a signal."""


class Deadly(Attack):
    """Ends the evaluation."""

    kind = "gradient"

    def perturb(self, model, inputs, targets):
        raise KilledError


@pytest.fixture
def part():
    inputs = torch.randint(256, (60, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Part(inputs, torch.arange(60) % 3)


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


REQUEST = {"seed": 0, "attacks": {"fgsm": ["FGSM", 0.1, "inf", {}]}}


@pytest.mark.parametrize("cascade", [False, True])
def test_it_goes_on_to_what_it_would_have_been(part, model, tmp_path, cascade):
    attacks = {"fgsm": FGSM(0.02), "pgd 20": PGD(0.02), "third": PGD(0.02, steps=2)}
    whole = evaluate(model, part, attacks, seed=0, cascade=cascade)
    kept = Unfinished(tmp_path / "e", REQUEST)
    kept.begin({})
    assert not any(kept.has(name) for name in attacks)
    with pytest.raises(KilledError):
        evaluate(model, part, {**attacks, "third": Deadly(0.1)}, seed=0, cascade=cascade, kept=kept)
    again = Unfinished(tmp_path / "e", REQUEST)
    again.begin({})
    assert [again.has(name) for name in attacks] == [True, True, False]
    # what is done is read and not done again
    done = {"fgsm": Deadly(0.1), "pgd 20": Deadly(0.1), "third": attacks["third"]}
    resumed = evaluate(model, part, done, seed=0, cascade=cascade, kept=again)
    for what in _TENSORS:
        for name in attacks:
            first, second = getattr(whole, what)[name], getattr(resumed, what)[name]
            assert first.dtype == second.dtype
            assert torch.equal(first.nan_to_num(-7), second.nan_to_num(-7))
    for name, record in whole.records.items():
        assert replace(record, seconds=0) == replace(resumed.records[name], seconds=0)
    assert resumed.worst_case == whole.worst_case


def test_another_request_does_not_touch_it(tmp_path):
    kept = Unfinished(tmp_path / "e", REQUEST)
    kept.begin({})
    before = (tmp_path / "e/request.json").read_bytes()
    other = Unfinished(tmp_path / "e", {**REQUEST, "seed": 1})
    assert not other.fits()
    with pytest.raises(RunError, match="name=NAME"):
        other.begin({})
    assert (tmp_path / "e/request.json").read_bytes() == before


def test_a_finished_one_is_left_alone(tmp_path):
    kept = Unfinished(tmp_path / "e", REQUEST)
    kept.begin({})
    write_json(tmp_path / "e/results.json", {})
    assert not kept.fits()
    kept.finish()
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == ["request.json", "results.json"]


def test_leftovers_of_a_crash_while_writing_are_cleared(tmp_path):
    kept = Unfinished(tmp_path / "e", REQUEST)
    kept.begin({})
    (tmp_path / "e/unfinished/.fgsm.npz.77.tmp").write_bytes(b"half")
    kept.begin({})
    assert not kept.has("fgsm")
    assert not list((tmp_path / "e").glob("**/.*.tmp"))


def test_a_finished_one_takes_an_analysis_that_it_lacks_and_no_other_settings(tmp_path):
    settings = {"curve": {"_target_": "a.Curve"}, "mine": {"_target_": "a.Mine", "n": 3}}
    kept = Unfinished(tmp_path / "e", REQUEST, settings)
    kept.begin({"attack": {}})
    write_json(tmp_path / "e/results.json", {})
    kept.finish()
    assert kept.missing == ["curve", "mine"]
    save_analysis(tmp_path / "e", AnalysisRecord("mine", settings["mine"], 1.0, "", None), {})
    again = Unfinished(tmp_path / "e", REQUEST, settings)
    assert (again.fits(), again.missing) == (True, ["curve"])
    again.begin({})
    # what was asked for at first is kept
    assert read_json(tmp_path / "e/request.json")["call"] == {"attack": {}}
    other = settings | {"mine": {"_target_": "a.Mine", "n": 4}}
    assert not Unfinished(tmp_path / "e", REQUEST, other).fits()
    assert not Unfinished(tmp_path / "e", {**REQUEST, "seed": 1}, settings).fits()
    assert not Unfinished(tmp_path / "e", REQUEST, {"mine": settings["mine"]}).fits()
