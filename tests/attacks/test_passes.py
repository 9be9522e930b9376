"""The bound of an attack's passes against passes that are counted, for every attack in the configuration."""

import importlib

import pytest
import torch
import yaml
from torch import nn

from jhrun.attacks import PGD, APGDTargeted
from jhrun.attacks.attack import Attack
from jhrun.config.groups import CONF, choices

SMALL = {"steps": 5, "queries": 30, "searches": 2, "samples": 6, "draws": 4, "restarts": 2}
"""Budgets for the test, of attacks that have the setting and at no other: the formulas are the same."""


def configured(name):
    """The settings in an attack's file, or None of a suite's."""
    settings = yaml.safe_load((CONF / "attack" / f"{name}.yaml").read_text())
    return settings if "_target_" in settings else None


def made(name, **more):
    settings = configured(name)
    module, kind = settings.pop("_target_").rsplit(".", 1)
    few = {key: SMALL[key] for key in settings if key in SMALL}
    return getattr(importlib.import_module(module), kind)(0.1, **{**settings, **few, **more})


class Counting(nn.Module):
    """Passes its input on; counts the examples that come by forward, and twice those that come backward."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        self.count += len(x)
        if x.requires_grad:
            x.register_hook(self.backward_pass)
        return x.view_as(x)

    def backward_pass(self, gradient):
        self.count += 2 * len(gradient)


def firm(classes):
    """A network with gradients that no attack moves away from class 0."""
    torch.manual_seed(0)
    layer = nn.Linear(16, classes)
    layer.weight.data *= 0.1
    layer.bias.data[0] = 100
    return nn.Sequential(Counting(), nn.Flatten(), layer)


def shaky(classes):
    torch.manual_seed(0)
    return nn.Sequential(Counting(), nn.Flatten(), nn.Linear(16, classes))


def counted(attack, model, y):
    x = 0.2 + 0.6 * torch.rand(len(y), 1, 4, 4, generator=torch.Generator().manual_seed(0))
    attack(model, x, y, seed=0)
    return model[0].count / len(y)


ALONE = [name for name in choices("attack") if configured(name) is not None]


@pytest.mark.parametrize("classes", [2, 3, 4, 10])
@pytest.mark.parametrize("name", ALONE)
def test_no_attack_takes_more_passes_than_its_bound(name, classes):
    attack = made(name)
    bound = attack.passes(classes)
    taken = counted(attack, firm(classes), torch.zeros(4, dtype=torch.long))
    assert bound / 3 <= taken <= bound
    assert 0 < counted(attack, shaky(classes), torch.arange(8) % classes) <= bound


@pytest.mark.parametrize("name", ALONE)
def test_the_bound_is_what_is_taken_where_no_attack_succeeds(name):
    also = {"restarts": 3, "targets": 2, "nearest": 3}
    for more in ({}, *({key: also[key]} for key in configured(name) if key in also)):
        attack = made(name, **more)
        taken = counted(attack, firm(10), torch.zeros(4, dtype=torch.long))
        assert taken == attack.passes(10)


def test_each_step_restart_and_target_is_counted():
    assert PGD(0.1, 20).passes(10) == 4 + 60
    assert PGD(0.1, 100, restarts=10).passes(10) == 4 + 3000 + 9
    aimed = [APGDTargeted(0.1, 10, targets=t).passes(10) for t in (1, 2, 9, 50)]
    assert aimed[1] - aimed[0] == (aimed[2] - aimed[1]) / 7 == 34
    assert aimed[3] == aimed[2]
    assert APGDTargeted(0.1, 10).passes(3) < APGDTargeted(0.1, 10).passes(4)


def test_without_a_radius_there_is_no_pass():
    model = firm(2)
    for name in ALONE:
        attack = type(made(name))(0)
        assert attack.passes(2) == 0
        attack(model, torch.rand(3, 1, 4, 4), torch.zeros(3, dtype=torch.long), seed=0)
    assert model[0].count == 0


def test_an_attack_that_says_nothing_is_counted_as_one_step():
    class Own(Attack):
        kind = "gradient"

        def perturb(self, model, inputs, targets):
            return inputs

    assert Own(0.1).passes(7) == 7
