"""Residual networks of images: ResNet for small images (arXiv:1512.03385) and ResNeXt (arXiv:1611.05431)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from resonaut.errors import ConfigError
from resonaut.nn.networks.activations import activation as activation_of
from resonaut.nn.networks.heads import ClassifierHead
from resonaut.nn.networks.images import Shape, StandardiseImages


def _convolution(n_inputs: int, n_outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution with batch normalisation; an odd `size` and stride 1 keep the pixels."""
    padding = size // 2
    layer = nn.Conv2d(n_inputs, n_outputs, size, stride, padding, groups=groups, bias=False)
    # arXiv:1502.01852, which both papers start from.
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(n_outputs))


class _Widened(nn.Module):
    """The shortcut without parameters: every other pixel, more channels of zeros (option A, section 3.3)."""

    def __init__(self, n_more: int, stride: int) -> None:
        super().__init__()
        self.n_more = n_more
        self.stride = stride

    def forward(self, values: Tensor) -> Tensor:
        thinned = values[:, :, :: self.stride, :: self.stride]
        return functional.pad(thinned, (0, 0, 0, 0, 0, self.n_more))


class _Residual(nn.Module):
    """f(residual(x) + shortcut(x)) (arXiv:1512.03385, eq. 1)."""

    def __init__(self, residual: nn.Module, shortcut: nn.Module, activation: str) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut
        self.activation = activation_of(activation)

    def forward(self, values: Tensor) -> Tensor:
        return self.activation(self.residual(values) + self.shortcut(values))


def _basic(n_inputs: int, n_outputs: int, stride: int, activation: str) -> _Residual:
    """Two 3 x 3 convolutions (arXiv:1512.03385, fig. 5 left)."""
    residual = nn.Sequential(
        _convolution(n_inputs, n_outputs, 3, stride),
        activation_of(activation),
        _convolution(n_outputs, n_outputs, 3),
    )
    same = n_inputs == n_outputs and stride == 1
    return _Residual(residual, nn.Identity() if same else _Widened(n_outputs - n_inputs, stride), activation)


def _aggregated(
    n_inputs: int, n_inside: int, stride: int, groups: int, activation: str, *, first: bool
) -> _Residual:
    """1 x 1, grouped 3 x 3, 1 x 1 convolutions (arXiv:1611.05431, fig. 3c), to 2 n_inside channels.

    The first block of a stage projects its shortcut, even where the channels happen to stay the same.
    """
    n_outputs = 2 * n_inside
    residual = nn.Sequential(
        _convolution(n_inputs, n_inside, 1),
        activation_of(activation),
        _convolution(n_inside, n_inside, 3, stride, groups),
        activation_of(activation),
        _convolution(n_inside, n_outputs, 1),
    )
    shortcut = _convolution(n_inputs, n_outputs, 1, stride) if first else nn.Identity()
    return _Residual(residual, shortcut, activation)


class _ResidualNetwork(nn.Module):
    """Standardised images, a first layer, blocks, the mean over pixels, and the classifier.

    A map of one pixel is refused: most of the network would work on no image any more, and a last batch of
    one image could not be normalised.
    """

    def __init__(
        self,
        shape: Shape,
        first: nn.Module,
        blocks: Sequence[nn.Module],
        head: ClassifierHead,
        halvings: int,
        standardise: Literal["channel", "pixel"],
    ) -> None:
        super().__init__()
        if max(shape[1:]) <= 2**halvings:
            raise ConfigError(
                f"n_pixels: {shape[1]} x {shape[2]} pixels are halved {halvings} times, to one; more than "
                f"{2**halvings} are expected. Use larger images or another network."
            )
        self.standardise = StandardiseImages(shape, standardise)
        self.first = first
        self.blocks = nn.Sequential(*blocks)
        self.head = head

    def forward(self, values: Tensor) -> Tensor:
        """Logits of images.

        Args:
            values: (n, n_channels, rows, columns).

        Returns:
            (n,) log odds if there is one output, else (n, n_outputs) logits.

        Raises:
            MismatchError: images of another shape.
        """
        maps = self.blocks(self.first(self.standardise(values)))
        return self.head(maps.mean(dim=(2, 3)))


