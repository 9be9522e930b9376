"""Sample sizes, against published tables and a simulation."""

import numpy as np
import pytest
from scipy import stats

from jhrun.comparison import power, seeds_needed


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_sizes_of_the_paired_t_test_at_80_percent(effect, seeds):
    """As G*Power 3.1 has them."""
    assert seeds_needed(0.01, sd=0.01 / effect) == seeds


@pytest.mark.parametrize("image_variance", [0.0, 4e-6])
def test_it_is_the_first_number_that_is_enough(image_variance):
    found = seeds_needed(0.01, 0.012, image_variance)
    enough = [s for s in range(2, 100) if power(s, 0.01, 0.012, image_variance) >= 0.8]
    assert found == enough[0]
    assert enough == [*range(found, 100)], "more seeds have more power"


def test_the_power_of_a_t_test_by_simulation():
    values = np.random.default_rng(0).normal(1.0, 1.5, (4000, 8))
    found = np.mean(stats.ttest_1samp(values, 0.0, axis=1).pvalue < 0.05)
    # three standard errors
    assert power(8, 1.0, 1.5) == pytest.approx(found, abs=3 * np.sqrt(0.25 / 4000))


def test_images_set_a_bound_that_no_seed_lifts():
    assert seeds_needed(0.01, 0.01, 1e-5) > seeds_needed(0.01, 0.01)
    assert seeds_needed(0.01, 0.01, 1e-4) is None


def test_absurd_numbers_are_no_answer():
    assert seeds_needed(0.01, sd=0.5) is None
    assert seeds_needed(0.0, sd=0.01) is None


def test_methods_without_any_spread():
    assert seeds_needed(0.01, 0.0) == 2
    assert seeds_needed(0.0, 0.0) is None
    assert seeds_needed(0.01, 0.0, 1e-6) == 2


def test_the_direction_does_not_matter():
    assert power(5, -0.01, 0.01) == power(5, 0.01, 0.01)


def test_without_a_difference_the_power_is_the_level():
    assert power(5, 0.0, 0.01) == pytest.approx(0.05)
    assert power(5, 0.0, 0.01, 1e-4) == pytest.approx(0.05)
