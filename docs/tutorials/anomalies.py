"""Toy events of a search in a falling spectrum: a point anomaly and a group anomaly.

The background has four features, independent of the mass and of each other: normal, of mean 0 and width 1.
Both anomalies are resonances at 3.5 TeV.

- point: its features lie where the background has next to no events, 5 widths from the mean. One such event
  is odd by itself.
- group: its features lie where the background is, as far from the mean as half of it, but closer together.
  No event of it is odd; there are too many of them at one mass.

    python docs/tutorials/anomalies.py --n-background 60000 --n-signal 300 --seed 1 --output anomalies.h5
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import numpy as np

LABELS = ("background", "point", "group")
FEATURES = ("first", "second", "third", "fourth")
MASS_RANGE = (2800.0, 5000.0)
SQRT_S = 13_000.0
SPECTRUM = (10.0, 5.0)
"""Powers of the spectrum of the mass m, (1 - x)^a / x^b with x = m / SQRT_S."""
RESONANCE = (3500.0, 60.0)
"""Mean and width of the resonance, GeV."""
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
CENTRES = {"point": 2.5 * SIGNS, "group": 0.87 * SIGNS}
WIDTH = 0.3
"""Of the features of the anomalies. The mean square radius of the group is 4 (0.87^2 + 0.3^2) = 3.39; the
background's is chi2 of 4 degrees of freedom, of median 3.36."""
_N_KNOTS = 4001


def masses(n_events: int, rng: np.random.Generator) -> np.ndarray:
    """Masses (n_events,) of the background, GeV, by the inverse of their distribution."""
    edges = np.linspace(*MASS_RANGE, _N_KNOTS)
    x = (edges[1:] + edges[:-1]) / 2 / SQRT_S
    below = np.concatenate([[0.0], np.cumsum((1 - x) ** SPECTRUM[0] / x ** SPECTRUM[1])])
    return np.interp(rng.random(n_events), below / below[-1], edges)


def events(label: str, n_events: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Masses (n_events,) in GeV and features (n_events, 4) of one of `LABELS`."""
    if label == "background":
        return masses(n_events, rng), rng.normal(size=(n_events, len(FEATURES)))
    features = rng.normal(CENTRES[label], WIDTH, (n_events, len(FEATURES)))
    return rng.normal(*RESONANCE, n_events), features


def write(path: str | Path, n_background: int, n_signal: int, seed: int) -> None:
    """Write columns `mass`, `first`, ..., `fourth` (float64) and `label` (uint8); one seed, one file."""
    rng = np.random.default_rng(seed)
    counts = {"background": n_background, "point": n_signal, "group": n_signal}
    mass, features = zip(*(events(label, n, rng) for label, n in counts.items()), strict=True)
    with h5py.File(path, "w") as file:
        file["events/mass"] = np.concatenate(mass)
        for name, column in zip(FEATURES, np.concatenate(features).T, strict=True):
            file[f"events/{name}"] = column
        file["events/label"] = np.repeat(np.arange(len(LABELS), dtype=np.uint8), list(counts.values()))


def main() -> None:
    """Write a file of events."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n-background", type=int, default=60_000, help="events of the background")
    parser.add_argument("--n-signal", type=int, default=300, help="events of each anomaly")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    arguments = parser.parse_args()
    write(arguments.output, arguments.n_background, arguments.n_signal, arguments.seed)


if __name__ == "__main__":
    main()
