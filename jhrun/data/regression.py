"""Two regression tasks whose true derivatives have a known structure (arXiv 2212.00311, figure 1)."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from jhrun.data.dataset import Dataset, split
from jhrun.data.part import Part
from jhrun.records.evidence import called
from jhrun.seeds import generator

TEST = 2000
"""Held-out points of each task."""

_SAMPLE = 2212
"""Seed of the points: a task is the same for every seed of a run."""


@called("a synthetic conservative field, the gradient of a sum of sines")
def conservative_field(
    *, dimension: int = 64, examples: int = 30_000, validation: float = 0.1, seed: int = 0
) -> Dataset:
    """The gradient of f(x) = Σ sin x_i, a field R^N → R^N: its Jacobian is the Hessian of f, hence symmetric.

    Inputs are drawn from N(0, I). Each target cos x_i has mean e^(−1/2) and variance (1 + e^(−2))/2 − e^(−1) =
    0.1998, which is the mean squared error of a constant.

    Args:
        dimension: N.
        examples: to train on, drawn once, before the validation split.
        validation: share of them to choose with.
        seed: of the validation split.

    Returns:
        The task, with 2,000 held-out points.

    Example:
        >>> data = conservative_field(dimension=3, examples=100)
        >>> data.spec.shape, data.spec.outputs, len(data.train), len(data.validation), len(data.test)
        ((3,), 3, 90, 10, 2000)
    """
    variance = (1 + math.exp(-2)) / 2 - math.exp(-1)
    scale = (math.exp(-0.5), math.sqrt(variance))
    return _task(torch.cos, dimension, examples, validation, seed, scale, "symmetric")


@called("a synthetic function with a diagonal Hessian, a sum of squares")
def disentanglement(
    *, dimension: int = 64, examples: int = 30_000, validation: float = 0.1, seed: int = 0
) -> Dataset:
    """f(x) = Σ x_i², R^N → R: its coordinates do not interact, so that its Hessian is diagonal.

    Inputs are drawn from N(0, I). The target has mean N and variance 2N.

    Args:
        dimension: N.
        examples: to train on, drawn once, before the validation split.
        validation: share of them to choose with.
        seed: of the validation split.

    Returns:
        The task, with 2,000 held-out points.

    Example:
        >>> data = disentanglement(dimension=3, examples=100)
        >>> data.spec.shape, data.spec.outputs, data.scale == (3, 6**0.5)
        ((3,), 1, True)
    """
    scale = (float(dimension), math.sqrt(2 * dimension))
    return _task(
        lambda x: x.square().sum(1, keepdim=True), dimension, examples, validation, seed, scale, "diagonal"
    )


def _task(
    true: Callable[[Tensor], Tensor],
    dimension: int,
    examples: int,
    validation: float,
    seed: int,
    scale: tuple[float, float],
    structure: Literal["symmetric", "diagonal"],
) -> Dataset:
    parts = []
    for name, n in (("train", examples), ("test", TEST)):
        inputs = torch.randn(n, dimension, generator=generator("cpu", _SAMPLE, name))
        parts.append(Part(inputs, true(inputs)))
    train, held_out = split(parts[0], validation, seed)
    return Dataset((), (0.0,), (1.0,), train, parts[1], held_out, scale=scale, structure=structure)
