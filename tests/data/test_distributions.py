"""Class distributions beside hard labels, from the data set through its batches."""

from dataclasses import replace

import pytest
import torch

from jhrun.data import Dataset, Part, facts
from jhrun.data.dataset import split
from jhrun.data.faults import BadDataError
from jhrun.records import Batch

N, C = 12, 3
HARD = torch.arange(N) % C
PIXELS = torch.randint(256, (N, 1, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
# the label is not the most probable class everywhere
SOFT = torch.randn(N, C, generator=torch.Generator().manual_seed(1)).softmax(1)


def data(targets=SOFT, labels=HARD, test=None, classes=("a", "b", "c"), **fields):
    part = Part(PIXELS, targets, labels)
    return Dataset(classes, (0.5,), (0.25,), part, test or part, **fields)


def test_a_network_has_an_output_for_each_class():
    found = data()
    assert found.spec.outputs == C
    assert found.train.targets.dtype == torch.float32
    assert torch.equal(found.train.labels, HARD)
    assert torch.equal(found.train.hard().targets, HARD)


def test_every_example_keeps_its_distribution_and_its_label():
    found = data(flip=True).to("cpu")
    parts = [found.train[torch.arange(N).flip(0)], found.train[2:7], *split(found.train, 0.5, 3)]
    batches = [b for p in parts for b in p.batches(4)] + list(found.epoch(1, 5, seed=2))
    batches += [batch[torch.tensor([1, 0])] for batch in batches if len(batch) > 1]
    row = {tuple(p.tolist()): int(label) for p, label in zip(SOFT, HARD, strict=True)}
    for batch in batches:
        assert [row[tuple(p.tolist())] for p in batch.targets] == batch.labels.tolist()


def test_a_split_is_of_the_labels():
    rest, taken = split(Part(PIXELS, SOFT, HARD), 0.5, 3)
    assert taken.labels.bincount().tolist() == rest.labels.bincount().tolist() == [2, 2, 2]
    assert torch.equal(split(Part(PIXELS, HARD), 0.5, 3)[1].inputs, taken.inputs)


def test_class_numbers_are_their_own_labels_and_values_have_none():
    part = Part(PIXELS, HARD)
    for some in (part, part[2:5], part.to("cpu"), part.hard(), data(HARD, None).train):
        assert some.labels is some.targets
        assert some.beside is None
    batch = next(part.batches(4))
    assert batch.labels is batch.targets
    assert batch[1:3].labels.tolist() == batch.targets[1:3].tolist()
    assert Batch(torch.zeros(2, 3), torch.zeros(2, 1)).labels is None
    with pytest.raises(ValueError, match="there are no labels"):
        Part(torch.zeros(2, 3), torch.zeros(2, 1)).hard()


def test_what_is_known_of_data_with_class_numbers_is_as_before_and_of_distributions_counts_both():
    # written down before there were distributions
    digest = "030443af32162290d9b3ab47b810f3b393d5b2dd9120a360c2f9de6d513714e1"
    assert facts(data(HARD, None))["sha256"] == facts(data(HARD, HARD.clone()))["sha256"] == digest
    hashes = {facts(d)["sha256"] for d in (data(), data(labels=(HARD + 1) % C), data(SOFT.roll(1, 0)))}
    assert len(hashes | {digest}) == 4


def test_what_is_unambiguous_is_converted():
    found = data(SOFT.double().numpy(), HARD[:, None].int().numpy()).train
    assert (found.targets.dtype, found.labels.dtype, found.labels.shape) == (torch.float32, torch.int64, (N,))
    assert torch.equal(found.targets, SOFT)
    # with labels beside them, unit vectors stay distributions
    assert data(torch.eye(C)[HARD]).train.targets.shape == (N, C)
    assert data(test=Part(PIXELS, HARD)).test.targets.dtype == torch.int64


def test_rounding_in_float32_is_no_fault():
    many = torch.randn(N, 1000, generator=torch.Generator().manual_seed(2)).mul(5).softmax(1)
    assert (many.sum(1, dtype=torch.float64) != 1).any()
    data(many, classes=range(1000))


def changed(row, column, value):
    targets = SOFT.clone()
    targets[row, column] = value
    return targets


TOLD = {
    "not finite": (changed(4, 1, torch.nan), HARD, "1 of 12 train.targets hold NaN or infinity, the first is ex"),
    "negative": (changed(5, 0, -0.25), HARD, "of the first, example 5, the least is -0.25, the sum "),
    "no sum of 1": (SOFT * 1.001, HARD, "12 of 12 train.targets are no class distributions"),
    "another number": (SOFT[:, :2], HARD, "shape (12, 2): class distributions have shape (N, 3)"),
    "flat": (SOFT[:, 0], HARD, "train.targets have shape (12,): class distributions have shape (N, 3)"),
    "labels out of range": (SOFT, HARD + 1, "class number 3 among 3 classes in train.labels: they go from 0 to 2"),
    "too few labels": (SOFT, HARD[:9], "12 targets and 9 labels in train: must be as many"),
    "soft labels": (SOFT, SOFT.clone(), "train.labels are floats of shape (12, 3)"),
    "two numbers": (HARD, HARD.flip(0), "train.labels differ from the class numbers in train.targets"),
    "no labels": (SOFT, None, "class distributions need labels beside them, Part(inputs, targets, labels)"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_a_fault_is_told(name):
    targets, labels, told = TOLD[name]
    with pytest.raises(BadDataError) as caught:
        data(targets, labels)
    assert told in str(caught.value)


def test_labels_without_classes_are_a_fault():
    with pytest.raises(BadDataError, match=r"train\.labels are given, and there are no classes"):
        data(classes=())


def test_another_device_changes_nothing_in_it():
    found = data()
    assert torch.equal(replace(found, hold=2).to("cpu").test.labels, HARD)
