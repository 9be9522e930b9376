"""ResNet and WideResNet for small images: one builder.

Source: K. He et al. 2016 and S. Zagoruyko and N. Komodakis 2016, as arXiv 2212.00311 varies them: GroupNorm,
weight-standardised convolutions without bias, Softplus(8), blocks with their activation last in both.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from jhrun.models import blocks
from jhrun.records.evidence import called


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut, which is a 1×1 convolution where the shape changes."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        conv: Callable[..., nn.Module],
        norm: Callable[[int], nn.Module],
        act: Callable[[], nn.Module],
    ) -> None:
        """Build the two branches.

        Args:
            inputs: channels.
            outputs: channels.
            stride: of the first convolution.
            conv: makes a convolution.
            norm: makes a normalisation layer.
            act: makes an activation layer.
        """
        super().__init__()
        self.residual = nn.Sequential(
            conv(inputs, outputs, 3, stride=stride),
            norm(outputs),
            act(),
            conv(outputs, outputs, 3),
            norm(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(conv(inputs, outputs, 1, stride=stride), norm(outputs))
        )
        self.activation = act()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) → (B, outputs, h/stride, w/stride)."""
        return self.activation(self.residual(x) + self.shortcut(x))  # type: ignore[no-any-return]


class ResNet(nn.Sequential):
    """Stem, stages of basic blocks (each stage but the first halves the image), average pool, linear."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        outputs: int,
        mean: Sequence[float],
        std: Sequence[float],
        stem: int,
        widths: Sequence[int],
        blocks_per_stage: int,
        activation: str = "softplus",
        normalisation: str = "group",
        weight_standardisation: bool = True,
    ) -> None:
        """Build the layers.

        Args:
            shape: of an input, (ch, h, w).
            outputs: how many, one for each class.
            mean: per channel, of the data.
            std: per channel, of the data.
            stem: channels of the first convolution.
            widths: channels of the stages.
            blocks_per_stage: basic blocks in each.
            activation: softplus, relu, gelu, silu or tanh.
            normalisation: group, batch or none.
            weight_standardisation: of the convolutions' filters.

        """
        channels, height, width = blocks.image_shape(shape)
        side = -(-max(height, width) // 2 ** (len(widths) - 1))
        blocks.require_values_to_normalise(normalisation, widths[-1], side**2)
        conv = partial(blocks.convolution, standardised=weight_standardisation, bias=False)
        norm = partial(blocks.normalisation, normalisation)
        act = partial(blocks.activation, activation)
        layers: list[nn.Module] = [
            blocks.Normalise(mean, std),
            conv(channels, stem, 3),
            norm(stem),
            act(),
        ]
        before = stem
        for stage, after in enumerate(widths):
            for block in range(blocks_per_stage):
                stride = 2 if stage and not block else 1
                layers.append(BasicBlock(before, after, stride, conv, norm, act))
                before = after
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, outputs))


@called(
    "ResNet-18",
    """@inproceedings{he2016deep,
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  title = {Deep Residual Learning for Image Recognition},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2016},
}""",
)
def resnet18(*, width: int = 64, **options: Any) -> ResNet:
    """ResNet-18: 11.2 million parameters at its full width of 64, for 10 classes.

    Args:
        width: of the first stage; each further one doubles it.
        **options: of ``ResNet``.

    Returns:
        A fresh network.
    """
    widths = [width * factor for factor in (1, 2, 4, 8)]
    return ResNet(stem=width, widths=widths, blocks_per_stage=2, **options)


@called(
    "WideResNet-28-10",
    """@inproceedings{zagoruyko2016wide,
  author = {Zagoruyko, Sergey and Komodakis, Nikos},
  title = {Wide Residual Networks},
  booktitle = {British Machine Vision Conference},
  year = {2016},
}""",
)
def wrn28_10(*, width: int = 16, factor: int = 10, **options: Any) -> ResNet:
    """WideResNet-28-10: 36.5 million parameters at its full width, for 10 classes.

    Args:
        width: of the stem.
        factor: how much wider than it the first stage is; each further one doubles it.
        **options: of ``ResNet``.

    Returns:
        A fresh network.
    """
    widths = [width * factor * double for double in (1, 2, 4)]
    return ResNet(stem=width, widths=widths, blocks_per_stage=4, **options)
