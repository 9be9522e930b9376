"""The examination of a data set: unambiguous forms are converted, and all faults are told at once."""

import itertools
import math

import numpy as np
import pytest
import torch
import torchvision.datasets as tv
from torchvision import transforms

from jhrun.data import Dataset, Part, collected
from jhrun.data.dataset import split
from jhrun.data.faults import BadDataError
from jhrun.data.pairs import are_pairs
from jhrun.errors import DataError

N = 12
LABELS = torch.arange(N) % 3
BYTES = torch.randint(256, (N, 3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
PIXELS = BYTES.float() / 255
VECTORS = torch.randn(N, 4, generator=torch.Generator().manual_seed(0)) * 10


def images(inputs=BYTES, targets=LABELS, test=None, **fields):
    test = test or Part(inputs, targets)
    named = {
        "classes": ("a", "b", "c"),
        "mean": (0.5,),
        "std": (0.25,),
        "train": Part(inputs, targets),
        "test": test,
    }
    return Dataset(**(named | fields))


def values(inputs=VECTORS, targets=VECTORS, **fields):
    part = Part(inputs, targets)
    return Dataset(**({"classes": (), "mean": (0.0,), "std": (1.0,), "train": part, "test": part} | fields))


def same(data, expected):
    for name in ("train", "test"):
        for what in ("inputs", "targets"):
            found, right = (getattr(getattr(d, name), what) for d in (data, expected))
            assert found.dtype == right.dtype
            assert torch.equal(found, right)


@pytest.mark.parametrize(
    "targets",
    [
        LABELS[:, None],
        torch.nn.functional.one_hot(LABELS),
        torch.nn.functional.one_hot(LABELS).double(),
        torch.eye(3)[LABELS],
        torch.nn.functional.one_hot(LABELS).bool(),
        LABELS.int(),
        LABELS.to(torch.uint8),
        LABELS.numpy().astype(np.uint16),
        LABELS.tolist(),
    ],
)
def test_class_numbers_in_other_forms_are_converted(targets):
    same(images(targets=targets), images())
    assert images(targets=targets).train.targets.is_contiguous()


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (PIXELS.double(), PIXELS),
        (PIXELS.numpy(), PIXELS),
        (PIXELS.double().numpy(), PIXELS),
        (PIXELS.half(), PIXELS.half().float()),
        (PIXELS.clone().requires_grad_(), PIXELS),
        (BYTES.long(), BYTES),
        (BYTES.numpy().astype(np.uint16), BYTES),
        (BYTES.numpy()[:, :, ::-1], BYTES.flip(2)),
        (BYTES > 99, (BYTES > 99).to(torch.uint8) * 255),
    ],
)
def test_pixels_in_other_forms_are_converted(inputs, expected):
    same(images(inputs), images(expected))
    assert not images(inputs).train.inputs.requires_grad


def test_a_read_only_array_is_copied_without_a_warning():
    array = BYTES.numpy().copy()
    array.setflags(write=False)
    same(images(array), images())


def test_values_in_float64_become_float32_and_may_lie_anywhere():
    same(values(VECTORS.double(), VECTORS.double().numpy()), values())
    assert values().train.inputs.max() > 1
    whole = VECTORS.round().long()
    same(values(whole), values(whole.float()))


def test_what_has_its_form_is_not_copied():
    data = images(PIXELS)
    assert data.train.inputs.data_ptr() == PIXELS.data_ptr()
    assert data.train.targets.data_ptr() == LABELS.data_ptr()


def test_names_and_figures_in_other_forms_are_converted():
    data = images(classes=3, mean=0.5, std=torch.tensor([0.25, 0.25, 0.5]))
    assert (data.classes, data.mean, data.std) == (("0", "1", "2"), (0.5,), (0.25, 0.25, 0.5))
    assert images(classes=range(3), mean=[0.5, 0.5, 0.5]).mean == (0.5, 0.5, 0.5)


def with_nan(value=math.nan):
    inputs = PIXELS.clone()
    inputs[[7, 9], 0, 0, 0] = value
    return inputs


def other(label):
    targets = LABELS.clone()
    targets[5] = label
    return targets


