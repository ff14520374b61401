"""Pictures as images: their pixels transformed and normalised like those of jets, and nothing else."""

from __future__ import annotations

import numpy as np

from resonaut.errors import ConfigError
from resonaut.represent.settings import ImageSettings


def picture_images(pixels: np.ndarray, settings: ImageSettings, source: str) -> np.ndarray:
    """Images of pictures.

    Noise gives pixels below zero: they become -sqrt(-p) and -ln(1 - p), and the norm is that of |p|. For
    pictures without such pixels, all is as for jets. The channels of a picture share one norm, so that their
    ratios stay.

    Args:
        pixels: (n, n_channels, rows, columns).
        settings: `transform` and `normalise` are applied; `n_pixels` must be that of the pictures.
        source: their file, for the message.

    Returns:
        (n, rows, columns) float32, or (n, n_channels, rows, columns) where there is more than one channel. A
        picture of zeros stays one.

    Raises:
        ConfigError: the pictures have another number of pixels.
    """
    if pixels.shape[2:] != settings.shape:
        rows, columns = pixels.shape[2:]
        wanted = rows if rows == columns else f"[{rows}, {columns}]"
        raise ConfigError(
            f"represent.images.n_pixels: the pictures of {source} have {rows} rows and {columns} columns, "
            f"and {settings.shape[0]} and {settings.shape[1]} are set. Set 'n_pixels: {wanted}' in "
            "represent.images and in the taggers that read them, or cut the pictures before the ingestion."
        )
    size = np.abs(pixels)
    if settings.transform != "linear":
        size = np.sqrt(size) if settings.transform == "sqrt" else np.log1p(size)
        pixels = np.copysign(size, pixels)
    norm = _norm(size, settings.normalise)
    made = (pixels / np.where(norm > 0, norm, 1)[:, None, None, None]).astype(np.float32)
    return made[:, 0] if made.shape[1] == 1 else made


def _norm(size: np.ndarray, normalise: str) -> np.ndarray:
    """(n,) float64 norms of the (n, n_channels, rows, columns) sizes of pixels."""
    axes = (1, 2, 3)
    if normalise == "none":
        return np.ones(len(size))
    if normalise == "max":
        return size.max(axis=axes).astype(np.float64)
    if normalise == "sum":
        return size.sum(axis=axes, dtype=np.float64)
    return np.sqrt(np.square(size, dtype=np.float64).sum(axis=axes))
