"""The bootstrap has the variance that its theory says, and where seeds are normal, the t-interval's ends."""

import math

import numpy as np
import pytest

from jhrun.comparison import bootstrap_interval, paired
from jhrun.comparison.bootstrap import resampled

DRAWS = 4000


def test_the_draws_have_the_pigeonhole_bootstrap_s_variance(simulate):
    one, other = simulate(np.random.default_rng(0), 6, 80, of_seeds=0.3, of_images=0.5)
    d = one.astype(float) - other
    each, per_image = d.mean(axis=1, keepdims=True), d.mean(axis=0, keepdims=True)
    rest = d - each - per_image + d.mean()
    expected = ((each - d.mean()) ** 2).sum() / 36 + ((per_image - d.mean()) ** 2).sum() / 6400
    expected += (rest**2).sum() / d.size**2
    draws = resampled(one, other, draws=DRAWS)
    assert draws.shape == (DRAWS,)
    # four standard errors each, of a mean and of a variance
    assert draws.mean() == pytest.approx(d.mean(), abs=4 * math.sqrt(expected / DRAWS))
    assert draws.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / DRAWS))


def test_where_seeds_are_normal_its_ends_are_the_t_interval_s():
    rng = np.random.default_rng(1)
    seeds, images = 30, 2000
    # of each seed, so many images at random, so that there is no effect of images
    counts = [rng.normal(share, 0.1, (seeds, 1)) for share in (0.6, 0.5)]
    one, other = (rng.random((seeds, images)) < count for count in counts)
    found, ends = paired(one, other), bootstrap_interval(one, other, draws=DRAWS)
    width = found.interval[1] - found.interval[0]
    assert ends[1] - ends[0] == pytest.approx(width, rel=0.1)
    assert sum(ends) / 2 == pytest.approx(found.difference, abs=0.05 * width)


def test_few_seeds_have_wider_percentiles(simulate):
    one, other = simulate(np.random.default_rng(2), 10, 300, of_seeds=0.3)
    draws = resampled(one, other, draws=DRAWS)
    # t_9 = 2.262, and Φ(−2.262·√(10/9)) = Φ(−2.3843)
    expected = np.quantile(draws, [0.008556, 1 - 0.008556])
    assert bootstrap_interval(one, other, draws=DRAWS) == pytest.approx(tuple(expected), rel=1e-3)


def test_the_same_seed_gives_the_same_interval(simulate):
    one, other = simulate(np.random.default_rng(3), 4, 50, of_seeds=0.3)
    ends = [bootstrap_interval(one, other, seed=seed, draws=1500) for seed in (7, 7, 8)]
    assert ends[0] == ends[1] != ends[2]


def test_pairs_stay_pairs():
    # equal methods differ in no resampled seed and image
    right = np.random.default_rng(4).random((5, 40)) < 0.5
    assert not resampled(right, right, draws=100).any()


@pytest.mark.parametrize(("one", "other"), [((1, 5), (1, 5)), ((3, 5), (3, 4)), ((3,), (3,))])
def test_shapes_that_cannot_be_compared(one, other):
    with pytest.raises(ValueError, match="need"):
        bootstrap_interval(np.ones(one, dtype=bool), np.ones(other, dtype=bool))
