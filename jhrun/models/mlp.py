"""A multilayer perceptron."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from jhrun.models import blocks


class MLP(nn.Sequential):
    """Normalise, flatten, then linear layers with activations between them."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        outputs: int,
        mean: Sequence[float],
        std: Sequence[float],
        widths: Sequence[int] = (256, 256),
        activation: str = "softplus",
    ) -> None:
        """Build the layers.

        Args:
            shape: of an input, (ch, h, w) or (n,).
            outputs: how many: one for each class or predicted value.
            mean: per channel, of the data.
            std: per channel, of the data.
            widths: of the hidden layers.
            activation: softplus, relu, gelu, silu or tanh.
        """
        sizes = [math.prod(shape), *widths]
        hidden = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), blocks.activation(activation))]
        normalise = blocks.Normalise(mean, std, axes=len(shape) - 1)
        super().__init__(normalise, nn.Flatten(), *hidden, nn.Linear(sizes[-1], outputs))
