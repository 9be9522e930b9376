"""Augmentation as a pure function of (seed, example, draw): nothing to save, nothing to restore."""

import torch
import torch.nn.functional as F
from torch import Tensor

_MASK = 0xFFFFFFFF


def random_bits(seed: int, draw: int | Tensor, index: Tensor) -> Tensor:
    """32 random bits for each example, by a counter-based hash.

    Args:
        seed: of the run.
        draw: which drawing of the example's augmentation this is; one number, or one for each, (B,).
        index: (B,), int64, the examples.

    Returns:
        (B,), int64, uniform in [0, 2³²): the finaliser of MurmurHash3 (A. Appleby), applied between the three
        inputs, in 64-bit integers kept to 32 bits so that it is the same on every device.
    """
    bits = _mix(torch.full_like(index, seed & _MASK) ^ ((seed >> 32) & _MASK))
    bits = _mix(bits + (draw * 0x9E3779B9 & _MASK))
    return _mix(bits + (index * 0x85EBCA77 & _MASK))


def _mix(bits: Tensor) -> Tensor:
    bits = bits & _MASK
    bits = (bits ^ (bits >> 16)) * 0x85EBCA6B & _MASK
    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35 & _MASK
    return bits ^ (bits >> 16)


def crop_and_flip(
    images: Tensor, index: Tensor, *, seed: int, draw: int | Tensor, crop: int = 0, flip: bool = False
) -> Tensor:
    """A random crop of the padded image, mirrored half of the time, each example its own.

    Args:
        images: (B, ch, h, w).
        index: (B,), int64, which examples these are.
        seed: of the run.
        draw: another number draws anew; one, or one for each, (B,).
        crop: c pixels of zero padding on each side; offsets are uniform in 0 … 2c.
        flip: mirror left and right with probability ½.

    Returns:
        (B, ch, h, w), the same values that slicing each padded image by hand would give.
    """
    _, _, height, width = images.shape
    bits = random_bits(seed, draw, index)
    # three independent fields of the 32 bits; 15 bits make a choice among 2c+1 even to 1 part in 3,000 for c = 4
    top = (bits & 0x7FFF) % (2 * crop + 1)
    left = (bits >> 15 & 0x7FFF) % (2 * crop + 1)
    mirrored = (bits >> 30 & 1).bool() & flip
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(len(images), width)
    columns = left[:, None] + torch.where(mirrored[:, None], columns.flip(1), columns)
    padded = F.pad(images, (crop, crop, crop, crop))
    example = torch.arange(len(images), device=images.device)
    cut = padded.movedim(1, -1)[example[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cut.movedim(-1, 1).contiguous()
