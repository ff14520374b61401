"""From visible energy to counts of a converter, and back to energy with the MIP calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri

from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.settings import Digitisation
from resonaut.simulate.showers.spots import Hits
from resonaut.simulate.showers.tracks import mip_unit

NOISE_WINDOW = 100.0
"""Cells of noise alone have a time that is uniform in this, ns."""


def digitise(
    hits: Hits, calorimeter: Calorimeter, settings: Digitisation, rng: np.random.Generator
) -> tuple[Hits, np.ndarray]:
    """Add noise to all cells, convert, drop cells below the threshold, and calibrate.

    Args:
        hits: of a slice of showers.
        calorimeter: that they are in.
        settings: of the electronics.
        rng: random numbers.

    Returns:
        Hits with calibrated energies in MeV, (counts - pedestal) / counts_per_mip in units of the layer's
        MIP; and the counts, (n_hits,) int32, at most 2^bits - 1.
    """
    layer_of = _layers(calorimeter)
    unit = mip_unit(calorimeter)
    signal = hits.deposit / unit[layer_of(hits.cell)]
    signal = signal + settings.noise * rng.standard_normal(len(signal))
    alone = _noise(hits, calorimeter, settings, rng)
    owner = np.concatenate([hits.owner, alone[0]])
    cell = np.concatenate([hits.cell, alone[1]])
    signal = np.concatenate([signal, alone[2]])
    time = np.concatenate([hits.time, rng.uniform(0, NOISE_WINDOW, len(alone[0]))])
    kept = np.flatnonzero(signal >= settings.threshold)
    kept = kept[np.lexsort((cell[kept], owner[kept]))]
    counts = np.rint(settings.pedestal + settings.counts_per_mip * signal[kept])
    counts = np.clip(counts, 0, 2**settings.bits - 1).astype(np.int32)
    read = Hits(
        hits.n_showers,
        owner[kept],
        cell[kept],
        calibrated(counts, cell[kept], calorimeter, settings),
        time[kept],
    )
    positive = np.flatnonzero(read.deposit > 0)
    return read.select(positive), counts[positive]


def calibrated(
    counts: np.ndarray, cell: np.ndarray, calorimeter: Calorimeter, settings: Digitisation
) -> np.ndarray:
    """Energy of counts, (n,) MeV."""
    unit = mip_unit(calorimeter)[_layers(calorimeter)(cell)]
    return (counts - settings.pedestal) / settings.counts_per_mip * unit


def smear_times(hits: Hits, resolution: float, rng: np.random.Generator) -> Hits:
    """Hits with Gaussian errors on their times, ns."""
    return replace(hits, time=hits.time + resolution * rng.standard_normal(len(hits.time)))


def _layers(calorimeter: Calorimeter):
    """A function from cells to layers; layers of one calorimeter have equally many cells."""
    per_layer = calorimeter.n_cells // calorimeter.n_layers
    return lambda cell: cell // per_layer


def _noise(
    hits: Hits, calorimeter: Calorimeter, settings: Digitisation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shower, cell and signal (MIP) of empty cells whose noise exceeds the threshold.

    Only these are drawn: their number is Poisson, of the mean n_cells P(noise > threshold), their size is the
    tail of a Gaussian. Cells with a signal are left out, since their noise was added to it.
    """
    nothing = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    if settings.noise == 0:
        return nothing
    probability = ndtr(-settings.threshold / settings.noise)
    size = hits.n_showers * calorimeter.n_cells
    at = np.unique(rng.integers(0, size, rng.poisson(size * probability)))
    at = at[~np.isin(at, hits.owner * calorimeter.n_cells + hits.cell, assume_unique=True)]
    signal = -ndtri(probability * (1 - rng.random(len(at)))) * settings.noise
    return *np.divmod(at, calorimeter.n_cells), signal
