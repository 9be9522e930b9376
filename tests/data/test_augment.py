"""Augmentation: the vectorised code against plain Python, its purity, and its uniformity."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from jhrun.data.augment import crop_and_flip, random_bits

MASK = 0xFFFFFFFF
MANY = 20_000


def murmur3_finaliser(bits):
    bits &= MASK
    bits ^= bits >> 16
    bits = bits * 0x85EBCA6B & MASK
    bits ^= bits >> 13
    bits = bits * 0xC2B2AE35 & MASK
    return bits ^ bits >> 16


def slow_bits(seed, draw, index):
    bits = murmur3_finaliser((seed & MASK) ^ (seed >> 32 & MASK))
    bits = murmur3_finaliser(bits + draw * 0x9E3779B9)
    return murmur3_finaliser(bits + index * 0x85EBCA77)


def slow_crop_and_flip(images, index, seed, draw, crop, flip):
    _, _, height, width = images.shape
    done = []
    for image, i in zip(images, index.tolist(), strict=True):
        bits = slow_bits(seed, draw, i)
        top, left = (bits & 0x7FFF) % (2 * crop + 1), (bits >> 15 & 0x7FFF) % (2 * crop + 1)
        cut = F.pad(image, (crop,) * 4)[:, top : top + height, left : left + width]
        done.append(torch.flip(cut, [2]) if flip and bits >> 30 & 1 else cut)
    return torch.stack(done)


def some_images(n, channels=3, height=6, width=5):
    return torch.randint(1, 256, (n, channels, height, width), generator=torch.Generator().manual_seed(1)).byte()


def choices(index, seed, draw, crop=4):
    """Offsets and mirroring read off the result: each pixel of the image says where it comes from."""
    side = 2 * crop + 3
    chart = torch.arange(side * side).view(1, 1, side, side).expand(len(index), -1, -1, -1)
    out = crop_and_flip(chart, index, seed=seed, draw=draw, crop=crop, flip=True)[:, 0]
    middle = crop + 1  # of the image, where every crop still shows the image
    centre = out[:, middle, middle]
    mirrored = out[:, middle, middle - 1] > out[:, middle, middle + 1]
    return centre // side - 1, centre % side - 1, mirrored.long()


@pytest.mark.parametrize(("value", "hashed"), [(0, 0), (1, 0x514E28B7), (MASK, 0x81F16F39)])
def test_the_finaliser_gives_its_published_values(value, hashed):
    assert murmur3_finaliser(value) == hashed
    # with seed and draw 0, the third of the three rounds sees index times an odd constant, which can be undone
    index = value * pow(0x85EBCA77, -1, 2**32) & MASK
    assert random_bits(0, 0, torch.tensor([index])).item() == hashed


@given(
    seed=st.integers(0, 2**63 - 1),
    draw=st.integers(0, 2**31),
    index=st.lists(st.integers(0, 2**31), min_size=1, max_size=5),
)
def test_random_bits_equal_plain_integers(seed, draw, index):
    assert random_bits(seed, draw, torch.tensor(index)).tolist() == [slow_bits(seed, draw, i) for i in index]


@pytest.mark.parametrize("crop", [0, 1, 4, 9])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_equals_slicing_each_padded_image(crop, flip, dtype):
    images, index = some_images(40).to(dtype), torch.arange(100, 140)
    before = images.clone()
    fast = crop_and_flip(images, index, seed=3, draw=7, crop=crop, flip=flip)
    torch.testing.assert_close(fast, slow_crop_and_flip(images, index, 3, 7, crop, flip), rtol=0, atol=0)
    assert fast.dtype == dtype
    assert fast.is_contiguous()
    assert torch.equal(images, before)


def test_nothing_asked_for_changes_nothing():
    images = some_images(5)
    assert torch.equal(crop_and_flip(images, torch.arange(5), seed=0, draw=0), images)


def test_flip_alone_mirrors_some_and_leaves_the_others():
    images, index = some_images(64), torch.arange(64)
    out = crop_and_flip(images, index, seed=0, draw=0, flip=True)
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    same = (out == images).flatten(1).all(1)
    assert torch.equal(mirrored, ~same)
    assert 0 < mirrored.sum() < 64


def test_an_image_does_not_depend_on_the_rest_of_its_batch_or_on_its_place():
    images, index = some_images(30), torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:30]
    options = {"seed": 5, "draw": 2, "crop": 2, "flip": True}
    whole = crop_and_flip(images, index, **options)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    assert torch.equal(crop_and_flip(images[order], index[order], **options), whole[order])
    for i in range(30):
        assert torch.equal(crop_and_flip(images[i : i + 1], index[i : i + 1], **options), whole[i : i + 1])


def test_the_global_random_state_is_neither_read_nor_changed():
    images, index = some_images(8), torch.arange(8)
    results = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        results.append(crop_and_flip(images, index, seed=0, draw=0, crop=2, flip=True))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*results)


@pytest.mark.parametrize(("seed", "draw"), [(0, 0), (1, 0), (0, 1), (2**40 + 3, 99)])
def test_offsets_and_flips_are_uniform_and_independent(seed, draw):
    top, left, mirrored = choices(torch.arange(MANY), seed, draw)
    cells = 9 * 9 * 2
    counts = torch.bincount((top * 9 + left) * 2 + mirrored, minlength=cells).double()
    assert len(counts) == cells
    # Pearson's statistic: more than this once in a million fair draws
    statistic = ((counts - MANY / cells).square() / (MANY / cells)).sum()
    assert statistic < chi2.isf(1e-6, cells - 1)


@pytest.mark.parametrize(
    ("name", "shifted", "seed", "draw"), [("seed", 0, 12, 4), ("draw", 0, 11, 5), ("index", 1, 11, 4)]
)
def test_seed_draw_and_index_each_draw_anew(name, shifted, seed, draw):
    one = torch.stack(choices(torch.arange(MANY), 11, 4))
    other = torch.stack(choices(torch.arange(MANY) + shifted, seed, draw))
    same = (one == other).all(0).sum().item()
    # two independent choices among 162 agree in MANY/162 ± √(MANY/162) cases; six deviations are allowed
    expected = MANY / 162
    assert abs(same - expected) < 6 * expected**0.5, name
