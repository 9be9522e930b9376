"""A small convolutional network, for digits and MNIST."""

from collections.abc import Sequence

from torch import nn

from jhrun.models import blocks


class CNN(nn.Sequential):
    """3×3 convolutions, each halving the image, then two linear layers."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        outputs: int,
        mean: Sequence[float],
        std: Sequence[float],
        widths: Sequence[int] = (32, 64),
        hidden: int = 128,
        activation: str = "softplus",
        normalisation: str = "none",
        weight_standardisation: bool = False,
    ) -> None:
        """Build the layers.

        Args:
            shape: of an input, (ch, h, w).
            outputs: how many, one for each class.
            mean: per channel, of the data.
            std: per channel, of the data.
            widths: channels of the convolutions.
            hidden: width of the linear layer before the last.
            activation: softplus, relu, gelu, silu or tanh.
            normalisation: group, batch or none.
            weight_standardisation: of the convolutions' filters.
        """
        channels, height, width = blocks.image_shape(shape)
        layers: list[nn.Module] = [blocks.Normalise(mean, std)]
        before = channels
        for after in widths:
            height, width = (height + 1) // 2, (width + 1) // 2
            blocks.require_values_to_normalise(normalisation, after, height * width)
            layers += [
                blocks.convolution(before, after, 3, stride=2, standardised=weight_standardisation, bias=True),
                blocks.normalisation(normalisation, after),
                blocks.activation(activation),
            ]
            before = after
        features = before * height * width
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Linear(features, hidden),
            blocks.activation(activation),
            nn.Linear(hidden, outputs),
        )
