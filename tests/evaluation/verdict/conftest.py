"""A small network, trained against PGD on real digits, and what a full suite of attacks finds on it."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jhrun.attacks import APGD, PGD, APGDTargeted, Square
from jhrun.data.digits import digits
from jhrun.evaluation.analyses.curve import EPSILONS, robust_curve
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.verdict import Subject
from jhrun.models.cnn import CNN

EPSILON = 0.08
LAST_EPOCH = {"rule": "last epoch"}
SHOWN = 100


def trained(epsilon, epochs, seed=0):
    """By PGD on digits; without a radius, as usual."""
    data, train = digits(), PGD(epsilon, 5)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        spec = data.spec
        model = CNN(
            shape=spec.shape,
            outputs=10,
            mean=spec.mean,
            std=spec.std,
            widths=(12, 24),
            hidden=48,
            activation="relu",
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for epoch in range(epochs):
        for step, batch in enumerate(data.epoch(epoch, 128, seed=seed)):
            x = (
                train(model, batch.inputs, batch.targets, seed=1000 * epoch + step).last
                if epsilon
                else batch.inputs
            )
            optimizer.zero_grad()
            F.cross_entropy(model(x), batch.targets).backward()
            optimizer.step()
    optimizer.zero_grad()
    return model.train()


def part():
    return digits().test[:SHOWN]


def suite(epsilon=EPSILON):
    """Of the kinds that a claim takes, with small budgets."""
    return {
        "pgd20": PGD(epsilon, 20, 0.1),
        "apgd_ce": APGD(epsilon, 50),
        "apgd_dlr": APGDTargeted(epsilon, 50, targets=3),
        "square": Square(epsilon, 1000),
    }


def subject(model, attacks=None, *, curve=True, **more):
    """A network and what the attacks find on it."""
    attacks = suite() if attacks is None else attacks
    examples = part()
    return Subject(
        model,
        examples,
        evaluate(model, examples, attacks, seed=0),
        attacks,
        seed=0,
        epsilon=more.pop("epsilon", EPSILON),
        selection=more.pop("selection", LAST_EPOCH),
        records={"curve": robust_curve(model, examples, EPSILONS, total=359, seed=0)} if curve else {},
        **more,
    )


def by_name(verdict):
    return {check.name: check for check in verdict.checks}


class After(nn.Module):
    """A network and what is done to its outputs."""

    def __init__(self, model, change):
        super().__init__()
        self.model, self.change = model, change

    def forward(self, x):
        return self.change(self.model(x))


class Before(nn.Module):
    """A network and what is done to its inputs."""

    def __init__(self, model, change):
        super().__init__()
        self.model, self.change = model, change

    def forward(self, x):
        return self.model(self.change(x))


def caught(verdict):
    """The names of the checks that are not content."""
    return {check.name for check in verdict.checks if check.outcome in {"fail", "suspect"}}


@pytest.fixture(scope="session")
def honest():
    return trained(EPSILON, 12)


@pytest.fixture(scope="session")
def undefended():
    return trained(0.0, 4, seed=1)


@pytest.fixture(scope="session")
def honest_subject(honest, undefended):
    return subject(honest, twin=undefended)


@pytest.fixture(scope="session")
def kit():
    """What the tests are made with."""
    made = (After, Before, by_name, caught, part, subject, suite, trained)
    return SimpleNamespace(epsilon=EPSILON, **{thing.__name__: thing for thing in made})
