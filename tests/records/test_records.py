"""Records: plain enough for JSON, and the Wilson interval against SciPy's."""

import dataclasses
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from jhrun.records import (
    AttackRecord,
    Batch,
    Check,
    CurveRecord,
    DataSpec,
    EpochRecord,
    EvaluationRecord,
    Proportion,
    Verdict,
)
from jhrun.records.statistics import Z95


@st.composite
def counts(draw):
    n = draw(st.integers(1, 100_000))
    return draw(st.integers(0, n)), n


def test_the_quantile_is_that_of_the_normal_distribution():
    assert pytest.approx(norm.ppf(0.975), rel=1e-15) == Z95


@given(counts())
def test_the_interval_is_scipys(count):
    successes, n = count
    found = Proportion.of(successes, n)
    expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert (found.accuracy, found.n) == (successes / n, n)
    assert found.ci95 == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


@given(counts())
def test_the_interval_holds_the_share_and_lies_in_the_range(count):
    found = Proportion.of(*count)
    low, high = found.ci95
    assert 0 <= low <= found.accuracy + 1e-15
    assert found.accuracy - 1e-15 <= high <= 1
    assert low < high
    # successes and failures are treated alike
    mirrored = Proportion.of(count[1] - count[0], count[1]).ci95
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-12)


def test_the_interval_solves_its_quadratic():
    """Wilson: the ends are the shares π for which the observed one is exactly z deviations off."""
    p, n = 37 / 120, 120
    for end in Proportion.of(37, 120).ci95:
        assert abs(p - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(1.959964, rel=1e-6)


@pytest.mark.parametrize("n", [1, 10, 10_000])
def test_no_success_and_no_failure(n):
    z2 = 1.959963984540054**2
    none, all_ = Proportion.of(0, n), Proportion.of(n, n)
    assert none.ci95 == pytest.approx((0, z2 / (n + z2)), abs=1e-12)
    assert all_.ci95 == pytest.approx((n / (n + z2), 1), abs=1e-12)
    assert (none.accuracy, all_.accuracy) == (0, 1)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (1, 0), (-1, 5), (6, 5), (0, -1)])
def test_counts_that_are_none_are_refused(successes, n):
    with pytest.raises(ValueError, match=f"{successes} successes in {n} trials"):
        Proportion.of(successes, n)


ATTACK = AttackRecord(Proportion.of(3, 4), 0.1, "inf", 1.5, {"steps": 20})
EVALUATION = EvaluationRecord(
    name="pgd",
    checkpoint="last",
    epoch=3,
    dataset_part="test",
    total=4,
    classes=("a", "b"),
    clean=Proportion.of(4, 4),
    worst_case=Proportion.of(3, 4),
    attacks={"a": ATTACK},
    seed=0,
    device="cpu",
    date="2024-01-01T00:00:00+00:00",
    worst_case_norm="inf",
    per_class={},
    curve=None,
    weights="0123",
)


def test_an_attacks_record_is_flat():
    low, high = Proportion.of(3, 4).ci95
    assert ATTACK.flat() == {
        "accuracy": 0.75,
        "n": 4,
        "ci95": (low, high),
        "epsilon": 0.1,
        "norm": "inf",
        "seconds": 1.5,
        "parameters": {"steps": 20},
        "last": None,
        "attacked": None,
    }


def test_an_attack_that_saw_only_survivors_claims_no_accuracy():
    flat = AttackRecord(None, 0.1, "inf", 1.5, {}, attacked=7).flat()
    assert (flat["accuracy"], flat["ci95"], flat["last"], flat["n"], flat["attacked"]) == (None, None, None, 7, 7)


def test_an_evaluations_record_is_json():
    flat = json.loads(json.dumps(EVALUATION.flat()))
    assert flat["attacks"]["a"]["accuracy"] == 0.75
    assert "robust" not in flat["attacks"]["a"]
    assert flat["clean"] == {"accuracy": 1.0, "n": 4, "ci95": list(Proportion.of(4, 4).ci95)}
    assert set(flat) == {field.name for field in dataclasses.fields(EvaluationRecord)}


def test_an_epochs_record_survives_json():
    record = EpochRecord(1, 3, 0.5, 0.1 + 0.2, 1.0, 0.25, None, None, 2.0, 0.5, 1e-3, 0.0, None)
    assert EpochRecord(**json.loads(json.dumps(dataclasses.asdict(record)))) == record


@pytest.mark.parametrize(
    "record", [ATTACK, EVALUATION, Proportion.of(1, 2), DataSpec((1, 8, 8), 10, (0.5,), (0.5,))], ids=type
)
def test_records_do_not_change(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)


def test_the_length_of_a_batch():
    assert len(Batch(torch.empty(7, 1, 2, 2), torch.empty(7))) == 7


def test_a_curves_points_are_flat():
    curve = CurveRecord(
        "PGD-20", "inf", {"steps": 20}, 8, ((0.0, Proportion.of(4, 4)), (0.1, Proportion.of(1, 4)))
    )
    points = curve.flat()["points"]
    assert [(p["epsilon"], p["accuracy"], p["n"]) for p in points] == [(0.0, 1.0, 4), (0.1, 0.25, 4)]
    assert dataclasses.replace(EVALUATION, curve=curve).flat()["curve"] == curve.flat()


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((), "incomplete"),
        (("not checked",), "incomplete"),
        (("pass", "not checked"), "incomplete"),
        (("pass", "pass"), "pass"),
        (("pass", "suspect", "not checked"), "suspect"),
        (("suspect", "fail", "pass"), "fail"),
    ],
)
def test_the_verdict_is_that_of_the_worst_check(outcomes, verdict):
    checks = tuple(Check("a", outcome, None, None, "text", "source") for outcome in outcomes)
    assert Verdict(checks).outcome == Verdict(checks).flat()["verdict"] == verdict


@pytest.mark.parametrize(("outcomes", "verdict"), [(("pass",), "pass"), ((), "incomplete")])
def test_a_check_that_is_not_required_may_be_missing_from_a_pass_but_makes_none(outcomes, verdict):
    checks = [Check("a", outcome, None, None, "text", "source") for outcome in outcomes]
    extra = Check("b", "not checked", None, None, "text", "source", required=False)
    assert Verdict((*checks, extra)).outcome == verdict
