"""Toys: a falling spectrum with a bump whose events look different, as arrays and as files."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
from resonaut.detect.interface import Context, Data, Sample
from resonaut.scan import ScanSettings
from resonaut.seeds import event_hash

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3300, "high": 3700}, {"low": 3800, "high": 4200}],
}
FEATURES = ("first", "second")


@pytest.fixture
def scan() -> ScanSettings:
    return ScanSettings.model_validate(SCAN)


@pytest.fixture
def context(scan: ScanSettings) -> Context:
    return Context(5, "toy", "data", scan.windows)


class Toy:
    """`n_background` events of a falling spectrum with features N(0, 1), images of one bright pixel row;
    `n_signal` events at 3.5 TeV with features N(2, 0.3) and images of another row."""

    def __init__(self, n_background: int, n_signal: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        n = n_background + n_signal
        self.truth = np.arange(n) >= n_background
        self.mass = 2500 + generator.exponential(700.0, n)
        self.mass[self.truth] = generator.normal(3500, 80, n_signal)
        self.features = generator.normal(size=(n, 2))
        self.features[self.truth] = generator.normal(2.0, 0.3, (n_signal, 2))
        self.images = np.zeros((n, 2, 6, 6), np.float32)
        row = np.where(self.truth, 4, 1)
        self.images[np.arange(n), :, row] = generator.dirichlet(np.ones(6), (n, 2))
        self.constituents = constituents(generator, self.truth)
        self.event = np.arange(n)

    def _columns(self, scan: ScanSettings, rows: np.ndarray) -> dict:
        zero = np.zeros(len(rows), np.int64)
        return {
            "mass": self.mass[rows],
            "regions": scan.regions(self.mass[rows]),
            "split_hash": event_hash("toy", zero, zero, self.event[rows], 1),
            "features": dict(zip(FEATURES, self.features[rows].T.copy(), strict=True)),
            "images": self.images[rows],
            "constituents": self.constituents[rows],
        }

    def data(self, scan: ScanSettings) -> Data:
        """The events as a mixture."""
        return Data(**self._columns(scan, np.arange(len(self.mass))))

    def sampled(self, scan: ScanSettings) -> Data:
        """Half of the events as a mixture, with the truth; all of them as the datasets qcd and wprime."""
        held = self.event % 2 != 0
        samples = {}
        for name, label in (("qcd", False), ("wprime", True)):
            rows = np.flatnonzero(self.truth == label)
            samples[name] = Sample(**self._columns(scan, rows), in_mixture=held[rows], label=name)
        rows = np.flatnonzero(held)
        return Data(**self._columns(scan, rows), is_signal=self.truth[rows], samples=samples)


def constituents(generator: np.random.Generator, truth: np.ndarray) -> np.ndarray:
    """Two jets of 8 constituents, pt first; one prong for background, two for signal."""
    n = len(truth)
    pt = -np.sort(-600 * generator.dirichlet(np.ones(8), (n, 2)), axis=2)
    angles = generator.normal(0, 0.1, (n, 2, 8, 2))
    angles[..., 0] += np.where(truth[:, None, None], np.where(np.arange(8) % 2, 0.5, -0.5), 0)
    return np.concatenate([pt[..., None], angles], axis=3).astype(np.float32)


@pytest.fixture
def toy() -> type[Toy]:
    return Toy


def write_files(folder: Path, toy: Toy) -> tuple[Path, dict[str, Path], dict[str, Path]]:
    """Mixture, features manifests and images manifests of datasets qcd and wprime (two chunks and one)."""
    paths: dict[str, dict[str, Path]] = {"features": {}, "images": {}}
    for name, label in (("qcd", 0), ("wprime", 1)):
        rows = np.flatnonzero(toy.truth == bool(label))
        for kind in paths:
            chunks = []
            for number, part in enumerate(np.array_split(rows, 2 - label)):
                chunks.append(folder / kind / name / f"{number}.h5")
                chunks[-1].parent.mkdir(parents=True, exist_ok=True)
                with h5py.File(chunks[-1], "w") as file:
                    attributes = {"kind": kind, "dataset": name, "label": name, "cut_flow": json.dumps({})}
                    counts = {
                        "n_events": len(part),
                        "n_generated": len(part),
                        "sum_weights": float(len(part)),
                    }
                    file.attrs.update({**attributes, **counts})
                    file["events/run"] = file["events/lumi"] = np.zeros(len(part), np.int64)
                    file["events/event"] = toy.event[part]
                    file["events/mass"] = toy.mass[part]
                    if kind == "images":
                        file["images"] = toy.images[part]
                    else:
                        for column, feature in enumerate(FEATURES):
                            file[f"events/{feature}"] = toy.features[part, column]
            paths[kind][name] = folder / kind / f"{name}.json"
            manifest.write(paths[kind][name], chunks)
    manifests = {name: manifest.read(path, "features") for name, path in paths["features"].items()}
    drawn = mixtures.draw("data", manifests, {"qcd": "all", "wprime": "all"}, 1, 0)
    mixtures.write(folder / "mixture.h5", drawn, {})
    return folder / "mixture.h5", paths["features"], paths["images"]


@pytest.fixture
def files():
    return write_files
