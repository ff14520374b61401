"""Toy radio galaxies of three morphologies as pictures: unresolved, FRI and FRII.

Fanaroff and Riley (1974, doi:10.1093/mnras/167.1.31P) divide radio galaxies by where they are bright: FRI
near the core, with jets that fade outwards; FRII at the far ends of two lobes, in hot spots. What the beam of
the telescope does not resolve has neither. The toys have these features and no other physics.

    python docs/tutorials/morphologies.py --per-class 200 --seed 1 --output morphologies.h5
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import numpy as np

CLASSES = ("unresolved", "fr1", "fr2")
N_PIXELS = 40
BEAM = 1.2
"""Width (standard deviation) of the beam, pixels."""
_N_BLOBS = 24
"""Gaussians that a jet is made of."""
_FRACTIONS = (np.arange(_N_BLOBS) + 0.5) / _N_BLOBS


def pictures(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures of sources of these classes.

    Each source has a random place, orientation, length, bend and ratio of its two sides, and a brightest
    pixel of 2 to 20 times the noise. It is a sum of Gaussians, so the convolution with the beam is exact:
    widths add in quadrature.

    Args:
        label: (n,) index into `CLASSES`.

    Returns:
        (n, N_PIXELS, N_PIXELS) float32, [row, column], in units of the noise of a pixel.
    """
    flux, x, y, width = _sources(label, rng)
    n = len(label)
    centre = (N_PIXELS - 1) / 2 + rng.normal(0, 0.7, (2, n, 1))
    pixel = np.arange(N_PIXELS)
    sigma = np.hypot(width, BEAM)[..., None]
    # A Gaussian is the product of its profiles along rows and along columns.
    rows = np.exp(-0.5 * ((pixel - (centre[0] + y)[..., None]) / sigma) ** 2)
    columns = np.exp(-0.5 * ((pixel - (centre[1] + x)[..., None]) / sigma) ** 2)
    image = np.einsum("nb,nbr,nbc->nrc", flux / sigma[..., 0] ** 2, rows, columns, optimize=True)
    peak = image.max(axis=(1, 2), keepdims=True)
    signal_to_noise = 2 * 10 ** rng.random((n, 1, 1))
    return (signal_to_noise * image / peak + rng.normal(0, 1, image.shape)).astype(np.float32)


def _sources(label: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Gaussians of each source, (n, n_blobs) each: flux, x, y and width before the beam, pixels.

    The first is the core, then come both jets from the core outwards, then the hot spots.
    """
    n, unresolved = len(label), (label == 0)[:, None]
    is_fr1 = (label == 1)[:, None]
    length = rng.uniform(7, 15, (n, 2))
    # Both jets are of one size to 20 %, and of one brightness to a factor of 2 or so.
    length[:, 1] = length[:, 0] * rng.uniform(0.8, 1.2, n)
    share = 1 / (1 + 2.0 ** rng.normal(0, 0.7, (n, 1)))
    sides = np.hstack([share, 1 - share])
    fraction = np.broadcast_to(_FRACTIONS, (n, _N_BLOBS))
    fading = np.exp(-fraction / rng.uniform(0.2, 0.45, (n, 1)))
    brightening = 0.15 + fraction ** rng.uniform(2, 4, (n, 1))
    profile = np.where(is_fr1, fading, brightening)
    jets = (sides[:, :, None] * (profile / profile.sum(axis=1, keepdims=True))[:, None]).reshape(n, -1)
    core = np.where(is_fr1, rng.uniform(0.1, 0.4, (n, 1)), rng.uniform(0.0, 0.1, (n, 1)))
    spots = np.where(is_fr1, 0.0, rng.uniform(0.4, 1.0, (n, 1))) * sides
    flux = np.where(unresolved, np.eye(1, 1 + jets.shape[1] + 2), np.hstack([core, jets, spots]))
    along = (length[:, :, None] * fraction[:, None] * [[1.0], [-1.0]]).reshape(n, -1)
    along = np.hstack([np.zeros((n, 1)), along, length * [1.0, -1.0]])
    # Jets bend as a parabola: both to one side, as if the galaxy moved through gas.
    across = rng.normal(0, 0.012, (n, 1)) * along**2
    angle = rng.uniform(0, 2 * np.pi, (n, 1))
    x, y = (np.cos(angle) * along - np.sin(angle) * across, np.sin(angle) * along + np.cos(angle) * across)
    # FRI jets widen outwards; lobes are as wide all along, hot spots are points.
    jet_width = np.where(is_fr1, 0.3 + 1.5 * fraction, rng.uniform(0.6, 1.4, (n, 1)))
    width = np.hstack([np.zeros((n, 1)), jet_width, jet_width, np.zeros((n, 2))])
    return flux, x, y, width


def write(path: str | Path, per_class: int, seed: int, chunk: int = 1000) -> None:
    """Write `images` (n, 40, 40) float32 and `labels` (n,) uint8, the classes in turn; one seed, one file."""
    rng = np.random.default_rng(seed)
    label = np.arange(per_class * len(CLASSES), dtype=np.uint8) % len(CLASSES)
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (len(label), N_PIXELS, N_PIXELS), np.float32)
        for start in range(0, len(label), chunk):
            images[start : start + chunk] = pictures(label[start : start + chunk], rng)
        file["labels"] = label
        file.attrs["classes"] = list(CLASSES)


def main() -> None:
    """Write a file of pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--per-class", type=int, default=200, help="pictures of each class")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    arguments = parser.parse_args()
    write(arguments.output, arguments.per_class, arguments.seed)


if __name__ == "__main__":
    main()
