"""The test of a difference errs as often as it says, and its limits are the textbook's tests."""

import math

import numpy as np
import pytest
from scipy import stats

from jhrun.comparison import paired, power

PAIRS = 200


def differences(simulate, seeds, **effects):
    """Of simulated pairs without a difference."""
    rng = np.random.default_rng(0)
    return [paired(*simulate(rng, seeds, **effects)) for _ in range(PAIRS)]


def errors(found):
    """The share of pairs in which a difference is found."""
    return np.mean([each.p < 0.05 for each in found])


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize(
    "effects",
    [
        {"of_seeds": 0.05},
        {"of_seeds": 0.05, "of_images": 0.3},
        {"of_seeds": 0.1, "of_images": 1.0},
        {"of_seeds": 0.1, "of_images": 0.3, "ease": 2.6},
    ],
    ids=["seeds", "both", "images", "near the ceiling"],
)
def test_of_pairs_without_a_difference_one_is_found_in_5_percent(simulate, seeds, effects):
    assert errors(differences(simulate, seeds, **effects)) == pytest.approx(0.05, abs=0.03)


def test_a_test_over_seeds_alone_would_find_differences_that_are_the_images(simulate):
    found = differences(simulate, 10, of_seeds=0.05, of_images=1.0)
    alone = stats.ttest_1samp([each.each for each in found], 0.0, axis=1).pvalue
    assert errors(found) <= 0.08
    assert np.mean(alone < 0.05) > 0.2


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_that_differ_by_their_images_alone_give_no_more_errors(simulate, seeds):
    assert errors(differences(simulate, seeds)) <= 0.08


def test_two_seeds_hardly_show_anything(simulate):
    assert errors(differences(simulate, 2, of_seeds=0.1, of_images=0.3)) <= 0.08


def test_a_real_difference_is_found_as_often_as_the_power_says(simulate):
    rng = np.random.default_rng(1)
    found = [paired(*simulate(rng, 5, of_seeds=0.05, of_images=0.3, shift=0.12)) for _ in range(PAIRS)]
    difference = np.mean([each.difference for each in found])
    sd = math.sqrt(np.mean([each.sd**2 for each in found]))
    expected = power(5, difference, sd, np.mean([each.image_variance for each in found]))
    share = np.mean([each.p < 0.05 for each in found])
    assert 0.3 < expected < 0.9
    # three standard errors of the share
    assert share == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / PAIRS))
    covered = np.mean([each.interval[0] <= difference <= each.interval[1] for each in found])
    assert covered == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / PAIRS))


def test_the_interval_and_p_agree(simulate):
    rng = np.random.default_rng(2)
    for _ in range(50):
        found = paired(*simulate(rng, 5, 200, of_seeds=0.1, of_images=0.3, shift=0.2))
        assert (found.p < 0.05) == (found.interval[0] > 0 or found.interval[1] < 0)


def test_without_an_effect_of_images_it_is_the_paired_t_test():
    # each seed has its own number of images right, spread over all images evenly
    one, other = np.zeros((4, 100), dtype=bool), np.zeros((4, 100), dtype=bool)
    for seed, right in enumerate((20, 40, 25, 35)):
        one[seed, 20 * seed : 20 * seed + right] = True
    found, expected = paired(one, other), stats.ttest_1samp([0.2, 0.4, 0.25, 0.35], 0.0)
    assert found.image_variance == 0.0
    assert found.p == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval()
    assert found.interval == pytest.approx((ends.low, ends.high))
    assert found.sd == pytest.approx(np.std([0.2, 0.4, 0.25, 0.35], ddof=1))


def test_of_equal_seeds_it_is_the_t_test_over_images():
    one = np.tile(np.arange(60) % 3 > 0, (3, 1))
    other = np.tile(np.arange(60) % 4 > 1, (3, 1))
    found, expected = paired(one, other), stats.ttest_rel(one[0].astype(float), other[0].astype(float))
    assert found.difference == pytest.approx(40 / 60 - 30 / 60)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.image_variance == pytest.approx(np.var(one[0] * 1.0 - other[0], ddof=1) / 60)


def test_the_mean_squares_are_those_of_a_two_way_analysis_of_variance(simulate):
    one, other = simulate(np.random.default_rng(3), 3, 7, of_seeds=0.5, of_images=1.0)
    d = one.astype(float) - other
    s, n = d.shape
    # as sums of squares of nested least-squares fits, instead of by formulas
    rows, columns = np.repeat(np.eye(s), n, axis=0), np.tile(np.eye(n), (s, 1))

    def rest(*parts):
        design, y = np.hstack([np.ones((s * n, 1)), *parts]), d.ravel()
        return float(((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum())

    residual = rest(rows, columns)
    m_a, m_b = (rest(columns) - residual) / (s - 1), (rest(rows) - residual) / (n - 1)
    m_e = residual / ((s - 1) * (n - 1))
    found = paired(one, other)
    assert found.sd**2 == pytest.approx(m_a / n)
    assert m_b > m_e
    assert found.image_variance == pytest.approx((m_b - m_e) / (s * n))
    v = m_a + m_b - m_e
    dof = v**2 / (m_a**2 / (s - 1) + m_b**2 / (n - 1) + m_e**2 / ((s - 1) * (n - 1)))
    both = [(v, dof), (m_e, (s - 1) * (n - 1))]
    expected = max(2 * stats.t.sf(abs(d.mean()) / math.sqrt(part / (s * n)), nu) for part, nu in both)
    assert found.p == pytest.approx(expected)


def test_equal_differences_of_few_images_are_no_proof():
    one, other = np.zeros((5, 1000), dtype=bool), np.zeros((5, 1000), dtype=bool)
    one[range(5), range(5)] = True
    found = paired(one, other)
    assert found.sd == pytest.approx(0.0)
    assert 0.01 < found.p < 0.05


def test_methods_that_never_differ():
    found = paired(np.ones((3, 5), dtype=bool), np.ones((3, 5), dtype=bool))
    assert (found.difference, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_methods_that_always_differ():
    found = paired(np.ones((3, 5), dtype=bool), np.zeros((3, 5), dtype=bool))
    assert (found.difference, found.interval, found.p) == (1.0, (1.0, 1.0), 0.0)


def test_exchanged_methods_have_the_opposite_difference(simulate):
    one, other = simulate(np.random.default_rng(4), 4, 50, of_seeds=0.3, of_images=0.3)
    there, back = paired(one, other), paired(other, one)
    assert back.difference == -there.difference
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert back.p == pytest.approx(there.p)


@pytest.mark.parametrize(("one", "other"), [((1, 5), (1, 5)), ((3, 5), (2, 5)), ((3, 1), (3, 1)), ((3,), (3,))])
def test_shapes_that_cannot_be_compared(one, other):
    with pytest.raises(ValueError, match="need one shape"):
        paired(np.ones(one, dtype=bool), np.ones(other, dtype=bool))
