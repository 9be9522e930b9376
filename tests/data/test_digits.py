"""The digits: a fixed test part, and a validation part taken from the rest alone."""

import pytest
import torch
from sklearn.datasets import load_digits

from jhrun.data.digits import digits

CLASS_SIZES = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
"""As UCI documents them."""


def rows(*parts):
    """Every example as a tuple of pixels and class, sorted."""
    return sorted(
        (*image.flatten().tolist(), label) for p in parts for image, label in zip(p.inputs, p.targets, strict=True)
    )


@pytest.fixture(scope="module")
def default():
    return digits()


def test_every_example_is_there_once(default):
    stored = load_digits()
    expected = sorted((*pixels, label) for pixels, label in zip(stored.data, stored.target, strict=True))
    found = rows(default.train, default.validation, default.test)
    levels = [(*(round(p * 16 / 255) for p in pixels), label) for *pixels, label in found]
    assert sorted(levels) == expected


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"seed": 2**40}, {"validation": 0}, {"validation": 0.5}, {"crop": 1}]
)
def test_the_test_part_is_always_the_same(default, options):
    data = digits(**options)
    assert torch.equal(data.test.inputs, default.test.inputs)
    assert torch.equal(data.test.targets, default.test.targets)
    assert rows(data.train, data.validation) == rows(default.train, default.validation)


def test_the_test_part_is_a_stratified_fifth(default):
    assert default.test.targets.bincount().tolist() == [round(0.2 * size) for size in CLASS_SIZES]


@pytest.mark.parametrize("validation", [0, 0.1, 0.5])
def test_the_validation_part_is_a_share_of_every_class_of_the_rest(validation):
    data = digits(validation=validation)
    shares = [round(validation * (size - round(0.2 * size))) for size in CLASS_SIZES]
    assert data.validation.targets.bincount(minlength=10).tolist() == shares
    held_out = sum(shares)
    assert (len(data.train), len(data.validation), len(data.test)) == (1438 - held_out, held_out, 359)
    assert not set(rows(data.test)) & set(rows(data.validation))


def test_the_seed_chooses_the_validation_part(default):
    assert rows(digits(seed=0).validation) == rows(default.validation)
    assert rows(digits(seed=1).validation) != rows(default.validation)


@pytest.mark.parametrize("validation", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(validation):
    with pytest.raises(ValueError, match="validation="):
        digits(validation=validation)


def test_images_are_uint8_over_the_whole_range_and_the_figures_are_theirs(default):
    assert default.train.inputs.dtype == torch.uint8
    assert default.spec.shape == (1, 8, 8)
    assert default.classes == tuple("0123456789")
    pixels = torch.cat([p.inputs for p in (default.train, default.validation, default.test)]).double() / 255
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert len(pixels.unique()) == 17
    assert pixels.mean().item() == pytest.approx(default.mean[0], abs=5e-4)
    assert pixels.std().item() == pytest.approx(default.std[0], abs=5e-4)


def test_augmentation_is_passed_on():
    data = digits(crop=2, flip=True)
    assert (data.crop, data.flip) == (2, True)
