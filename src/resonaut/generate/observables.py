"""One number per jet image, by which generated jets are compared with real ones."""

from __future__ import annotations

import numpy as np

BATCH = 4096


def observables(images: np.ndarray, half_width: float) -> dict[str, np.ndarray]:
    """Observables of images, with r the position of a pixel and z its share of the image's sum.

    `mass_over_pt` is sqrt(sum over pairs i < j of z_i z_j |r_i - r_j|^2), the mass of massless particles at
    small angles in units of their pt; `girth` is sum z |r| (arXiv:1012.2077).

    Args:
        images: (n, P, P), not negative, the axis of the jet in the centre.
        half_width: the image covers -half_width to half_width.

    Returns:
        (n,) float64 each: `mass_over_pt`, `girth`, `active_pixels`, `leading_pixel_fraction`.
    """
    n_pixels = images.shape[-1]
    centre = (np.arange(n_pixels) + 0.5) * (2 * half_width / n_pixels) - half_width
    x, y = (axis.ravel() for axis in np.meshgrid(centre, centre, indexing="ij"))
    moments = np.stack([x, y, x**2 + y**2, np.hypot(x, y)], axis=1)
    parts = [_of_batch(images[i : i + BATCH], moments) for i in range(0, len(images), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_batch(images: np.ndarray, moments: np.ndarray) -> dict[str, np.ndarray]:
    z = images.reshape(len(images), -1).astype(np.float64)
    z /= np.maximum(z.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    mean_x, mean_y, mean_square, girth = (z @ moments).T
    # The sum over pairs equals the variance of r under z: no loop over pairs is needed.
    variance = mean_square - mean_x**2 - mean_y**2
    return {
        "mass_over_pt": np.sqrt(np.maximum(variance, 0.0)),
        "girth": girth,
        "active_pixels": (z > 0).sum(axis=1).astype(np.float64),
        "leading_pixel_fraction": z.max(axis=1),
    }
