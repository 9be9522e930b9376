"""The cost of a step, by a clock that is set by hand."""

import pytest
import torch

from jhrun.penalties import Jacobian
from jhrun.terms import Task, penalised
from jhrun.training.cost import PLAIN, Costs
from jhrun.training.gradients import Active


class Clocked(Costs):
    """Its time goes by as it is told."""

    seconds = 0.0

    def _now(self):
        return self.seconds


def active(*names):
    (penalty,) = [one.term for one in penalised([Jacobian()], None, lambda _: 1.0)][1:]
    return [PLAIN, *(Active(name, penalty, 1.0) for name in names)]


def timed(costs, terms, *, plain, gradients, again=None, rest):
    def work(seconds):
        with costs.gradients():
            costs.seconds += seconds

    def step():
        work(gradients)
        if again is not None:
            work(again)
        costs.seconds += rest

    assert costs.measure(terms, lambda: work(plain), step) == plain


def test_the_rest_of_a_step_belongs_to_a_plain_one_too():
    costs, terms = Clocked(torch.device("cpu")), active("regularizer")
    assert costs.of(terms) is None
    timed(costs, terms, plain=2.0, gradients=9.0, rest=1.0)
    assert costs.of(terms) == pytest.approx(10 / 3)


def test_an_optimizer_that_asks_for_gradients_again_does_so_in_a_plain_step_too():
    costs, terms = Clocked(torch.device("cpu")), active("regularizer")
    timed(costs, terms, plain=2.0, gradients=6.0, again=5.0, rest=1.0)
    # a plain step asks again too
    assert costs.of(terms) == pytest.approx(12 / 5)


def test_the_median_counts_and_each_set_of_terms_has_its_own():
    costs, terms = Clocked(torch.device("cpu")), active("regularizer")
    # the first step warms up
    assert not costs.wanted(terms)
    for seconds in (3.0, 100.0, 4.0):
        assert costs.wanted(terms)
        timed(costs, terms, plain=1.0, gradients=seconds, rest=0.0)
    assert costs.of(terms) == pytest.approx(4.0)
    assert not costs.wanted(terms)
    assert costs.of(active("other")) is None
    costs.forget()
    assert costs.of(terms) is None
    assert costs.wanted(terms)


def test_steps_on_outputs_alone_cost_one_and_are_not_timed():
    costs, terms = Costs(torch.device("cpu")), [PLAIN, Active("objective", Task(), 2.0)]
    assert costs.of(terms) == 1.0
    assert not costs.wanted(terms)
