"""Holm's correction and ranks, by hand."""

import numpy as np
import pytest

from jhrun.comparison import holm, ranks


def test_holm_by_hand():
    # sorted: 0.005·4, 0.01·3, 0.03·2, 0.04·1, and never below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_s_limits():
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.5, 0.5, 0.0]) == [1.0, 1.0, 0.0]


def test_of_tables_without_a_difference_5_percent_have_one():
    rng = np.random.default_rng(0)
    wrong = np.mean([min(holm(rng.random(10).tolist())) < 0.05 for _ in range(1000)])
    assert wrong == pytest.approx(1 - 0.995**10, abs=0.02)


def matrix(n, apart):
    p = np.ones((n, n))
    for i, j in apart:
        p[i, j] = p[j, i] = 0.01
    return p


def test_all_that_cannot_be_told_from_the_best_are_first():
    assert ranks([0.1, 0.5, 0.4], matrix(3, [(0, 1)])) == [3, 1, 1]
    assert ranks([0.1, 0.5, 0.4], matrix(3, [])) == [1, 1, 1]
    assert ranks([0.1, 0.5, 0.4], matrix(3, [(0, 1), (1, 2), (0, 2)])) == [3, 1, 2]


def test_the_best_of_the_rest_leads_the_next_group():
    # 0.3 and 0.2 are told from the best, and not from each other; 0.1 from all
    p = matrix(4, [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)])
    assert ranks([0.5, 0.3, 0.2, 0.1], p) == [1, 2, 2, 4]


def test_a_value_at_the_level_is_not_told_apart():
    assert ranks([0.5, 0.4], np.full((2, 2), 0.05)) == [1, 1]
