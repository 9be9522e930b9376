"""What the networks are made of."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

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


def require_values_to_normalise(name: str, channels: int, pixels: int) -> None:
    """Refuse GroupNorm of groups of one value, which it makes 0.

    Args:
        name: of the normalisation.
        channels: of its input.
        pixels: of its input.

    Raises:
        ValueError: a group would have one value.
    """
    if name == "group" and pixels == 1 and channels <= GROUPS:
        raise ValueError(
            f"{channels} channels of 1×1 pixels, one to a group: GroupNorm makes them all 0; use a wider network "
            "or larger images"
        )


def image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """The shape of an image, for networks that need one.

    Args:
        shape: of an input.

    Returns:
        (ch, h, w).

    Raises:
        ValueError: inputs are no images.
    """
    if len(shape) != 3:
        raise ValueError(f"inputs of shape {tuple(shape)} are no images, which convolutions need: use model=mlp")
    channels, height, width = shape
    return channels, height, width


class Normalise(nn.Module):
    """(x − mean)/std for each channel, with the data set's figures."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], axes: int = 2) -> None:
        """Keep the figures as buffers.

        Args:
            mean: per channel, of pixels in [0, 1].
            std: per channel, above 0.
            axes: that follow the channels: two for images, none for vectors.
        """
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, *[1] * axes))
        self.register_buffer("std", torch.tensor(std).view(-1, *[1] * axes))

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, ch, h, w) or vectors (B, n), normalised."""
        return (x - self.mean) / self.std


class Rescale(nn.Module):
    """mean + std·z: from standardised outputs to the targets' own units."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        """Keep the figures as buffers.

        Args:
            mean: of the targets.
            std: of the targets, above 0.
        """
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, z: Tensor) -> Tensor:
        """(B, m), in the targets' units."""
        return self.mean + self.std * z


class StandardisedConv2d(nn.Conv2d):
    """A convolution whose filters w are used as (w − mean)/(std + 1e-5), each over its own weights.

    Source: S. Qiao et al., *Micro-Batch Training with Batch-Channel Normalization and Weight Standardization*,
    2019; the standard deviation is the unbiased one.
    """

    bibtex: ClassVar[str] = """@article{qiao2019micro,
  author = {Qiao, Siyuan and Wang, Huiyu and Liu, Chenxi and Shen, Wei and Yuille, Alan},
  title = {Micro-Batch Training with Batch-Channel Normalization and Weight Standardization},
  journal = {arXiv preprint arXiv:1903.10520},
  year = {2019},
}"""

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
