"""McNemar's exact test, against counting by hand."""

from math import comb

import numpy as np
import pytest

from jhrun.comparison import mcnemar


def runs(both, one, other, neither):
    first = [True] * (both + one) + [False] * (other + neither)
    second = [True] * both + [False] * one + [True] * other + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (5, 0), (3, 3), (10, 2), (7, 20)])
def test_p_counts_the_sequences_that_are_as_uneven(one, other):
    found, n = mcnemar(*runs(50, one, other, 4)), one + other
    uneven = sum(comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(one - other))
    assert found.p == pytest.approx(uneven / 2**n)
    assert (found.only_one, found.only_other, found.images) == (one, other, 54 + n)
    assert found.difference == pytest.approx((one - other) / (54 + n))


def test_images_on_which_both_agree_change_no_p():
    assert mcnemar(*runs(0, 8, 1, 0)).p == mcnemar(*runs(900, 8, 1, 90)).p


def test_the_interval_holds_the_difference_and_agrees_with_p():
    found = mcnemar(*runs(80, 12, 2, 6))
    assert 0 < found.interval[0] < found.difference == 0.1 < found.interval[1] <= 14 / 100
    # Clopper and Pearson: at its ends each tail has 2.5 %
    low, high = ((100 * end / 14 + 1) / 2 for end in found.interval)
    assert sum(comb(14, k) * low**k * (1 - low) ** (14 - k) for k in range(12, 15)) == pytest.approx(0.025)
    assert sum(comb(14, k) * high**k * (1 - high) ** (14 - k) for k in range(13)) == pytest.approx(0.025)


def test_runs_that_never_differ():
    found = mcnemar(*runs(5, 0, 0, 5))
    assert (found.difference, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


@pytest.mark.parametrize(("one", "other"), [((5,), (4,)), ((2, 5), (2, 5)), ((0,), (0,))])
def test_shapes_that_cannot_be_compared(one, other):
    with pytest.raises(ValueError, match="need one shape"):
        mcnemar(np.ones(one, dtype=bool), np.ones(other, dtype=bool))
