"""Profiles, spectra, correlations and mean images of calorimeter showers, real beside generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from resonaut.generate.evaluation.distances import correlation
from resonaut.generate.evaluation.histograms import SAMPLES
from resonaut.generate.evaluation.numbers import rounded
from resonaut.generate.evaluation.separation import separation
from resonaut.shower_observables import (
    OBSERVABLES,
    layer_energies,
    layer_hits,
    mean_image,
    observables,
    radial_profile,
)
from resonaut.showers import Showers

_SLICE = 2000
N_SPECTRUM_BINS = 50
_N_RINGS = 15


def slices(showers: Showers) -> Iterator[Showers]:
    """The showers, some thousand at a time."""
    for start in range(0, len(showers), _SLICE):
        yield showers.select(np.arange(start, min(start + _SLICE, len(showers))))


def observed(showers: Showers) -> dict[str, np.ndarray]:
    """Observables of each shower, (n,) each; see `resonaut.shower_observables`."""
    parts = [observables(part) for part in slices(showers)]
    return {name: np.concatenate([part[name] for part in parts]) for name in OBSERVABLES}


def layers(showers: Showers) -> np.ndarray:
    """(n, n_layers) energy of each layer, GeV."""
    return np.concatenate([layer_energies(part) for part in slices(showers)])


def cell_spectrum(showers: Showers, edges: np.ndarray) -> np.ndarray:
    """(n, n_bins) number of hits by energy; those below or above the edges count in the first or last bin."""
    bins = np.clip(np.searchsorted(edges, showers.energy, side="right") - 1, 0, len(edges) - 2)
    place = showers.owner() * (len(edges) - 1) + bins
    return np.bincount(place, minlength=len(showers) * (len(edges) - 1)).reshape(len(showers), -1)


def spectrum_edges(showers: Showers) -> np.ndarray:
    """Logarithmic bins of cell energy that hold all but a few of the hits, GeV."""
    energy = showers.energy[showers.energy > 0]
    low, high = np.quantile(energy, [1e-4, 1 - 1e-5]) if len(energy) else (1e-4, 1.0)
    return np.geomspace(low, max(high, 2 * low), N_SPECTRUM_BINS + 1)


def ring_edges(showers: Showers) -> np.ndarray:
    """Edges of rings around the axis: one cell wide, or those of the layers of a cylindrical geometry."""
    if showers.geometry["kind"] == "cartesian":
        _, n_rows, n_columns = showers.geometry["shape"]
        step = max(1, round(max(n_rows, n_columns) / 2 / _N_RINGS))
        return np.arange(0, max(n_rows, n_columns) / 2 + step, step, dtype=float)
    edges = max((layer["r_edges"] for layer in showers.geometry["layers"]), key=len)
    return np.asarray(edges, float)


def _mean(per_shower: np.ndarray) -> dict[str, list[float]]:
    """Mean of each bin over showers, and its error."""
    mean = per_shower.mean(0, dtype=np.float64)
    error = per_shower.std(0, dtype=np.float64) / np.sqrt(len(per_shower))
    return {"mean": rounded(mean), "error": rounded(error)}


def profile(
    title: str, x: tuple[str, str], y: tuple[str, str], edges: np.ndarray, of: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Mean contents of bins, with errors from the scatter of the showers.

    Args:
        title: of the profile.
        x, y: words and unit of the axes.
        edges: (n_bins + 1,).
        of: for each of `SAMPLES` (n, n_bins).

    Returns:
        title; x, y (title, unit); edges; real, other, generated: mean and error of each bin; separation:
        value and floor of the mean profiles, normalised.
    """
    mean = {name: values.mean(0, dtype=np.float64) for name, values in of.items()}
    return {
        "title": title,
        "x": {"title": x[0], "unit": x[1]},
        "y": {"title": y[0], "unit": y[1]},
        "edges": rounded(edges, 8),
        **{name: _mean(of[name]) for name in SAMPLES},
        "separation": {
            "value": float(separation(mean["generated"], mean["real"])),
            "floor": float(separation(mean["other"], mean["real"])),
        },
    }


def profiles(showers: Mapping[str, Showers]) -> dict[str, dict[str, Any]]:
    """Cell energies, energy and hits per layer, and energy in rings; see `profile`.

    Args:
        showers: of each of `SAMPLES`.
    """
    spectrum, rings = spectrum_edges(showers["real"]), ring_edges(showers["real"])
    unit = "cells" if showers["real"].geometry["kind"] == "cartesian" else "mm"
    makers = {
        "cell_energy": lambda part: cell_spectrum(part, spectrum),
        "longitudinal": layer_energies,
        "hits_per_layer": layer_hits,
        "radial": lambda part: radial_profile(part, rings),
    }
    found = {
        name: {
            key: np.concatenate([make(part) for part in slices(showers[key])]).astype(np.float32)
            for key in SAMPLES
        }
        for name, make in makers.items()
    }
    in_layers = np.arange(found["longitudinal"]["real"].shape[1] + 1) - 0.5
    energy, hits = ("Mean energy per shower", "GeV"), ("Mean hits per shower", "")
    words = {
        "cell_energy": ("Cell energy", ("Cell energy", "GeV"), hits, spectrum),
        "longitudinal": ("Longitudinal profile", ("Layer", ""), energy, in_layers),
        "hits_per_layer": ("Hits per layer", ("Layer", ""), hits, in_layers),
        "radial": ("Radial profile", ("Distance from the axis", unit), energy, rings),
    }
    return {name: profile(*words[name], found[name]) for name in makers}


def correlations(of: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Linear correlations of observables, and how far those of generated showers are off.

    Args:
        of: for each of `SAMPLES` observables (n,).

    Returns:
        names; real, generated (d, d); largest, rms: of the differences off the diagonal, each with its floor.
    """
    names = list(of["real"])
    matrix = {key: correlation(np.stack([of[key][name] for name in names], axis=1)) for key in SAMPLES}
    off = ~np.eye(len(names), dtype=bool)
    difference = {key: np.abs(matrix[key] - matrix["real"])[off] for key in ("generated", "other")}
    return {
        "names": names,
        **{key: rounded(matrix[key], 4) for key in ("real", "generated")},
        "largest": {"value": difference["generated"].max(), "floor": difference["other"].max()},
        "rms": {
            key: float(np.sqrt((difference[name] ** 2).mean()))
            for key, name in (("value", "generated"), ("floor", "other"))
        },
    }


def images(showers: Mapping[str, Showers]) -> dict[str, Any] | None:
    """Mean showers from the side (layer, row) and from the front (row, column), GeV; None if cylindrical."""
    if showers["real"].geometry["kind"] != "cartesian":
        return None
    views = {"side": ((0, 1), ["Layer", "Row"]), "front": ((1, 2), ["Row", "Column"])}
    return {
        name: {
            "axes": words,
            **{key: rounded(mean_image(showers[key], axes), 5) for key in ("real", "generated")},
        }
        for name, (axes, words) in views.items()
    }
