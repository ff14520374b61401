"""The toys of the tutorial on anomalies: what makes one a point anomaly and the other a group anomaly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
from scipy import stats

from resonaut.config import load


@pytest.fixture(scope="module")
def toys(root: Path) -> ModuleType:
    """The generator, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("anomalies", root / "docs/tutorials/anomalies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_spectrum_is_the_function_it_says(toys: ModuleType) -> None:
    mass = toys.masses(50_000, np.random.default_rng(1))
    fine = np.linspace(*toys.MASS_RANGE, 100_001)
    density = (1 - fine / 13_000) ** 10 / (fine / 13_000) ** 5
    below = np.cumsum(density) / density.sum()
    assert stats.kstest(mass, lambda values: np.interp(values, fine, below)).pvalue > 0.01
    assert toys.MASS_RANGE[0] <= mass.min() < mass.max() <= toys.MASS_RANGE[1]


def test_features_of_the_background_know_nothing_of_the_mass(toys: ModuleType) -> None:
    mass, features = toys.events("background", 50_000, np.random.default_rng(2))
    correlations = np.corrcoef(np.column_stack([mass, features]).T) - np.eye(5)
    assert np.abs(correlations).max() < 5 / 50_000**0.5
    assert features.std(axis=0) == pytest.approx(np.ones(4), abs=0.02)


def test_one_event_of_the_point_anomaly_is_odd_and_one_of_the_group_is_not(toys: ModuleType) -> None:
    """By the square of the distance from the mean, which orders the background's density."""
    rng = np.random.default_rng(3)
    found = {name: (toys.events(name, 20_000, rng)[1] ** 2).sum(axis=1) for name in toys.LABELS}
    tail = stats.chi2(4).sf
    assert np.median(tail(found["point"])) < 1e-4
    assert np.median(tail(found["group"])) == pytest.approx(0.5, abs=0.02)
    odder = stats.mannwhitneyu(found["group"], found["background"]).statistic / 20_000**2
    assert odder == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["point", "group"])
def test_a_perfect_classifier_finds_either(toys: ModuleType, name: str) -> None:
    """Signal over background by their densities; 10,000 background events in the signal region, 25 kept."""
    rng = np.random.default_rng(4)
    ratio = {}
    for label in ("background", name):
        features = toys.events(label, 10_000, rng)[1]
        nearer = ((features - toys.CENTRES[name]) ** 2).sum(axis=1) / toys.WIDTH**2
        ratio[label] = (features**2).sum(axis=1) - nearer
    cut = np.sort(ratio["background"])[-25]
    assert (ratio[name] >= cut).mean() / (25 / 10_000) ** 0.5 > {"point": 19.5, "group": 8}[name]


def test_a_seed_is_a_file(toys: ModuleType, tmp_path: Path) -> None:
    for path, seed in (("a", 1), ("b", 1), ("c", 2)):
        toys.write(tmp_path / path, 500, 20, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    with h5py.File(tmp_path / "a") as file:
        label, mass = file["events/label"][:], file["events/mass"][:]
        assert np.bincount(label).tolist() == [500, 20, 20]
        assert sorted(file["events"]) == sorted(["mass", "label", *toys.FEATURES])
    # The resonance: 40 events of width 60 GeV.
    assert mass[label > 0].mean() == pytest.approx(3500, abs=5 * 60 / 40**0.5)


def test_the_study_searches_both_anomalies_with_the_same_methods(toys: ModuleType, root: Path) -> None:
    study = load(root / "config/anomalies.yaml")
    assert study.scan.mass_min == toys.MASS_RANGE[0]
    assert study.scan.mass_max == toys.MASS_RANGE[1]
    for name in toys.LABELS:
        assert study.datasets[name].label == name
        assert study.datasets[name].settings.options["label_names"] == list(toys.LABELS)
    assert set(study.mixtures) == {"point", "group"}
    assert study.mixtures["point"].methods == study.mixtures["group"].methods
    assert set(study.mixtures["point"].methods) == set(study.detect)
    for name in ("cwola", "anode", "cathode", "density", "isolation_forest"):
        assert study.detect[name].features == toys.FEATURES
