"""Histograms of features: of all events and of the selected ones, in signal regions and side bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import manifest, mixtures
from resonaut.errors import ConfigError, InputError, nearest
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.store import open_h5

N_BINS = 40
_TAIL = 0.1
"""Per cent of the events below the first and above the last edge."""
_NOT_FEATURES = ("mass", "label", "run", "lumi", "event", "gen_weight")
Histograms = dict[str, dict[str, Any]]


def read_manifests(paths: Mapping[str, Path], mixture: Mixture) -> dict[str, Manifest]:
    """Features manifests of the mixture's datasets.

    Raises:
        ConfigError: a dataset of the mixture has none.
        InputError: one is of another kind or of another dataset.
    """
    found = {}
    for name in mixture.datasets:
        if name not in paths:
            raise ConfigError(
                f"--features: mixture '{mixture.name}' holds events of '{name}'; give {name}=MANIFEST too. "
                f"{nearest(name, paths)}"
            )
        found[name] = manifest.read(paths[name], "features")
        if found[name].dataset != name:
            raise InputError(
                f"{paths[name]}: the manifest of dataset '{found[name].dataset}', '{name}' is expected."
            )
    return found


def feature_names(manifests: Mapping[str, Manifest], used: Sequence[str]) -> list[str]:
    """Features of the detector, or all of the files where it has none (one that learns from images).

    Raises:
        InputError: the files lack a feature of the detector.
    """
    first = next(iter(manifests.values()))
    path = first.chunks[int(np.argmax(first.n_events))]
    with open_h5(path) as file:
        known = sorted(name for name, item in file["events"].items() if isinstance(item, h5py.Dataset))
    for name in used:
        if name not in known:
            raise InputError(f"{path}: no feature '{name}', which the detector used. {nearest(name, known)}")
    return list(used) or [name for name in known if name not in _NOT_FEATURES and not name.startswith("gen_")]


def column(
    name: str, manifests: Mapping[str, Manifest], mixture: Mixture, shift: float, mass: np.ndarray
) -> np.ndarray:
    """One feature of all events (n,), with the multiple of the mass that the detector added."""
    values = mixtures.gather(mixture, manifests, [f"events/{name}"])[f"events/{name}"].astype(float)
    return values + shift * mass


def bin_edges(values: np.ndarray) -> np.ndarray:
    """At most `N_BINS` equal bins that hold all values but the tails; one bin around a constant."""
    low, high = np.percentile(values[np.isfinite(values)], [_TAIL, 100 - _TAIL])
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    return np.linspace(low, high, N_BINS + 1)


def bin_numbers(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bin of each event, (n,); what lies outside goes to the end bins, NaN to none (-1)."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isfinite(values), place, -1)


def histograms(
    place: np.ndarray, n_bins: int, region: np.ndarray, selected: np.ndarray, blind: bool
) -> Histograms:
    """Histograms of one feature in one window.

    Args:
        place: (n,) of `bin_numbers`.
        n_bins: bins.
        region: (n,) 1 signal region, 0 side band, -1 neither.
        selected: (E, n) boolean.
        blind: say nothing of the signal region.

    Returns:
        {signal_region, side_bands: {all, selected}} as `hunt.evaluate` describes them.
    """
    found: Histograms = {}
    for name, value in (("signal_region", 1), ("side_bands", 0)):
        rows = np.flatnonzero((region == value) & (place >= 0))
        if value == 1 and blind:
            found[name] = None
            continue
        own = place[rows]
        found[name] = {
            "all": np.bincount(own, minlength=n_bins).tolist(),
            "selected": [np.bincount(own[part[rows]], minlength=n_bins).tolist() for part in selected],
        }
    return found
