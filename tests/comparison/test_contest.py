"""Several methods: pairs on the seeds that they share, one correction over all, ranks."""

import numpy as np
import pytest

from jhrun.comparison import Difference, Discordance, Method, contest, holm, mcnemar, paired


def method(label, share, seeds=(0, 1, 2, 3, 4), *, images=400, cost=None):
    """Of seed s, always the same images are right."""
    rows = [np.random.default_rng(s).random(images) for s in seeds]
    worst = np.array([row < share for row in rows])
    return Method(label, seeds, np.array([row < share + 0.3 for row in rows]), worst, cost)


def test_every_pair_once_with_one_correction():
    methods = [method("a", 0.5, cost=6.0), method("b", 0.2, cost=2.0), method("c", 0.49)]
    found = contest(methods)
    assert [(pair.one, pair.other) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.pairs[0].worst == paired(methods[0].worst, methods[1].worst)
    assert found.pairs[0].clean == paired(methods[0].clean, methods[1].clean)
    assert [pair.corrected for pair in found.pairs] == holm([pair.worst.p for pair in found.pairs])
    assert [pair.cost for pair in found.pairs] == [3.0, None, None]


def test_ranks_are_of_the_worst_case():
    assert contest([method("a", 0.2), method("b", 0.5), method("c", 0.5)]).ranks == (3, 1, 1)


def test_pairs_are_made_of_the_same_seeds_in_any_order():
    one, other = method("one", 0.5, (3, 1, 0)), method("other", 0.4, (9, 0, 1, 2, 3))
    (pair,) = contest([one, other]).pairs
    assert isinstance(pair.worst, Difference)
    assert pair.worst.seeds == 3
    expected = paired(method("one", 0.5, (0, 1, 3)).worst, method("other", 0.4, (0, 1, 3)).worst)
    assert pair.worst.p == pytest.approx(expected.p)
    assert sorted(pair.worst.each) == pytest.approx(sorted(expected.each))


def test_one_seed_is_compared_as_two_runs():
    one, other = method("one", 0.5, (1, 2)), method("other", 0.4, (2, 3))
    (pair,) = contest([one, other]).pairs
    assert isinstance(pair.worst, Discordance)
    assert pair.worst == mcnemar(one.worst[1], other.worst[0])


def test_methods_without_a_common_seed_or_with_other_images_are_not_compared():
    with pytest.raises(ValueError, match=r"one and other: need a seed .* \(0, 1\) and \(2, 3\)"):
        contest([method("one", 0.5, (0, 1)), method("other", 0.5, (2, 3))])
    with pytest.raises(ValueError, match="400 and 300 images"):
        contest([method("one", 0.5), method("other", 0.5, images=300)])


def test_a_method_s_arrays_fit_its_seeds():
    right = np.ones((2, 5), dtype=bool)
    for seeds, worst in (((), right), ((1, 1), right), ((1, 2, 3), right), ((1, 2), right[:, :4])):
        with pytest.raises(ValueError, match=r"name: .*need"):
            Method("name", seeds, right, worst)
