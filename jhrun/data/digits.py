"""scikit-learn's handwritten digits: 1,797 real images of 8×8 pixels, inside the package, no download."""

from functools import cache

import torch

from jhrun.data.dataset import Dataset, split
from jhrun.data.part import Part
from jhrun.records.evidence import called

_TEST_SEED = 1797
"""Of the fixed fifth that is the test set, whatever the run's seed."""


@called(
    "the handwritten digits of scikit-learn",
    """@misc{alpaydin1998optical,
  author = {Alpaydin, E. and Kaynak, C.},
  title = {Optical Recognition of Handwritten Digits},
  howpublished = {UCI Machine Learning Repository},
  year = {1998},
}""",
)
def digits(*, validation: float = 0.1, crop: int = 0, flip: bool = False, seed: int = 0) -> Dataset:
    """The digits data set (E. Alpaydin and C. Kaynak, UCI, 1998).

    A fixed, stratified fifth is the test part, the same for every seed. Pixels have 17 levels, 0 … 16, which are
    spread over 0 … 255.

    Args:
        validation: share of the training part to choose with.
        crop: padding of the random crop, in pixels.
        flip: mirror at random.
        seed: of the validation split.

    Returns:
        1,438 training examples before the split, 359 test examples, 1×8×8, 10 classes.

    Example:
        >>> data = digits()
        >>> len(data.train), len(data.validation), len(data.test), data.spec.shape
        (1295, 143, 359, (1, 8, 8))
    """
    rest, test = split(_everything(), 0.2, _TEST_SEED)
    train, held_out = split(rest, validation, seed)
    return Dataset(tuple("0123456789"), (0.3053,), (0.3760,), train, test, held_out, crop, flip)


@cache
def _everything() -> Part:
    from sklearn.datasets import load_digits  # noqa: PLC0415 - a second of import time

    stored = load_digits()
    pixels = torch.from_numpy(stored.images / 16 * 255).round().to(torch.uint8)[:, None]
    return Part(pixels, torch.from_numpy(stored.target).long())
