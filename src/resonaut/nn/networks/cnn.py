"""Convolutional network of jet images (arXiv:1803.00107; the CNN of arXiv:1902.09914, section 3.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.nn.networks.activations import convolution
from resonaut.nn.networks.heads import ClassifierHead
from resonaut.nn.networks.images import Shape, StandardiseImages

# The papers do not say it. Their 610k parameters at 40 x 40 pixels need 8 x 8 before the dense layers, which
# one pixel of zeros around each convolution gives: 40, 39, 38 | 19, 18, 17 | 8.
_PADDING = 1


class ImageCNN(nn.Module):
    """Convolutions, of which each `pool_every` are followed by a 2 x 2 maximum, then dense layers.

    Args:
        shape: channels, rows, columns of the images.
        filters: channels after each convolution.
        kernel_size: pixels of each kernel along each axis.
        pool_every: convolutions between two poolings.
        hidden: sizes of the dense layers.
        n_outputs: 1 for the log odds of signal, else the number of classes.
        activation: of all layers, a name of `activations`, maxout included.
        dropout: fraction that is dropped before the last layer in training.
        standardise: what pixels are divided by, see `StandardiseImages`.

    Raises:
        ConfigError: the images are too small for these convolutions; no such activation.
    """

    def __init__(
        self,
        shape: Shape,
        filters: Sequence[int] = (128, 64, 64, 64),
        *,
        kernel_size: int = 4,
        pool_every: int = 2,
        hidden: Sequence[int] = (64, 256, 256),
        n_outputs: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        standardise: Literal["channel", "pixel"] = "channel",
    ) -> None:
        super().__init__()
        self.standardise = StandardiseImages(shape, standardise)
        channels, *pixels = shape
        layers: list[nn.Module] = []
        for number, width in enumerate(filters, 1):
            layers.append(convolution(channels, width, kernel_size, activation, padding=_PADDING))
            channels, pixels = width, [side + 2 * _PADDING - kernel_size + 1 for side in pixels]
            if number % pool_every == 0:
                layers.append(nn.MaxPool2d(2))
                pixels = [side // 2 for side in pixels]
            if min(pixels) < 1:
                raise ConfigError(
                    f"n_pixels: nothing is left of {shape[1]} x {shape[2]} pixels after convolution {number} "
                    f"of {len(filters)} (kernel_size {kernel_size}, pool_every {pool_every}). Use larger "
                    "images, or fewer convolutions with a smaller kernel."
                )
        # Weights with channels last: convolutions of this many channels are a fifth faster on a CPU.
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.head = ClassifierHead(
            channels * pixels[0] * pixels[1],
            hidden,
            n_outputs=n_outputs,
            activation=activation,
            dropout=dropout,
        )

    def forward(self, values: Tensor) -> Tensor:
        """Logits of images.

        Args:
            values: (n, n_channels, rows, columns).

        Returns:
            (n,) log odds if there is one output, else (n, n_outputs) logits.

        Raises:
            MismatchError: images of another shape.
        """
        return self.head(self.layers(self.standardise(values)).flatten(1))
