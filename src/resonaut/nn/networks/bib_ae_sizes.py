"""Sizes of the BIB-AE: as published, and a small twin; can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of the networks of a BIB-AE.

    Attributes:
        planes: convolutions in the plane with layers as channels, and a noise number per cell; otherwise
            convolutions in space.
        encoder: channels of the four convolutions of the encoder.
        wide, narrow: dense layers next to the cells and next to the latent vector.
        n_latent: length of the latent vector.
        n_noise: noise numbers that the decoder is given besides.
        decoder: channels of the decoder's first grid.
        critic: channels of the critic; its streams end in half as many numbers.
        post_processor: channels of the post-processor.
    """

    planes: bool
    encoder: tuple[int, int, int, int]
    wide: int
    narrow: int
    n_latent: int
    n_noise: int
    decoder: int
    critic: int
    post_processor: int


SIZES = {
    "published": Sizes(False, (8, 16, 32, 64), 4000, 768, 24, 488, 8, 128, 128),
    "small": Sizes(True, (16, 32, 32, 16), 128, 64, 24, 16, 16, 16, 8),
}
"""By the key `size`; published: arXiv:2005.05334, section 3.3, with the dense widths of its authors' code."""
