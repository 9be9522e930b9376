"""Records: plain enough for JSON, and the Wilson interval against SciPy's."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from jhrun.errors import RunError
from jhrun.jsonio import as_plain, typed
from jhrun.records import (
    AttackRecord,
    Batch,
    Check,
    CurvePoint,
    CurveRecord,
    DataSpec,
    EpochRecord,
    EvaluationRecord,
    Proportion,
    Verdict,
)


@st.composite
def counts(draw):
    n = draw(st.integers(1, 100_000))
    return draw(st.integers(0, n)), n


@given(counts())
def test_the_interval_is_that_of_the_formula(count):
    """The closed form, beside SciPy's."""
    successes, n = count
    found = Proportion.of(successes, n)
    p, z2 = successes / n, norm.ppf(0.975) ** 2
    centre, half = p + z2 / (2 * n), math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))
    expected = [(centre + sign * half) / (1 + z2 / n) for sign in (-1, 1)]
    assert (found.accuracy, found.n) == (p, n)
    assert found.ci95 == pytest.approx(expected, rel=1e-9, abs=1e-12)


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
    seconds=1.5,
    classes=("a", "b"),
    clean=Proportion.of(4, 4),
    worst_case=Proportion.of(3, 4),
    attacks={"a": ATTACK},
    seed=0,
    device="cpu",
    date="2024-01-01T00:00:00+00:00",
    worst_case_norm="inf",
    per_class={},
    weights="0123",
)


CURVE = CurveRecord(
    "PGD-20", "inf", {"steps": 20}, 8, (CurvePoint(0.0, Proportion.of(4, 4)), CurvePoint(0.1, Proportion.of(1, 4)))
)


def through_json(record, kind=None):
    return typed(json.loads(json.dumps(as_plain(record))), kind or type(record), Path("record.json"))


@pytest.mark.parametrize("record", [ATTACK, EVALUATION, CURVE, Proportion.of(1, 2)], ids=type)
def test_a_record_comes_back_from_json_as_it_was(record):
    assert through_json(record) == record
    assert set(as_plain(record)) == {field.name for field in dataclasses.fields(record)}


def test_an_attack_that_saw_only_survivors_claims_no_accuracy():
    spared = AttackRecord(None, 0.1, "inf", 1.5, {}, attacked=7)
    assert (spared.robust, spared.last, spared.n) == (None, None, 7)
    assert ATTACK.n == 4


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"total": "4"}, r"\$\.total"),
        ({"clean": {"accuracy": 1.5, "n": 4, "ci95": [0, 1]}}, r"1.5 of n = 4 with the interval 0, 1 is no share"),
        ({"clean": {"accuracy": math.nan, "n": 4, "ci95": [0, 1]}}, "is no share"),
        ({"attacks": {"a": {}}}, r"missing required field `robust` - at `\$\.attacks"),
        ({"classes": "ab"}, r"Expected `array`, got `str` - at `\$\.classes"),
    ],
)
def test_a_record_that_is_not_of_its_kind_is_refused_where_it_is_wrong(change, where):
    with pytest.raises(RunError, match=where):
        typed(as_plain(EVALUATION) | change, EvaluationRecord, Path("results.json"))


def test_a_key_that_is_missing_is_named_and_one_more_does_no_harm():
    plain = as_plain(EVALUATION)
    assert typed(plain | {"newer": 1}, EvaluationRecord, Path("x")) == EVALUATION
    del plain["total"]
    with pytest.raises(RunError, match="total"):
        typed(plain, EvaluationRecord, Path("x"))


def test_an_epochs_record_survives_json():
    record = EpochRecord(1, 3, 0.5, 0.1 + 0.2, 1.0, 0.25, None, None, 2.0, 0.5, 1e-3, 0.0, None)
    assert through_json(record) == record


@pytest.mark.parametrize(
    "record", [ATTACK, EVALUATION, Proportion.of(1, 2), DataSpec((1, 8, 8), 10, (0.5,), (0.5,))], ids=type
)
def test_records_do_not_change(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)


def test_the_length_of_a_batch():
    assert len(Batch(torch.empty(7, 1, 2, 2), torch.empty(7))) == 7


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
    assert Verdict(checks).outcome == as_plain(Verdict(checks))["outcome"] == verdict
    # a file says nothing of the grade that its checks do not say
    assert through_json({**as_plain(Verdict(checks)), "outcome": "pass"}, Verdict).outcome == verdict


def test_an_outcome_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no outcome 'fine'"):
        Check("a", "fine", None, None, "text", "source")


@pytest.mark.parametrize(("outcomes", "verdict"), [(("pass",), "pass"), ((), "incomplete")])
def test_a_check_that_is_not_required_may_be_missing_from_a_pass_but_makes_none(outcomes, verdict):
    checks = [Check("a", outcome, None, None, "text", "source") for outcome in outcomes]
    extra = Check("b", "not checked", None, None, "text", "source", required=False)
    assert Verdict((*checks, extra)).outcome == verdict
