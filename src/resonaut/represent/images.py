"""Jet images (arXiv:1407.5675): centre, rotate, flip, pixelate, normalise.

images        (n_events, n_jets, n_pixels, n_pixels) float32, [row, column]: the row counts up along the
              vertical (phi, or the principal axis after rotation), the column along the horizontal
events/run, lumi, event, gen_weight, label, mass      (n_events,)
"""

from __future__ import annotations

import os

import numpy as np

from resonaut import ragged
from resonaut.kinematics import delta_phi
from resonaut.represent.common import Leading, RowWriter, represent
from resonaut.represent.settings import ImageSettings, RepresentSettings

# Jets at a time: their constituents stay in a processor's cache.
_BLOCK = 512
# Images that are compressed together.
_CHUNK_EVENTS = 64


def write_images(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the images of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
    """

    def rows(writer: RowWriter, leading: Leading) -> None:
        constituents = leading.constituents
        made = jet_images(
            constituents["pt"], constituents["eta"], constituents["phi"], leading.offsets, settings.images
        )
        n_pixels = settings.images.n_pixels
        writer.append(
            {"images": made.reshape(len(leading), leading.n_jets, n_pixels, n_pixels)}, _CHUNK_EVENTS
        )

    return represent("images", source, output, settings, rows)


def jet_images(
    pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray, settings: ImageSettings
) -> np.ndarray:
    """Images of jets.

    Args:
        pt, eta, phi: (n_constituents,) GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet.
        settings: pixels, range and the steps of the preprocessing.

    Returns:
        (n_jets, n_pixels, n_pixels) float32: fractions of pt that sum to 1, or GeV. What falls outside
        is lost; a jet with nothing inside is all zeros.
    """
    n_jets = len(offsets) - 1
    made = np.zeros((n_jets, settings.n_pixels, settings.n_pixels), np.float32)
    for start in range(0, n_jets, _BLOCK):
        part = offsets[start : start + _BLOCK + 1]
        inside = slice(part[0], part[-1])
        _fill(made[start : start + _BLOCK], pt[inside], eta[inside], phi[inside], part - part[0], settings)
    return made


def aligned(
    pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray, rotate: bool, flip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of constituents in the frame of their jet.

    The pt-weighted centroid is the origin; with `rotate`, the principal axis (largest pt-weighted second
    moment) is vertical; with `flip`, the larger sum of pt is above and to the right.

    Returns:
        Horizontal and vertical coordinates (n_constituents,) in float64.
    """
    jet_of = ragged.row_of(offsets)
    weight = pt.astype(np.float64)
    total = ragged.sums(weight, offsets)
    weight /= np.where(total > 0, total, 1.0)[jet_of]

    def centred(values: np.ndarray) -> np.ndarray:
        return values - ragged.sums(weight * values, offsets)[jet_of]

    # phi is made continuous around the hardest direction of the jet before a mean is taken.
    first = np.minimum(offsets[:-1], max(len(phi) - 1, 0))
    reference = phi[first][jet_of].astype(np.float64) if len(phi) else phi
    x, y = centred(eta.astype(np.float64)), centred(delta_phi(phi.astype(np.float64), reference))
    if rotate:
        xx, yy, xy = (ragged.sums(weight * product, offsets) for product in (x * x, y * y, x * y))
        # Angle of the principal axis against the vertical.
        angle = 0.5 * np.arctan2(2 * xy, yy - xx)
        cos, sin = np.cos(angle)[jet_of], np.sin(angle)[jet_of]
        x, y = cos * x - sin * y, sin * x + cos * y
    if flip:
        for values in (x, y):
            values *= np.where(ragged.sums(weight * np.sign(values), offsets) < 0, -1.0, 1.0)[jet_of]
    return x, y


def _fill(
    out: np.ndarray,
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    offsets: np.ndarray,
    settings: ImageSettings,
) -> None:
    """Write the images of a block of jets into `out` (n_jets, n_pixels, n_pixels)."""
    n_pixels, half = settings.n_pixels, settings.half_width
    x, y = aligned(pt, eta, phi, offsets, settings.rotate, settings.flip)
    scale = n_pixels / (2 * half)
    horizontal, vertical = (x + half) * scale, (y + half) * scale
    column, row = horizontal.astype(np.int64), vertical.astype(np.int64)
    inside = (horizontal >= 0) & (column < n_pixels) & (vertical >= 0) & (row < n_pixels)
    jet_of = ragged.row_of(offsets)
    weight = pt.astype(np.float64)
    if settings.normalise:
        total = ragged.sums(np.where(inside, weight, 0.0), offsets)
        weight /= np.where(total > 0, total, 1.0)[jet_of]
    pixel = (jet_of * n_pixels + row) * n_pixels + column
    np.add.at(out.reshape(-1), pixel[inside], weight[inside].astype(np.float32))
