"""What the networks are made of."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    # the paper's choice: smooth, so that the Hessian is the Hessian, and close to ReLU
    "softplus": lambda: nn.Softplus(beta=8, threshold=20),
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

GROUPS = 32


def activation(name: str) -> nn.Module:
    """A new activation layer.

    Args:
        name: one of ``ACTIVATIONS``.

    Returns:
        The layer.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r}: must be one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def normalisation(name: str, channels: int) -> nn.Module:
    """A new normalisation layer.

    Args:
        name: ``group`` (32 groups, or as many as there are channels where these are fewer), ``batch`` or ``none``.
        channels: of its input.

    Returns:
        The layer.

    Raises:
        ValueError: there is none of this name, or the groups do not divide the channels.
    """
    if name == "group":
        groups = min(GROUPS, channels)
        if channels % groups:
            raise ValueError(f"{channels} channels: must be below {GROUPS} or a multiple of it for GroupNorm")
        return nn.GroupNorm(groups, channels)
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "none":
        return nn.Identity()
    raise ValueError(f"normalisation={name!r}: must be one of group, batch, none")


class Normalise(nn.Module):
    """(x − mean)/std for each channel, with the data set's figures."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Keep the figures as buffers.

        Args:
            mean: per channel, of pixels in [0, 1].
            std: per channel, above 0.
        """
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, ch, h, w), normalised."""
        return (x - self.mean) / self.std


class StandardisedConv2d(nn.Conv2d):
    """A convolution whose filters w are used as (w − mean)/(std + 1e-5), each over its own weights.

    Source: S. Qiao et al., *Micro-Batch Training with Batch-Channel Normalization and Weight Standardization*,
    2019; the standard deviation is the unbiased one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, in, h, w) → (B, out, h', w')."""
        w = self.weight
        centred = w - w.mean(dim=(1, 2, 3), keepdim=True)
        # not torch.std, whose derivative is infinite where all weights are equal
        variance = centred.square().sum(dim=(1, 2, 3), keepdim=True) / max(1, w[0].numel() - 1)
        standard = centred / (variance.clamp_min(torch.finfo(w.dtype).tiny).sqrt() + 1e-5)
        return F.conv2d(input, standard, self.bias, self.stride, self.padding, self.dilation, self.groups)


def convolution(
    inputs: int, outputs: int, size: int, *, stride: int = 1, standardised: bool, bias: bool
) -> nn.Conv2d:
    """A convolution that keeps the image's size, or divides it by the stride."""
    kind: Any = StandardisedConv2d if standardised else nn.Conv2d
    layer: nn.Conv2d = kind(inputs, outputs, size, stride=stride, padding=size // 2, bias=bias)
    return layer
