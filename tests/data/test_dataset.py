"""Splits are partitions, an epoch is a permutation, and both are pure functions of their seeds."""

import math

import pytest
import torch

from jhrun.data import Dataset, Part
from jhrun.data.augment import crop_and_flip
from jhrun.data.dataset import decoded, split

SIZES = (23, 17, 13)
"""Examples of each class in the training part below: 53."""


def numbered(sizes=SIZES):
    """Images all of whose pixels are the example's number, classes mixed."""
    n = sum(sizes)
    targets = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    targets = targets[torch.randperm(n, generator=torch.Generator().manual_seed(0))]
    return Part(torch.arange(n).view(n, 1, 1, 1).expand(n, 1, 4, 4).to(torch.uint8).contiguous(), targets)


def small(**options):
    return Dataset(("a", "b", "c"), (0.5,), (0.25,), numbered(), numbered((2, 2, 2)), **options)


def numbers(part):
    return part.inputs[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("fraction", [0, 0.01, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_split_takes_its_share_of_every_class(fraction, seed):
    part = numbered()
    remaining, taken = split(part, fraction, seed)
    assert sorted(numbers(remaining) + numbers(taken)) == list(range(53))
    assert taken.targets.bincount(minlength=3).tolist() == [round(fraction * size) for size in SIZES]
    for piece in (remaining, taken):
        assert numbers(piece) == sorted(numbers(piece))
        assert torch.equal(piece.targets, part.targets[piece.inputs[:, 0, 0, 0].long()])


def test_split_is_a_function_of_its_seed():
    first, again, other = (numbers(split(numbered(), 0.3, seed)[1]) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, math.nan, math.inf])
def test_split_refuses_what_is_no_share(fraction):
    with pytest.raises(ValueError, match=f"validation={fraction}"):
        split(numbered(), fraction, 0)


@pytest.mark.parametrize("options", [{}, {"crop": 2, "flip": True}])
@pytest.mark.parametrize("batch_size", [1, 7, 53, 100])
def test_an_epoch_is_a_permutation_with_its_indices(options, batch_size):
    data = small(**options)
    batches = list(data.epoch(3, batch_size, seed=5))
    assert sorted(torch.cat([b.index for b in batches]).tolist()) == list(range(53))
    assert [len(b) for b in batches] == [batch_size] * (53 // batch_size) + [53 % batch_size] * (
        53 % batch_size > 0
    )
    for batch in batches:
        expected = data.train.inputs[batch.index]
        if options:
            expected = crop_and_flip(expected, batch.index, seed=5, draw=3, **options)
        assert torch.equal(batch.inputs, expected.float() / 255)
        assert torch.equal(batch.targets, data.train.targets[batch.index])
        assert batch.fresh.tolist() == [bool(options)] * len(batch)


def test_the_order_depends_on_seed_and_epoch_alone():
    data = small()

    def order(number, seed, batch_size=8):
        return torch.cat([b.index for b in data.epoch(number, batch_size, seed=seed)]).tolist()

    first = order(0, 0)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert order(0, 0) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert order(0, 0, batch_size=5) == first
    others = [order(1, 0), order(2, 0), order(0, 1), order(1, 1)]
    assert all(other != first for other in others)
    assert len({tuple(other) for other in others}) == len(others)
    assert first != list(range(53))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("start", range(9))
def test_start_leaves_batches_out_and_changes_nothing_else(start, drop_last):
    data = small(crop=1, flip=True)
    whole = list(data.epoch(2, 7, seed=1, drop_last=drop_last))
    rest = list(data.epoch(2, 7, seed=1, start=start, drop_last=drop_last))
    assert len(rest) == max(0, len(whole) - start)
    for one, other in zip(rest, whole[start:], strict=True):
        assert torch.equal(one.index, other.index)
        assert torch.equal(one.inputs, other.inputs)


@pytest.mark.parametrize("batch_size", [1, 7, 8, 53, 54])
@pytest.mark.parametrize("drop_last", [False, True])
def test_steps_counts_the_batches(batch_size, drop_last):
    data = small()
    expected = (math.floor if drop_last else math.ceil)(53 / batch_size)
    assert data.steps(batch_size, drop_last=drop_last) == expected
    batches = list(data.epoch(0, batch_size, seed=0, drop_last=drop_last))
    assert len(batches) == expected
    if drop_last:
        assert all(len(b) == batch_size for b in batches)


def test_a_part_is_read_in_its_stored_order():
    part = numbered()
    batches = list(part.batches(20))
    assert [len(b) for b in batches] == [20, 20, 13]
    assert torch.equal(torch.cat([b.index for b in batches]), torch.arange(53))
    assert torch.equal(torch.cat([b.inputs for b in batches]), part.inputs.float() / 255)
    assert torch.equal(torch.cat([b.targets for b in batches]), part.targets)
    assert list(Part(torch.empty(0), torch.empty(0, dtype=torch.int64)).batches(4)) == []


def test_pixels_are_float32_from_0_to_1():
    stored = torch.arange(256, dtype=torch.uint8)
    pixels = decoded(stored)
    assert pixels.dtype == torch.float32
    assert pixels.tolist() == pytest.approx([k / 255 for k in range(256)], abs=1e-7)
    assert (pixels[0], pixels[-1]) == (0, 1)
    assert torch.equal(stored, torch.arange(256, dtype=torch.uint8))


def test_reading_leaves_the_stored_examples_alone():
    data = small(crop=2, flip=True)
    for batch in data.epoch(0, 10, seed=0):
        batch.inputs.zero_()
        batch.targets.zero_()
    assert torch.equal(data.train.inputs, numbered().inputs)
    assert torch.equal(data.train.targets, numbered().targets)


def test_the_spec_tells_a_network_what_it_needs():
    spec = small().spec
    assert (spec.shape, spec.outputs, spec.mean, spec.std) == ((1, 4, 4), 3, (0.5,), (0.25,))


def test_to_keeps_everything():
    data = small(crop=1)
    moved = data.to("cpu")
    assert torch.equal(moved.train.inputs, data.train.inputs)
    assert (moved.crop, moved.flip, moved.classes, len(moved.validation)) == (1, False, ("a", "b", "c"), 0)


EMPTY = Part(torch.empty(0, 1, 4, 4, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))


def with_class(number):
    part = numbered((2, 2, 2))
    part.targets[0] = number
    return part


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": EMPTY}, "train part is empty"),
        ({"test": EMPTY}, "test part is empty"),
        ({"crop": -1}, "crop=-1"),
        ({"train": with_class(3)}, "class number 3 among 3"),
        ({"test": with_class(7)}, "class number 7 among 3"),
        ({"train": with_class(-1)}, "class number -1"),
        ({"validation": with_class(3)}, "class number 3 among 3"),
    ],
)
def test_a_data_set_that_no_network_could_learn_is_refused(change, message):
    parts = {"train": numbered(), "test": numbered((2, 2, 2))}
    with pytest.raises(ValueError, match=message):
        Dataset(("a", "b", "c"), (0.5,), (0.25,), **(parts | change))


def test_held_augmentation_is_drawn_anew_in_turns():
    data = small(crop=2, flip=True, hold=3)
    seen = {}
    for epoch in range(7):
        for batch in data.epoch(epoch, 53, seed=5):
            order = batch.index.argsort()
            seen[epoch] = (batch.inputs[order], batch.fresh[order])
    index = torch.arange(53)
    assert seen[0][1].all()
    for epoch in range(1, 7):
        fresh = seen[epoch][1]
        assert torch.equal(fresh, (epoch + index) % 3 == 0)
        moved = (seen[epoch][0] != seen[epoch - 1][0]).flatten(1).any(1)
        assert not moved[~fresh].any()
        # of 50 places and mirrorings, one in fifty is the same again
        assert moved[fresh].float().mean() > 0.7


def test_an_augmentation_cannot_be_held_for_no_epoch():
    with pytest.raises(ValueError, match="hold=0"):
        small(hold=0)
