"""The regression tasks: exact targets, known moments, the same points for every seed."""

import math

import pytest
import torch
from torch.func import jacrev

from jhrun.data import Dataset, Part
from jhrun.data.regression import TEST, conservative_field, disentanglement

TASKS = {"field": conservative_field, "disentanglement": disentanglement}


def truth(name, x):
    return x.cos() if name == "field" else x.square().sum(-1, keepdim=True)


@pytest.mark.parametrize("name", TASKS)
def test_targets_are_the_true_functions(name):
    data = TASKS[name](dimension=5, examples=50, validation=0.2)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 10, TEST]
    for part in (data.train, data.validation, data.test):
        assert torch.equal(part.targets, truth(name, part.inputs))
    assert (data.spec.shape, data.spec.outputs, data.classes) == ((5,), 5 if name == "field" else 1, ())


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("dimension", [1, 4, 64])
def test_the_scale_is_that_of_the_targets(name, dimension):
    targets = TASKS[name](dimension=dimension, examples=20_000, validation=0).train.targets.double()
    mean, std = TASKS[name](dimension=dimension, examples=2).scale
    # 6 standard errors; the fourth central moment of Σx² is at most 60/4 = 15 squared variances (N = 1)
    n = targets.numel()
    assert abs(targets.mean() - mean) <= 6 * std / math.sqrt(n)
    assert abs(targets.var() / std**2 - 1) <= 6 * math.sqrt(14 / n)


def test_a_structure_is_that_of_the_derivatives():
    x = torch.randn(4, dtype=torch.float64)
    j = jacrev(lambda x: truth("field", x))(x)
    h = jacrev(jacrev(lambda x: truth("disentanglement", x)[0]))(x)
    assert torch.equal(j, j.T)
    assert torch.equal(h, torch.diag(h.diagonal()))
    assert conservative_field(dimension=2, examples=2).structure == "symmetric"
    assert disentanglement(dimension=2, examples=2).structure == "diagonal"


@pytest.mark.parametrize("name", TASKS)
def test_seeds_choose_the_validation_part_alone(name):
    first, second, other = (TASKS[name](dimension=3, examples=40, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.train.inputs, second.train.inputs)
    assert torch.equal(first.test.inputs, other.test.inputs)
    assert not torch.equal(first.validation.inputs, other.validation.inputs)
    whole = [torch.cat([d.train.inputs, d.validation.inputs]).sort(0).values for d in (first, other)]
    assert torch.equal(*whole)


def test_training_and_test_points_differ():
    data = conservative_field(dimension=3, examples=TEST, validation=0)
    assert not (data.train.inputs[:, None, 0] == data.test.inputs[None, :, 0]).any()


def test_batches_hold_the_numbers_as_they_are():
    data = disentanglement(dimension=3, examples=20, validation=0)
    (batch,) = data.epoch(0, 20, seed=0)
    assert torch.equal(batch.inputs, data.train.inputs[batch.index])
    assert torch.equal(batch.targets, data.train.targets[batch.index])


def test_values_and_classes_are_not_mixed():
    part = Part(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="no classes"):
        Dataset(("a", "b"), (0.0,), (1.0,), part, part)
    flat = Part(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ValueError, match=r"\(N, m\)"):
        Dataset((), (0.0,), (1.0,), flat, flat)