SCALE = "and must lie in [0, 1] to be classified and attacked"
NORMALISED = "leave their normalisation out, for the network applies the data set's mean and std itself"
FAULTS = {
    "NaN": ({"inputs": with_nan()}, "2 of 12 train.inputs hold NaN or infinity, the first is example 7"),
    "infinite": (
        {"inputs": with_nan(math.inf)},
        "2 of 12 train.inputs hold NaN or infinity, the first is example 7",
    ),
    "too large for float32": (
        {"inputs": with_nan(-math.inf).double()},
        "hold NaN or infinity, the first is example 7",
    ),
    "0 to 255 as floats": ({"inputs": BYTES.float()}, f"lie between 0 and 255, {SCALE}: divide them by 255"),
    "0 to 65535": ({"inputs": BYTES.float() * 257}, "divide them by the largest value that they can have"),
    "0 to 65535, whole": ({"inputs": BYTES.int() * 257}, "whole numbers between 0 and 65535: pixels are uint8"),
    "normalised": ({"inputs": (PIXELS - 0.5) / 0.25}, f"lie between -2 and 2, {SCALE}: {NORMALISED}"),
    "−1 to 1": ({"inputs": 2 * PIXELS - 1}, f"lie between -1 and 1, {SCALE}: {NORMALISED}"),
    "a little above 1": ({"inputs": PIXELS * 1.01}, f"lie between 0 and 1.01, {SCALE}"),
    "divided twice": ({"inputs": PIXELS / 255}, "lie between 0 and 0.00392: they were divided by 255 twice"),
    "0 and 1 as bytes": ({"inputs": (BYTES > 99).to(torch.uint8)}, "are whole numbers, 0 and 1: whole numbers go"),
    "classified vectors": ({"inputs": VECTORS}, "to be classified and attacked"),
    "channels last": (
        {"inputs": BYTES.expand(N, 3, 5, 4).movedim(1, 3), "mean": (0.5,) * 3},
        "inputs.movedim(-1, 1)",
    ),
    "no channel": ({"inputs": BYTES[:, 0]}, "have shape (12, 5, 4), and must be images (N, ch, h, w)"),
    "numbers": ({"inputs": PIXELS[:, 0, 0, 0]}, "have shape (12,), and must be images (N, ch, h, w)"),
    "no pixels": ({"inputs": BYTES[..., :0]}, "have shape (12, 3, 5, 0)"),
    "not numbers": ({"inputs": ["a"] * N}, "train.inputs are a list: must be a tensor or an array of numbers"),
    "nothing": ({"inputs": None}, "train.inputs are a NoneType: must be a tensor or an array of numbers"),
    "complex": ({"inputs": PIXELS + 1j}, "of torch.complex64"),
    "sparse": ({"inputs": PIXELS.to_sparse()}, "torch.sparse_coo tensor"),
    "soft labels": (
        {"targets": torch.full((N, 3), 1 / 3)},
        "are floats of shape (12, 3): class distributions need labels beside them, Part(inputs, targets, labels)",
    ),
    "several labels": ({"targets": torch.ones(N, 3).long()}, "have shape (12, 3): must be one class number"),
    "other columns": ({"targets": torch.ones(N, 4).long()}, "have shape (12, 4): must be one class number"),
    "floats": ({"targets": LABELS.float()}, "are floats of shape (12,): class numbers are whole, targets.long()"),
    "from 1": ({"targets": LABELS + 1}, "class number 3 among 3 classes in train.targets: they go from 0 to 2"),
    "negative": ({"targets": other(-1)}, "class number -1 among 3 classes in train.targets"),
    "fewer targets": ({"targets": LABELS[:9]}, "12 inputs and 9 targets in train: must be as many"),
    "one class": ({"classes": ("a",)}, "classes=('a',): there must be two or more to tell apart"),
    "a class's name": ({"classes": "abc"}, "classes=abc: must be names"),
    "no classes": ({"classes": ()}, "train.targets are whole numbers, and there are no classes: name the classes"),
    "mean of 0 to 255": ({"mean": (125.3, 123.0, 113.9)}, "is of pixels in [0, 1], so divide it by 255"),
    "no spread": ({"std": (0.0,)}, "std=(0.0,): must be finite numbers above 0"),
    "no mean": ({"mean": None}, "mean=None: must be finite numbers"),
    "two means": ({"mean": (0.5, 0.5)}, "mean has 2 entries for 3 channels: give one for each, or one"),
    "no part": ({"test": (BYTES, LABELS)}, "test is a tuple: must be a jhrun.data.Part(inputs, targets)"),
    "crop": ({"crop": -1}, "crop=-1: must be a number of pixels, at least 0"),
    "crop of a kind": ({"crop": "4"}, "crop=4: must be a number of pixels"),
    "other sizes": (
        {"test": Part(BYTES[:, :, :3], LABELS)},
        "the inputs have other shapes in other parts: (3, 5, 4) in train, (3, 3, 4) in test",
    ),
    "NaN in the validation part": (
        {"validation": Part(with_nan(), LABELS)},
        "2 of 12 validation.inputs hold NaN or infinity, the first is example 7",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_remedy(name):
    fields, told = FAULTS[name]
    with pytest.raises(BadDataError) as caught:
        images(**fields)
    assert told in str(caught.value)
    assert (caught.value.exit_code, isinstance(caught.value, DataError)) == (3, True)
    assert "\n" not in str(caught.value)


def test_vectors_have_no_sides_to_crop():
    with pytest.raises(BadDataError, match="flip=True: vectors have no sides"):
        images(VECTORS.sigmoid(), flip=True)
    assert images(VECTORS.sigmoid()).spec.shape == (4,)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"inputs": VECTORS / 0}, "12 of 12 train.inputs hold NaN or infinity"),
        ({"targets": VECTORS * math.nan}, "12 of 12 train.targets hold NaN or infinity"),
        ({"targets": VECTORS[:, 0]}, r"have shape \(12,\): values must have shape \(N, m\), as in targets"),
        ({"scale": (0.0, 0.0)}, "std of scale="),
        ({"structure": "round"}, "structure=round: must be symmetric, diagonal or None"),
    ],
)
def test_values_have_faults_too(fields, told):
    with pytest.raises(BadDataError, match=told):
        values(**fields)


