"""The forms in which a data set is stored, and what is unambiguous is converted to."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jhrun.data.faults import Faults
from jhrun.data.pixels import require_finite


def as_inputs(part: str, given: Any, faults: Faults, *, classes: bool) -> Tensor | None:
    """Inputs in the form in which they are stored.

    float64 and other floating-point types become float32, whole numbers from 0 to 255 become uint8, and booleans
    become 0 and 255. Where there are no classes, inputs are no pixels: whole numbers, uint8 aside, become float32.

    Args:
        part: its name.
        given: images (N, ch, h, w) or vectors (N, n), a tensor or an array.
        faults: to be added to.
        classes: whether targets are class numbers.

    Returns:
        uint8 or float32; None where there is no such form.
    """
    name = f"{part}.inputs"
    found = as_tensor(name, given, faults)
    if found is None or found.dtype in {torch.uint8, torch.float32}:
        return found
    if found.dtype == torch.bool:
        return found.to(torch.uint8) * 255
    if found.is_floating_point() or not classes:
        return found.to(torch.float32)
    low, high = (int(extreme) for extreme in found.aminmax()) if found.numel() else (0, 0)
    if low < 0 or high > 255:
        what = f"{name} are whole numbers between {low} and {high}"
        faults.append(f"{what}: pixels are uint8 from 0 to 255, or floats in [0, 1]")
        return None
    return found.to(torch.uint8)


def as_targets(part: str, given: Any, faults: Faults, *, classes: Sequence[str]) -> Tensor | None:
    """Targets in the form in which they are stored.

    Class numbers in a column (N, 1) and one-hot rows (N, C) become class numbers (N,). Values become float32.

    Args:
        part: its name.
        given: class numbers, one-hot rows or values, a tensor or an array.
        faults: to be added to.
        classes: their names; none where targets are values.

    Returns:
        int64 (N,) or float32 (N, m); None where there is no such form.
    """
    name = f"{part}.targets"
    if classes:
        return as_labels(name, given, len(classes), faults)
    found = as_tensor(name, given, faults)
    return None if found is None else _values(name, found, faults)


def as_labels(name: str, given: Any, classes: int, faults: Faults) -> Tensor | None:
    """Class numbers in the form in which they are stored.

    Args:
        name: for messages.
        given: class numbers (N,) or (N, 1), or one-hot rows (N, C), a tensor or an array.
        classes: C.
        faults: to be added to.

    Returns:
        int64 (N,); None where there is no such form.
    """
    found = as_tensor(name, given, faults)
    if found is None:
        return None
    if found.ndim == 2 and found.shape[1] == classes and _one_hot(found):
        return found.int().argmax(1)
    if found.is_floating_point():
        what = f"{name} are floats of shape {_shape(found)}"
        remedy = "class numbers are whole, targets.long(); values to predict need no classes"
        if found.ndim == 2 and found.shape[1] == classes:
            remedy = "class distributions need labels beside them, Part(inputs, targets, labels)"
        faults.append(f"{what}: {remedy}")
        return None
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        faults.append(f"{name} have shape {_shape(found)}: must be one class number per example, (N,)")
        return None
    found = found.long()
    low, high = (int(extreme) for extreme in found.aminmax()) if len(found) else (0, 0)
    if low < 0 or high >= classes:
        what = f"class number {low if low < 0 else high} among {classes} classes in {name}"
        faults.append(f"{what}: they go from 0 to {classes - 1}")
        return None
    return found


def _values(name: str, found: Tensor, faults: Faults) -> Tensor | None:
    if not found.is_floating_point():
        faults.append(f"{name} are whole numbers, and there are no classes: name the classes, or give floats")
        return None
    if found.ndim != 2 or not found.shape[1]:
        faults.append(f"{name} have shape {_shape(found)}: values must have shape (N, m), as in targets[:, None]")
        return None
    found = found.to(torch.float32)
    require_finite(name, found, faults)
    return found


def as_figures(name: str, given: Any, faults: Faults) -> tuple[float, ...]:
    """Mean or standard deviation, as a tuple of numbers.

    Args:
        name: of the field; one that begins with ``std`` must be above 0.
        given: a number, or a sequence, tensor or array of some.
        faults: to be added to.

    Returns:
        The numbers; none where they have a fault.
    """
    try:
        found = tuple(np.asarray(given, dtype=float).reshape(-1).tolist())
    except (TypeError, ValueError):
        found = ()
    least, above = (0.0, " above 0") if name.startswith("std") else (-math.inf, "")
    if not found or not all(least < number < math.inf for number in found):
        faults.append(f"{name}={given}: must be finite numbers{above}")
        return ()
    return found


def as_names(given: Any, faults: Faults) -> tuple[str, ...]:
    """The classes' names.

    Args:
        given: names, or how many there are.
        faults: to be added to.

    Returns:
        A tuple of strings, empty where targets are values.
    """
    found: tuple[str, ...] = ()
    if isinstance(given, int):
        found = tuple(map(str, range(given)))
    elif isinstance(given, Iterable) and not isinstance(given, str):
        found = tuple(map(str, given))
    else:
        faults.append(f"classes={given}: must be names, as in ['cat', 'dog']")
    if len(found) == 1:
        faults.append(f"classes={given}: there must be two or more to tell apart")
    return found


def as_tensor(name: str, given: Any, faults: Faults) -> Tensor | None:
    """A tensor, whatever it was; a copy of an array, which may be read-only or run backwards.

    Args:
        name: for messages.
        given: a tensor or an array.
        faults: to be added to.

    Returns:
        The tensor; None where there is none.
    """
    try:
        found = given.detach() if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    except (TypeError, ValueError):
        faults.append(f"{name} are a {type(given).__name__}: must be a tensor or an array of numbers")
        return None
    if found.layout != torch.strided or found.is_complex() or found.ndim == 0:
        faults.append(f"{name} are a {found.layout} tensor of {found.dtype} and shape {_shape(found)}")
        return None
    # PyTorch has no extremes of the unsigned types that came last
    return found.long() if found.dtype in {torch.uint16, torch.uint32, torch.uint64} else found


def _one_hot(found: Tensor) -> bool:
    return bool(((found == 0) | (found == 1)).all() and (found.sum(1) == 1).all())


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
