"""Masses and random numbers of background templates, from hashes: the order of the events changes nothing."""

from __future__ import annotations

import numpy as np

from resonaut.scan import Window
from resonaut.seeds import mix64

_EDGE = 1e-6


def kernel_masses(mass: np.ndarray, window: Window, noise: np.ndarray, bandwidth: float) -> np.ndarray:
    """Masses from a kernel density estimate: a Gaussian around each mass, in the logit of its position.

    With u = (m - low) / (high - low), a sample is that m' with logit(u') = logit(u) + bandwidth * noise; it
    stays inside the window. Each event gives equally many, which has less variance than drawing events.

    Args:
        mass: (n,) GeV, inside the window.
        window: the signal region.
        noise: (n, k) standard normal.
        bandwidth: standard deviation of the kernel.

    Returns:
        (n, k) GeV.
    """
    width = window.high - window.low
    share = np.clip((mass - window.low) / width, _EDGE, 1 - _EDGE)
    logit = np.log(share) - np.log1p(-share)
    return window.low + width / (1 + np.exp(-(logit[:, None] + bandwidth * noise)))


def uniforms(split_hash: np.ndarray, n_columns: int, seed: int) -> np.ndarray:
    """Uniform numbers that depend on an event's hash and the seed alone.

    Args:
        split_hash: (n,) uint64.
        n_columns: numbers per event; the first ones do not depend on how many follow.
        seed: another seed gives unrelated numbers.

    Returns:
        (n, n_columns) float64, above 0 and below 1.
    """
    keys = mix64(split_hash ^ np.uint64(seed))[:, None]
    words = mix64(keys ^ mix64(np.arange(n_columns, dtype=np.uint64)))
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(split_hash: np.ndarray, n_columns: int, seed: int) -> np.ndarray:
    """Standard normal numbers of the same kind, (n, n_columns) float64."""
    from scipy.special import ndtri

    return ndtri(uniforms(split_hash, n_columns, seed))


def picked_masses(
    pool: np.ndarray, split_hash: np.ndarray, copies: int, window: Window, bandwidth: float, seed: int
) -> np.ndarray:
    """Masses of the kernel density estimate of `pool`, for events with masses elsewhere.

    Args:
        pool: (n_pool,) GeV, at least one, inside the window; their order does not matter.
        split_hash: (n,) uint64 of the events.
        copies: masses for each.
        window, bandwidth: see `kernel_masses`.
        seed: another seed picks others.

    Returns:
        (n, copies) GeV.
    """
    from scipy.special import ndtri

    numbers = uniforms(split_hash, 2 * copies, seed)
    chosen = (numbers[:, :copies] * len(pool)).astype(np.int64).clip(max=len(pool) - 1).ravel()
    noise = ndtri(numbers[:, copies:]).reshape(-1, 1)
    return kernel_masses(np.sort(pool)[chosen], window, noise, bandwidth).reshape(-1, copies)
