"""Values that people write."""

import pytest

from jhrun.config.groups import nearest
from jhrun.config.rules import device_name
from jhrun.config.values import radius


@pytest.mark.parametrize(
    ("written", "value"), [("8/255", 8 / 255), (0.1, 0.1), ("0.1", 0.1), (0, 0.0), ("1e-2", 0.01)]
)
def test_radius(written, value):
    assert radius(written) == value


@pytest.mark.parametrize("written", ["8/0", "-1/255", -0.1, "nan", "inf", True, None, "x", [1]])
def test_a_radius_is_a_finite_number_of_at_least_0(written):
    with pytest.raises(ValueError, match="8/255"):
        radius(written)


@pytest.mark.parametrize(
    ("name", "good"), [("auto", 1), ("cpu", 1), ("cuda", 1), ("cuda:1", 1), ("cuda:", 0), ("gpu", 0)]
)
def test_device_names(name, good):
    if good:
        device_name(name)
    else:
        with pytest.raises(ValueError, match="auto, cpu"):
            device_name(name)


def test_nearest_lists_what_there_is_where_nothing_is_near():
    assert nearest("zzz", ["a", "b"]) == "choose one of a, b"
    assert nearest("zzz", [f"key{i}" for i in range(99)]) == "see --help for what there is"
