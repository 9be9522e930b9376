"""Means over seeds."""

import pytest
from scipy import stats

from jhrun.comparison import over_seeds


def test_the_t_interval():
    values = [0.41, 0.44, 0.40, 0.47]
    found, expected = over_seeds(values), stats.ttest_1samp(values, 0.0).confidence_interval()
    assert found.each == tuple(values)
    assert found.mean == pytest.approx(0.43)
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_three_seeds_with_five_points_are_known_to_twelve():
    low, high = over_seeds([0.45, 0.5, 0.55]).interval
    assert (high - low) / 2 == pytest.approx(0.124, abs=0.001)


def test_one_seed_has_no_interval():
    found = over_seeds([0.4])
    assert (found.mean, found.sd, found.interval) == (0.4, None, None)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="at least one"):
        over_seeds([])
