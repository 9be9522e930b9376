"""Images of noise, for costs that do not hang on what is seen."""

from collections.abc import Sequence

import torch

from jhrun import seeds
from jhrun.data import Dataset, Part


def noise(shape: Sequence[int], classes: int, examples: int, seed: int) -> Dataset:
    """Images of uniform noise with random classes.

    Args:
        shape: of one, (ch, h, w).
        classes: C.
        examples: how many.
        seed: of all.

    Returns:
        A data set of which every part is the same.
    """
    random = seeds.generator("cpu", seed, "noise")
    inputs = torch.randint(256, (examples, *shape), dtype=torch.uint8, generator=random)
    part = Part(inputs, torch.randint(classes, (examples,), generator=random))
    return Dataset(tuple(map(str, range(classes))), (0.5,) * shape[0], (0.29,) * shape[0], part, part)