class ResNet(_ResidualNetwork):
    """ResNet for small images (arXiv:1512.03385, section 4.2): 3 x 3 convolutions, shortcuts without weights.

    Args:
        shape: channels, rows, columns of the images.
        widths: channels of each stage; each after the first halves the pixels.
        n_blocks: blocks per stage; with three stages the depth is 6 n_blocks + 2.
        n_outputs: 1 for the log odds of signal, else the number of classes.
        activation: a name of `activations`, but maxout.
        dropout: fraction that is dropped before the last layer in training.
        standardise: what pixels are divided by, see `StandardiseImages`.

    Raises:
        ConfigError: the images are too small; no such activation; stages that become narrower.
    """

    def __init__(
        self,
        shape: Shape,
        widths: Sequence[int] = (16, 32, 64),
        n_blocks: int = 3,
        *,
        n_outputs: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        standardise: Literal["channel", "pixel"] = "channel",
    ) -> None:
        if list(widths) != sorted(widths):
            raise ConfigError(
                f"widths: {list(widths)} become smaller, but a shortcut without weights can only add "
                "channels. Give them in ascending order."
            )
        first = nn.Sequential(_convolution(shape[0], widths[0], 3), activation_of(activation))
        blocks, channels = [], widths[0]
        for stage, width in enumerate(widths):
            for number in range(n_blocks):
                blocks.append(_basic(channels, width, 2 if stage and not number else 1, activation))
                channels = width
        head = ClassifierHead(channels, n_outputs=n_outputs, dropout=dropout)
        super().__init__(shape, first, blocks, head, len(widths) - 1, standardise)


class ResNeXt(_ResidualNetwork):
    """ResNeXt (arXiv:1611.05431, table 1): grouped convolutions between 1 x 1 convolutions.

    A stage of the inner width w has 2 w channels at its end; each stage after the first halves the pixels.
    ResNeXt-50 (32 x 4d) has the inner widths 128, 256, 512, 1024. The jet tagger of arXiv:1902.09914, section
    3.1.2, has a quarter of the channels, but in the first layer, and dropout of a half before the last layer.

    Args:
        shape: channels, rows, columns of the images.
        widths: inner channels of each stage, multiples of `groups`.
        n_blocks: blocks of each stage.
        groups: groups of the 3 x 3 convolutions (the cardinality).
        first_width: channels of the first layer, 7 x 7 pixels with stride 2, then a 3 x 3 maximum.
        n_outputs: 1 for the log odds of signal, else the number of classes.
        activation: a name of `activations`, but maxout.
        dropout: fraction that is dropped before the last layer in training.
        standardise: what pixels are divided by, see `StandardiseImages`.

    Raises:
        ConfigError: the images are too small; widths and groups do not fit; no such activation.
    """

    def __init__(
        self,
        shape: Shape,
        widths: Sequence[int] = (32, 64, 128, 256),
        n_blocks: Sequence[int] = (3, 4, 6, 3),
        *,
        groups: int = 32,
        first_width: int = 64,
        n_outputs: int = 1,
        activation: str = "relu",
        dropout: float = 0.5,
        standardise: Literal["channel", "pixel"] = "channel",
    ) -> None:
        if len(widths) != len(n_blocks) or any(width % groups for width in widths):
            raise ConfigError(
                f"widths: {list(widths)} do not fit n_blocks {list(n_blocks)} and groups {groups}; as many "
                "widths as n_blocks are expected, each a multiple of groups."
            )
        first = nn.Sequential(
            _convolution(shape[0], first_width, 7, 2),
            activation_of(activation),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        blocks, channels = [], first_width
        for stage, (width, count) in enumerate(zip(widths, n_blocks, strict=True)):
            for number in range(count):
                stride = 2 if stage and not number else 1
                block = _aggregated(channels, width, stride, groups, activation, first=not number)
                blocks.append(block)
                channels = 2 * width
        head = ClassifierHead(channels, n_outputs=n_outputs, dropout=dropout)
        super().__init__(shape, first, blocks, head, len(widths) + 1, standardise)
