"""What networks of images share: their shape, checked, and the standardisation of pixels as a layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from resonaut.errors import MismatchError

Shape = tuple[int, int, int]
"""Channels, rows and columns of an image."""

_BLOCK = 4096
# Of sum-normalised jet images the widest pixels have a width of 0.1: this is the 1e-5 of arXiv:1612.01551.
_FLOOR = 1e-4


class StandardiseImages(nn.Module):
    """(x - mean) / width of pixels; the constants are stored with the weights, not trained.

    Args:
        shape: channels, rows, columns of the images.
        each: `channel` divides each channel by the root mean square of its pixels: empty pixels stay 0, like
            the padding around the image. `pixel` takes mean and standard deviation of each pixel, to which
            1e-4 of the channel's largest is added, lest hits of rare pixels grow beyond bounds
            (arXiv:1612.01551, its r = 1e-5 for images of sum 1).
    """

    mean: Tensor
    width: Tensor

    def __init__(self, shape: Shape, each: Literal["channel", "pixel"] = "channel") -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.each = each
        constants = self.shape if each == "pixel" else (self.shape[0], 1, 1)
        self.register_buffer("mean", torch.zeros(constants))
        self.register_buffer("width", torch.ones(constants))

    @torch.no_grad()
    def measure(self, values: Tensor) -> None:
        """Take the constants from (n, n_channels, rows, columns) images; what is always 0 keeps width 1.

        Raises:
            MismatchError: images of another shape.
        """
        self._check(values)
        total = torch.zeros(self.shape, dtype=torch.float64, device=values.device)
        squares = torch.zeros_like(total)
        for part in values.split(_BLOCK):
            part = part.double()
            total += part.sum(dim=0)
            squares += part.square().sum(dim=0)
        mean, square = total / len(values), squares / len(values)
        if self.each == "channel":
            mean = torch.zeros_like(self.mean)
            width = square.mean(dim=(1, 2), keepdim=True).sqrt()
        else:
            width = (square - mean.square()).clamp_min(0).sqrt()
            width = width + _FLOOR * width.amax(dim=(1, 2), keepdim=True)
        self.mean.copy_(mean)
        self.width.copy_(torch.where(width > 1e-12, width, torch.ones_like(width)))

    def forward(self, values: Tensor) -> Tensor:
        self._check(values)
        return (values - self.mean) / self.width

    def _check(self, values: Tensor) -> None:
        if tuple(values.shape[1:]) != self.shape:
            found, wanted = (" x ".join(map(str, shape)) for shape in (values.shape[1:], self.shape))
            raise MismatchError(
                f"Images of {found} (channels x rows x columns) were given to a network for {wanted}. Set "
                "the tagger's inputs and n_pixels to the channels and n_pixels of represent.images."
            )
