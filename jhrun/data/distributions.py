"""Targets that are class distributions, with the hard labels beside them."""

from typing import Any

import torch
from torch import Tensor

from jhrun.data.faults import Faults
from jhrun.data.forms import as_labels, as_tensor
from jhrun.data.pixels import require_finite


def as_distributions(
    part: str, given: Any, labels: Any, classes: int, faults: Faults
) -> tuple[Tensor | None, Tensor | None]:
    """Class distributions and labels in the form in which they are stored.

    Args:
        part: its name.
        given: distributions (N, C), or class numbers, which must be the labels; a tensor or an array.
        labels: class numbers.
        classes: C.
        faults: to be added to.

    Returns:
        float32 (N, C), or class numbers where these were given, and the labels, int64 (N,); None for one that has
        no such form.
    """
    name = f"{part}.targets"
    found, hard = as_tensor(name, given, faults), as_labels(f"{part}.labels", labels, classes, faults)
    if found is None:
        return None, hard
    if not found.is_floating_point():
        numbers = as_labels(name, found, classes, faults)
        if numbers is not None and hard is not None and not torch.equal(numbers, hard):
            faults.append(f"{part}.labels differ from the class numbers in {name}: leave the labels out")
        return numbers, numbers
    if found.ndim != 2 or found.shape[1] != classes:
        faults.append(f"{name} have shape {tuple(found.shape)}: class distributions have shape (N, {classes})")
        return None, hard
    if hard is not None and len(hard) != len(found):
        faults.append(f"{len(found)} targets and {len(hard)} labels in {part}: must be as many")
    found = found.to(torch.float32)
    if require_finite(name, found, faults):
        _require_shares(name, found, faults)
    return found, hard


def _require_shares(name: str, found: Tensor, faults: Faults) -> None:
    """Rows of at least 0 that sum to 1, but for what computing and storing C numbers in float32 rounds off."""
    rounding = (found.shape[1] + 4) * torch.finfo(torch.float32).eps
    sums = found.sum(1, dtype=torch.float64)
    bad = (found < 0).any(1) | ((sums - 1).abs() > rounding)
    if bad.any():
        first = int(bad.int().argmax())
        what = f"{int(bad.sum())} of {len(found)} {name} are no class distributions, at least 0 and of sum 1"
        least, total = float(found[first].min()), float(sums[first])
        faults.append(f"{what}: of the first, example {first}, the least is {least:.3g}, the sum {total:.7g}")
