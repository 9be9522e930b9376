"""Weights of terms, and targets that are distributions."""

from dataclasses import replace
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch.optim import SGD

from jhrun.config.loss import loss
from jhrun.data import Part
from jhrun.data.digits import digits
from jhrun.errors import ConfigError
from jhrun.linalg import Exact
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Jacobian
from jhrun.terms import Spectral, Term, Value, Weighted, added, convex
from jhrun.training import Trainer, TrainOptions
from jhrun.training.validation import validate


@pytest.fixture
def data():
    whole = digits()
    return replace(whole, train=whole.train[:24], validation=whole.validation[:10], test=whole.test[:10])


def trainer(data, terms):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(widths=[8], **vars(data.spec))
    optimizer = SGD(model.parameters(), lr=0.1)
    return Trainer(model, data, CrossEntropy(), terms, optimizer, lambda _: 0.1, TrainOptions(1, 24), seed=0)


def gradients(data, terms):
    some = trainer(data, terms)
    some.model.train()
    some.take_step(next(some.dataset.epoch(0, 24, seed=0)))
    return torch.cat([p.grad.flatten() for p in some.model.parameters()]), some.running()


def test_lambda_adds_to_the_whole_task(data):
    """task + λ·penalty has (1 + λ) times the gradient of (1 − w)·task + w·penalty, w = λ/(1 + λ)."""
    one, means = gradients(data, added(None, Spectral([Jacobian()], Exact()), lambda _: 4.0))
    other, _ = gradients(data, convex(None, Spectral([Jacobian()], Exact()), 0.8))
    # float32: the two sums round apart
    torch.testing.assert_close(one, 5 * other, rtol=1e-5, atol=1e-5)
    assert means["loss"] == pytest.approx(means["objective"] + 4 * means["regularizer"], rel=1e-6)


@pytest.mark.parametrize(("written", "weights"), [(0.25, (0.75, 0.25)), ({"lambda": {0: 1, 1: 3}}, (1, 3))])
def test_a_weight_is_read_in_either_way(written, weights, data):
    node = {"_target_": "jhrun.terms.spectral.Spectral", "penalties": [{"_target_": "jhrun.penalties.Jacobian"}]}
    config = {
        "train": {"epochs": 2},
        "objective": {"_target_": "jhrun.objectives.CrossEntropy"},
        "solver": {"_target_": "jhrun.linalg.Exact"},
        "optimizer": {"lr": 0.1},
        "regularizer": {**node, "weight": written, "fraction": 1.0},
    }
    made = loss(config, data, [])
    assert [one.name for one in made.terms] == ["objective", "regularizer"]
    assert tuple(one.weight(1.0) for one in made.terms) == weights


def test_two_terms_add_up(data):
    terms = convex(None, Spectral([Jacobian()], Exact()), 0.4)
    more = [*terms, Weighted("again", Spectral([Jacobian()], Exact()), lambda _: 0.1)]
    one, means = gradients(data, more)
    other, _ = gradients(data, added(None, Spectral([Jacobian()], Exact()), lambda _: 0.5 / 0.6))
    torch.testing.assert_close(one, 0.6 * other, rtol=1e-4, atol=1e-5)
    assert means["again"] == pytest.approx(means["regularizer"])


def test_targets_may_be_distributions_and_accuracy_goes_by_the_labels(data):
    share = 0.9 * F.one_hot(data.train.targets, 10) + 0.01
    soft = replace(data, train=Part(data.train.inputs, share, labels=data.train.targets))
    hard, hard_means = gradients(data, convex())
    one, means = gradients(soft, convex())
    assert not torch.allclose(one, hard)
    assert means["accuracy"] == hard_means["accuracy"]
    model = trainer(soft, convex()).model
    expected = -(share * F.log_softmax(model(next(soft.train.batches(24)).inputs), 1)).sum(1).mean().item()
    assert means["objective"] == pytest.approx(expected, rel=1e-6)
    mean, accuracy = validate(model, soft.train, CrossEntropy())
    assert mean == pytest.approx(expected, rel=1e-6)
    assert accuracy == means["accuracy"]


class Batchwise(Term):
    """The squared mean of a batch's outputs: not a mean over its examples."""

    title = "batchwise"
    meaning: ClassVar = {"value": "The squared mean of the outputs."}
    coupled = "sum"

    def __call__(self, step):
        return Value(step.clean.outputs.mean().square()[None])


class Given(Term):
    """Values and figures as they are handed in."""

    title = "given"
    meaning: ClassVar = {"value": "Given values."}

    def __init__(self, values, figures=None, coupled="no"):
        self.values, self.figures, self.coupled = values, figures or {}, coupled

    def __call__(self, step):
        return Value(self.values(step.clean), self.figures)


@pytest.mark.parametrize("values", [lambda made: made.losses.mean()[None], lambda made: made.losses[:-1]])
def test_too_few_values_are_refused(values, data):
    with pytest.raises(ConfigError, match=r"Given returned values of shape \(\d+,\) for 24 examples"):
        gradients(data, added(None, Given(values), lambda _: 1.0))


def test_a_figure_may_be_one_number_of_a_batch(data):
    term = Given(lambda made: made.losses, {"share": torch.tensor(0.25)})
    assert gradients(data, added(None, term, lambda _: 1.0))[1]["regularizer.share"] == 0.25


@pytest.mark.parametrize("size", [None, 10, 5])
def test_a_coupled_mean_over_a_part_counts_by_its_examples(size, data):
    """Of the losses a mean adds up: whatever the micro-batches, the loss is the same."""
    term = Given(lambda made: made.losses, coupled="sum")
    some = trainer(data, added(None, term, lambda _: 3.0, fraction=0.25))
    some.options = replace(some.options, micro_batch=size)
    some.model.train()
    some.take_step(next(some.dataset.epoch(0, 24, seed=0)))
    means = some.running()
    assert means["loss"] == pytest.approx(means["objective"] + 3 * means["regularizer"], rel=1e-5)


def test_means_of_a_coupled_term_over_micro_batches_add_up_by_their_sizes(data):
    """Of 24 examples in parts of 10, 10 and 4: Σ (size/24)·(mean of the part)²."""
    found = {}
    for size in (None, 10):
        some = trainer(data, added(None, Batchwise(), lambda _: 3.0))
        some.options = replace(some.options, micro_batch=size)
        some.model.train()
        batch = next(some.dataset.epoch(0, 24, seed=0))
        parts = [batch] if size is None else [batch[i : i + size] for i in range(0, 24, size)]
        some.model.zero_grad()
        values = [len(part) / 24 * some.model(part.inputs).mean().square() for part in parts]
        task = CrossEntropy()(some.model(batch.inputs), batch.targets).mean()
        (task + 3 * sum(values)).backward()
        expected = torch.cat([p.grad.flatten() for p in some.model.parameters()]).clone()
        some.take_step(batch)
        found[size] = torch.cat([p.grad.flatten() for p in some.model.parameters()])
        torch.testing.assert_close(found[size], expected, rtol=1e-4, atol=1e-7)
    assert not torch.allclose(found[None], found[10], rtol=1e-3)
