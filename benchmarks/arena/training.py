"""A budget's worth of training: passes are counted, and the learning rate follows the share of the budget."""

import sys
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import nn

from arena import costs
from arena.methods import Setting
from arena.passes import Passes
from jhrun import seeds
from jhrun.data import Dataset
from jhrun.models import CNN
from jhrun.objectives import CrossEntropy
from jhrun.terms import Weighted
from jhrun.training import Interrupted, Trainer, TrainOptions
from jhrun.training.cost import Costs

NETWORK = "cnn, softplus, no normalisation"
BATCH = 64
DECAY = 5e-4
"""Adam's weight decay, the configuration's own default."""


@dataclass(frozen=True)
class Trained:
    """A network after its budget.

    Attributes:
        model: after the last step.
        steps: that the budget allowed.
        spent: in plain steps.
        counts: of passes, by kind.
    """

    model: nn.Module
    steps: int
    spent: float
    counts: dict[str, float]


def shape(share: float) -> float:
    """The learning rate over its first value, at a share of the budget: a line to 0."""
    return max(0.0, 1 - share)


def trainer(terms: list[Weighted], data: Dataset, setting: Setting, seed: int) -> Trainer:
    """A run about to begin, on the network that all methods share: softplus, no normalisation."""
    torch.manual_seed(seeds.derive(seed, "weights"))
    spec = data.spec
    model = CNN(
        shape=spec.shape,
        outputs=spec.outputs,
        mean=spec.mean,
        std=spec.std,
        activation="softplus",
        normalisation="none",
    )
    return Trainer(
        model,
        data,
        CrossEntropy(),
        terms,
        torch.optim.Adam(model.parameters(), lr=setting.rate, weight_decay=DECAY),
        lambda _: setting.rate,
        TrainOptions(epochs=sys.maxsize, batch_size=BATCH, drop_last=True),
        seed,
    )


def train(run: Trainer, budget: float, table: costs.Costs) -> Trained:
    """Make steps until another one would exceed the budget.

    Args:
        run: about to begin.
        budget: B, in plain steps.
        table: the cost of each kind of pass.

    Returns:
        The network and what it cost.
    """
    # all passes count, so that none is made to time a step
    run.costs = Costs(run.device, rounds=0)
    passes = Passes(run.options.batch_size)
    first, before, last = run.lr(0), 0.0, 0.0

    def used() -> float:
        return costs.spent(passes.counts, table)

    def full() -> bool:
        nonlocal before, last
        last, before = used() - before, used()
        # to the rounding of a sum of so many
        return before + last > budget * (1 + 1e-9)

    run.lr = lambda _: first * shape(used() / budget)
    with passes.counted([run.model, *run.copies.values()], run.optimizer), suppress(Interrupted):
        run.run(save=lambda *_: None, record=lambda _: None, stop=full)
    return Trained(run.model, run.steps_done, used(), dict(passes.counts))
