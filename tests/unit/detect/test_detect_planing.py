"""Planing and DisCo: the weights, and the mass of what is selected where a feature follows the mass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import ks_2samp

from resonaut import registry
from resonaut.detect.interface import Context, Data
from resonaut.detect.weights import planing
from resonaut.scan import ScanSettings, Window
from resonaut.seeds import event_hash

WINDOW = Window(low=3300, high=3700)
SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [16],
    "training": {"epochs": 10, "batch_size": 256, "learning_rate": 5e-3, "device": "cpu"},
}


def spectrum(n: int) -> tuple[np.ndarray, np.ndarray]:
    mass = 2500 + np.random.default_rng(1).exponential(500, n)
    region = np.where((mass >= 3300) & (mass < 3700), 1, np.where((mass >= 2800) & (mass < 4200), 0, -1))
    return mass, region


def test_the_mass_is_flat_in_the_signal_region_and_in_the_side_bands() -> None:
    mass, region = spectrum(40_000)
    weight = planing(mass, region, WINDOW, 5)
    assert not weight[region < 0].any()
    for value, edges in ((1, np.linspace(3300, 3700, 6)), (0, [2800, 2900, 3000, 3100, 3200, 3300])):
        of_bin = np.histogram(mass, edges, weights=weight * (region == value))[0]
        np.testing.assert_allclose(of_bin, of_bin.mean(), rtol=0.03)
        assert weight[region == value].mean() == pytest.approx(1)
    # A GeV of the lower side band weighs as much as one of the upper, which has six times fewer events.
    low, high = ((region == 0) & (mass < 3300)), ((region == 0) & (mass > 3700))
    assert low.sum() > 5 * high.sum()
    assert weight[low].sum() == pytest.approx(weight[high].sum(), rel=0.02)
    assert np.average(mass[region == 0], weights=weight[region == 0]) == pytest.approx(3500, abs=3)


def test_a_narrow_side_band_weighs_as_much_per_gev_as_a_wide_one() -> None:
    mass, region = spectrum(40_000)
    region = np.where(mass < 3900, region, -1)
    weight = planing(mass, region, WINDOW, 5)
    low, high = ((region == 0) & (mass < 3300)), ((region == 0) & (mass > 3700))
    assert weight[low].sum() / 500 == pytest.approx(weight[high].sum() / 200, rel=0.02)


def test_one_event_or_one_mass_in_a_part_is_no_fault() -> None:
    weight = planing(np.array([3000.0, 3400, 3500, 4000, 4000]), np.array([0, 1, 1, 0, 0]), WINDOW, 10)
    np.testing.assert_allclose(weight, [1.5, 1, 1, 0.75, 0.75])
    assert not planing(np.array([2000.0]), np.array([-1]), WINDOW, 10).any()


def sculpting(change: dict) -> float:
    """KS distance between the masses of all events and of the tenth of highest score in each fold."""
    mass, _ = spectrum(30_000)
    mass = mass[(mass > 2800) & (mass < 4200)]
    random = np.random.default_rng(2)
    first = 0.4 * (mass - 3500) / 300 + random.normal(size=len(mass))
    scan = ScanSettings(mass_min=2800, mass_max=4200, windows=(WINDOW,), sideband_width=500)
    zero = np.zeros(len(mass), np.int64)
    data = Data(
        mass=mass,
        regions=scan.regions(mass),
        split_hash=event_hash("toy", zero, zero, np.arange(len(mass)), 1),
        features={"first": first, "second": random.normal(size=len(mass))},
    )
    context = Context(5, "toy", "data", scan.windows)
    scores = registry.build("detect", "cwola", {**SETTINGS, **change}).fit(data, context).score(data)
    passed = np.zeros(len(mass), bool)
    for number in range(3):
        own = np.flatnonzero(scores.fold == number)
        passed[own] = scores.score[0, own] >= np.quantile(scores.score[0, own], 0.9)
    return float(ks_2samp(mass[passed], mass).statistic)


def test_remedies_lessen_the_sculpting_of_a_feature_that_follows_the_mass() -> None:
    plain = sculpting({})
    planed = sculpting({"planing": True})
    disco = sculpting({"decorrelation": {"disco": 5.0}})
    print(f"KS distance of the selected mass: {plain:.3f}, planing {planed:.3f}, DisCo {disco:.3f}")
    assert plain > 0.25
    assert planed < 0.6 * plain
    assert disco < 0.4 * plain


def test_planing_sees_the_rows_of_its_task_only(toy, scan, context) -> None:
    """Weights of the events that train for fold 0 do not change with an event of fold 0."""
    from resonaut.detect.folds import folds
    from resonaut.detect.methods.cwola import Settings, tasks
    from resonaut.settings import validate

    data = toy(1500, 0).data(scan)
    settings = validate(Settings, {**SETTINGS, "planing": True})
    fold = folds(data, context, 3)
    moved = int(np.flatnonzero((fold == 0) & (data.regions[0] == 1))[0])
    mass = data.mass.copy()
    mass[moved] = 3250.0
    other = dataclasses.replace(data, mass=mass, regions=scan.regions(mass))
    before, after = (tasks(events, fold, settings, context) for events in (data, other))
    np.testing.assert_array_equal(before[0].weight, after[0].weight)
    assert (len(before[1].weight), before[1].weight[:9].tolist()) != (0, after[1].weight[:9].tolist())
