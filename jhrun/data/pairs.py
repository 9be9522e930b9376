"""Data sets of pairs, as torchvision and PyTorch have them, collected as tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jhrun.data.faults import Faults
from jhrun.data.part import Part


def collected(pairs: Any) -> Part:
    """The pairs of a map-style data set, such as ``torchvision.datasets.FakeData``, as one part.

    Each pair is read once: a random transform is drawn once, too. Leave normalisation out of its transform.

    Args:
        pairs: has a length, and gives (image, label) by position. An image is one of Pillow's, which becomes uint8
            (ch, h, w), or a tensor or array; a label is a number or a tensor.

    Returns:
        All of them, in their order.

    Raises:
        BadDataError: an item is no pair, or images or labels have other shapes than the first ones.

    Example:
        >>> part = collected([(Image.new("L", (3, 2)), 0), (Image.new("L", (3, 2)), 1)])
        >>> part.inputs.shape, part.inputs.dtype, part.targets
        (torch.Size([2, 1, 2, 3]), torch.uint8, tensor([0, 1]))
    """
    faults = Faults()
    columns: tuple[list[Tensor], list[Tensor]] = ([], [])
    for i, item in enumerate(pairs[i] for i in range(len(pairs))):
        if not isinstance(item, Sequence) or len(item) != 2:
            faults.append(f"item {i} is a {type(item).__name__}, and no pair of image and label")
            break
        for what, column, value in zip(("image", "label"), columns, item, strict=True):
            column.append(_tensor(value))
            if column[i].shape != column[0].shape or column[i].dtype != column[0].dtype:
                here, first = (f"{tuple(t.shape)} of {t.dtype}" for t in (column[i], column[0]))
                faults.append(f"the {what} of item {i} has shape {here}, and the first one {first}")
        if faults:
            break
    if not columns[0] and not faults:
        faults.append("there are no pairs")
    faults.refuse()
    inputs, targets = (torch.stack(column) for column in columns)
    return Part(inputs, targets)


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Image.Image):
        pixels = torch.from_numpy(np.array(value if value.mode in {"L", "RGB"} else value.convert("RGB")))
        return pixels[None] if pixels.ndim == 2 else pixels.movedim(-1, 0).contiguous()
    return value.detach() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))


def are_pairs(found: Any) -> bool:
    """Whether something is indexed by position and gives (input, label) pairs, as torchvision's data sets do."""
    if isinstance(found, str) or not (hasattr(found, "__getitem__") and hasattr(found, "__len__")):
        return False
    try:
        return isinstance(found[0], tuple | list) and len(found[0]) == 2
    except Exception:
        # another's code, asked for no more than a hint
        return False
