"""Every form in which a schedule is written, its boundaries and its errors."""

import math

import pytest

from jhrun.schedules import schedule

EPOCHS = 100
STAGES = {0: 0.25, 50: 0.5, 70: 0.75}
RAMP = {"interpolate": {0: 0, 10: 0.3, 20: 0.1}}
COSINE = {"cosine": {"start": 1.0, "end": 0.5}}
WARM = {"cosine": {"start": 1.0, "warmup": 20}}

VALUES = [  # description, epoch, value
    (0.3, 0, 0.3),
    (0.3, 1e6, 0.3),
    (4, 7.5, 4.0),
    ("0.3", 50, 0.3),
    ("1e-3", 0, 0.001),
    (-1, 0, -1.0),
    ({0: 2}, 99, 2.0),
    (STAGES, 0, 0.25),
    (STAGES, 49.999, 0.25),
    (STAGES, 50, 0.5),
    (STAGES, 69.999, 0.5),
    (STAGES, 70, 0.75),
    (STAGES, 1000, 0.75),
    ({70: 0.75, 0: 0.25, 50: 0.5}, 60, 0.5),
    ({"0": "0.25", "50": "0.5"}, 50, 0.5),
    ({0: 1, 0.5: 2}, 0.5, 2.0),
    ({0: 1, 9: 3, 10: 2}, 9.5, 3.0),
    (RAMP, 0, 0.0),
    (RAMP, 5, 0.15),
    (RAMP, 10, 0.3),
    (RAMP, 15, 0.2),
    (RAMP, 20, 0.1),
    (RAMP, 1000, 0.1),
    ({"interpolate": {20: 0.1, 0: 0, 10: 0.3}}, 15, 0.2),
    ({"interpolate": {"0": "0.3"}}, 7, 0.3),
    (COSINE, 0, 1.0),
    (COSINE, 25, 0.5 + 0.25 * (1 + math.sqrt(0.5))),
    (COSINE, 50, 0.75),
    (COSINE, 100, 0.5),
    (COSINE, 150, 0.5),
    ({"cosine": {"start": "1e-3"}}, 50, 0.0005),
    (WARM, 0, 0.0),
    (WARM, 5, 0.25),
    (WARM, 20, 1.0),
    (WARM, 60, 0.5),
    (WARM, 100, 0.0),
]


@pytest.mark.parametrize(("description", "epoch", "value"), VALUES, ids=str)
def test_value(description, epoch, value):
    result = schedule(description, EPOCHS)(epoch)
    assert isinstance(result, float)
    # a few operations on numbers of size 1
    assert result == pytest.approx(value, rel=0, abs=1e-15)


@pytest.mark.parametrize(
    ("description", "knots", "steepest"),
    [
        (RAMP, [10, 20], 0.03),
        (WARM, [20, 100], 1 / 20),
        ({"cosine": {"start": 1.0, "end": 0.2, "warmup": 0.5}}, [0.5, 100], 2.0),
    ],
    ids=["interpolate", "cosine", "short warm-up"],
)
def test_interpolation_and_cosine_are_continuous(description, knots, steepest):
    value = schedule(description, EPOCHS)
    step = 1e-6
    for knot in knots:
        assert abs(value(knot - step) - value(knot)) <= steepest * step + 1e-15
        assert abs(value(knot + step) - value(knot)) <= steepest * step + 1e-15


def test_cosine_falls_from_its_start_to_its_end():
    value = schedule({"cosine": {"start": 1.0, "end": 0.2, "warmup": 10}}, EPOCHS)
    values = [value(epoch) for epoch in range(10, EPOCHS + 1)]
    assert values == sorted(values, reverse=True)
    assert (values[0], values[-1]) == (1.0, 0.2)


def test_cosine_ends_with_the_training():
    assert schedule(COSINE, epochs=10)(10) == 0.5
    assert schedule(COSINE, epochs=20)(10) == pytest.approx(0.75, abs=1e-15)


NO_NUMBER = "must be a finite number or a schedule such as {0: 0.25, 50: 0.5}"
NO_STAGES = "must map epochs to values, as in {0: 0.25, 50: 0.5}"
NO_COSINE = "needs start, and may have end and warmup"

ERRORS = [  # description, message
    ("high", f"'high': {NO_NUMBER}"),
    ("", f"'': {NO_NUMBER}"),
    (None, f"None: {NO_NUMBER}"),
    (True, f"True: {NO_NUMBER}"),
    ([0.1], f"[0.1]: {NO_NUMBER}"),
    (math.nan, f"nan: {NO_NUMBER}"),
    ("inf", f"'inf': {NO_NUMBER}"),
    ({0: "high"}, f"'high': {NO_NUMBER}"),
    ({0: None}, f"None: {NO_NUMBER}"),
    ({0: False}, f"False: {NO_NUMBER}"),
    ({"soon": 1}, f"'soon': {NO_NUMBER}"),
    ({0: 1, math.inf: 2}, f"inf: {NO_NUMBER}"),
    ({"interpolate": {0: 0}, 10: 1}, f"'interpolate': {NO_NUMBER}"),
    ({}, f"{{}}: {NO_STAGES}"),
    ({"interpolate": {}}, f"{{}}: {NO_STAGES}"),
    ({"interpolate": 0.3}, f"0.3: {NO_STAGES}"),
    ({5: 1}, "the first stage starts at epoch 5: it must start at 0"),
    ({-5: 1, 0: 2}, "the first stage starts at epoch -5: it must start at 0"),
    ({"interpolate": {0.5: 1}}, "the first stage starts at epoch 0.5: it must start at 0"),
    ({"cosine": 0.1}, f"cosine: 0.1: {NO_COSINE}"),
    ({"cosine": {}}, f"cosine: {{}}: {NO_COSINE}"),
    ({"cosine": {"end": 0}}, NO_COSINE),
    ({"cosine": {"start": 1, "stop": 0}}, NO_COSINE),
    ({"cosine": {"start": "high"}}, f"'high': {NO_NUMBER}"),
    ({"cosine": {"start": 1, "warmup": -1}}, "warmup=-1: must be at least 0 and below train.epochs=100"),
    ({"cosine": {"start": 1, "warmup": 100}}, "warmup=100: must be at least 0 and below train.epochs=100"),
]


@pytest.mark.parametrize(("description", "message"), ERRORS, ids=str)
def test_error_names_what_is_wrong_and_the_remedy(description, message):
    with pytest.raises(ValueError) as caught:
        schedule(description, EPOCHS)
    assert message in str(caught.value)