def test_all_faults_are_told_at_once():
    inputs = with_nan()
    with pytest.raises(BadDataError) as caught:
        images(inputs, other(3), test=Part(BYTES[:, :, :3], LABELS.float()), crop=-1, std=(0.0,))
    told = str(caught.value)
    several = ["class number 3 among", "test.targets are floats", "crop=-1", "std=(0.0,)"]
    assert all(some in told for some in several)
    with pytest.raises(BadDataError) as caught:
        images(inputs, test=Part(BYTES[:, :, :3], LABELS), crop=-1)
    assert all(some in str(caught.value) for some in ("hold NaN", "other shapes in other parts", "crop=-1"))


def test_rounding_is_no_fault():
    kept = images(PIXELS * (1 + 5e-7)).train.inputs
    assert (kept - PIXELS).abs().max() <= 1e-6


def test_a_split_takes_its_share_of_classes_in_other_forms():
    expected, found = (split(Part(BYTES, targets), 0.5, 3) for targets in (LABELS, LABELS[:, None]))
    for one, other_ in zip(expected, found, strict=True):
        assert torch.equal(one.inputs, other_.inputs)
    for part in split(Part(BYTES, torch.nn.functional.one_hot(LABELS)), 0.5, 3):
        assert part.targets.sum(0).tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="12 inputs and 9 targets"):
        split(Part(BYTES, LABELS[:9]), 0.5, 3)


def fake(transform=None, size=6):
    return tv.FakeData(size, (3, 5, 4), num_classes=3, transform=transform)


def test_the_pairs_of_torchvision_are_collected():
    found = collected(fake())
    assert (found.inputs.dtype, found.targets.dtype) == (torch.uint8, torch.int64)
    for i in range(6):
        image, label = fake()[i]
        assert np.array_equal(found.inputs[i].permute(1, 2, 0), np.asarray(image))
        assert found.targets[i] == label
    tensors = collected(fake(transforms.ToTensor()))
    assert torch.equal(images(tensors.inputs, tensors.targets).train.inputs, found.inputs.float() / 255)
    with pytest.raises(BadDataError, match="leave their normalisation out"):
        normalised = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.1)])
        images(collected(fake(normalised)).inputs)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], "there are no pairs"),
        ([(torch.zeros(1, 2, 2), 0), {"image": 1}], "item 1 is a dict, and no pair of image and label"),
        ([(torch.zeros(1, 2, 2), 0), (torch.zeros(1, 2, 3), 0)], "the image of item 1 has shape (1, 2, 3)"),
        ([(torch.zeros(1, 2, 2), 0), (torch.zeros(1, 2, 2).double(), 0)], "of torch.float64, and the first one"),
    ],
)
def test_what_are_no_pairs_is_told(pairs, told):
    with pytest.raises(BadDataError) as caught:
        collected(pairs)
    assert told in str(caught.value)


def test_pairs_are_known():
    assert are_pairs(fake())
    assert not any(map(are_pairs, [None, "ab", [], [1, 2], {"a": 1}, itertools.count(), BYTES[:, 0, 0]]))
