"""Scores that follow the mass are flattened: the selected background then follows the mass spectrum."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hunt_scores import SCAN, settings, toy, write
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from resonaut.errors import BadValueError, EmptyWindowError
from resonaut.hunt.flattening import FlattenSettings, flattened
from resonaut.hunt.selection import passing, thresholds
from resonaut.hunt.spectra import hunt
from resonaut.scan import ScanSettings

EFFICIENCY = 0.05
ONE = ScanSettings(mass_min=2500, mass_max=5000, windows=[{"low": 3200, "high": 3600}], sideband_width=400)


def background(n, slope, seed=1, spread=0.0):
    """Masses of an exponential spectrum and Gaussian scores whose mean, or width, follows the mass."""
    rng = np.random.default_rng(seed)
    mass = 2800 + rng.exponential(500, 3 * n)
    mass = mass[mass < 4000][:n]
    fold = rng.integers(0, 2, len(mass)).astype(np.int8)
    # Folds have scores of scales of their own.
    score = (1 + fold) * ((1 + spread * (mass - 3400) / 600) * rng.normal(size=len(mass)))
    return mass, fold, (score + slope * (1 + fold) * (mass - 3400) / 600).astype(np.float32)


def flatten(mass, fold, score, **options):
    region = ONE.regions(mass)[0]
    return flattened(score, mass, fold, region, 3400.0, FlattenSettings(**options), "scan.windows[0]")


def selected(score, mass, fold):
    region = ONE.regions(mass)[0]
    return passing(score, fold, thresholds(score, fold, region == 0, EFFICIENCY, 2))


def kolmogorov_smirnov(mass, chosen):
    from scipy.stats import ks_2samp

    return ks_2samp(mass[chosen], mass)


@pytest.mark.parametrize(("slope", "spread"), [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.3)])
def test_a_flattened_score_does_not_sculpt(slope, spread):
    """A mean, or a width, that follows the mass sculpts the selected spectrum; its quantile does not."""
    mass, fold, score = background(40_000, slope, spread=spread)
    before = selected(score, mass, fold)
    after = selected(flatten(mass, fold, score), mass, fold)
    assert kolmogorov_smirnov(mass, before).pvalue < 1e-12
    assert kolmogorov_smirnov(mass, after).statistic < 0.15 * kolmogorov_smirnov(mass, before).statistic
    assert kolmogorov_smirnov(mass, after).pvalue > 0.05
    inside = (mass >= 3200) & (mass < 3600)
    expected = EFFICIENCY * inside.sum()
    assert abs((after & inside).sum() - expected) < 3 * np.sqrt(expected)


def test_a_score_that_does_not_follow_the_mass_keeps_its_order():
    """Of the same events nearly the same are selected: the cost is the noise of the side bands."""
    mass, fold, score = background(40_000, 0.0)
    before, after = selected(score, mass, fold), selected(flatten(mass, fold, score), mass, fold)
    assert (before & after).sum() > 0.9 * before.sum()
    for number in range(2):
        here = np.flatnonzero(fold == number)
        chosen = here[np.abs(mass[here] - 3400) < 0.5]
        order = np.argsort(score[chosen])
        assert (np.diff(flatten(mass, fold, score)[chosen][order]) > -0.02).all()


def test_nothing_is_learnt_from_the_signal_region():
    mass, fold, score = background(5000, 0.5)
    inside = (mass >= 3200) & (mass < 3600)
    changed = np.where(inside, score + 3, score)
    one, other = flatten(mass, fold, score), flatten(mass, fold, changed)
    np.testing.assert_array_equal(one[~inside], other[~inside])
    assert (other[inside] > one[inside]).mean() > 0.99


def test_folds_do_not_meet_and_padding_is_nothing():
    mass, fold, score = background(5000, 0.5)
    whole = flatten(mass, fold, score)
    changed = np.where(fold == 1, score - 7, score)
    np.testing.assert_array_equal(flatten(mass, fold, changed)[fold == 0], whole[fold == 0])
    padded = flatten(np.append(mass, np.nan), np.append(fold, -1), np.append(score, np.nan))
    np.testing.assert_array_equal(padded, np.append(whole, np.nan))


def test_within_a_narrow_bin_it_is_the_survival_function():
    """All masses nearly equal: the exponential of minus the flattened score is the rank, up to the tail."""
    rng = np.random.default_rng(2)
    mass = np.where(np.arange(20_000) < 10_000, 3199.999, 3600.001) + 1e-4 * rng.random(20_000)
    score = np.append(rng.permutation(10_000), rng.permutation(10_000)).astype(np.float32)
    found = np.exp(-flatten(mass, np.zeros(20_000, np.int8), score))
    np.testing.assert_allclose(found, 1 - score / 10_000, atol=3e-3)


@effort(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3), st.sampled_from([1, 2]))
def test_it_never_falls_with_the_score(seed, slope, n_bins):
    mass, fold, score = background(8000, slope, seed)
    mass, fold, score = (np.append(part, np.zeros(200, part.dtype)) for part in (mass, fold, score))
    mass[-200:], score[-200:] = np.repeat([2900, 3300, 3500, 3900], 50), np.tile(np.linspace(-9, 9, 50), 4)
    region = ONE.regions(mass)[0]
    region[-200:] = -1
    found = flattened(score, mass, fold, region, 3400.0, FlattenSettings(n_bins=n_bins), "")[-200:]
    assert (np.diff(found.reshape(4, 50)) >= 0).all()
    assert found.min() == 0


def test_location_and_scale_that_are_linear_in_the_mass_are_undone():
    """Exponential scores: -ln P is (s - location) / scale, at masses where no event was used too."""
    rng = np.random.default_rng(3)
    mass = np.repeat([3000.0, 3800.0], 100_000)
    score = np.where(mass < 3400, 1.0, 3.0) + np.where(mass < 3400, 1.0, 2.0) * rng.exponential(size=200_000)
    at = np.array([3400.0, 3200.0, 2900.0, 3400.0, 3400.0])
    level = np.array([3.0, 1.0, 2.0, 0.0, 12.0])
    seen = (1 + (at - 3000) / 400) + (1 + (at - 3000) / 800) * level
    mass, score = np.append(mass, at), np.append(score, seen)
    found = flatten(mass, np.zeros(len(mass), np.int8), score)[-5:]
    np.testing.assert_allclose(found[:4], level[:4], rtol=0.02, atol=0.02)
    assert found[4] == pytest.approx(level[4], rel=0.06)


def test_equal_scores_are_equal_after_it():
    mass, fold, _ = background(6000, 0.0)
    found = flatten(mass, fold, np.ones(6000, np.float32))
    assert [len(np.unique(found[fold == number])) for number in range(2)] == [1, 1]


def test_few_events_and_infinite_scores_are_refused():
    mass, fold, score = background(600, 0.5)
    with pytest.raises(
        EmptyWindowError, match=r"windows\[0\], fold 0: .* 4 bins of at least 200 .*needs 800"
    ):
        flatten(mass, fold, score, n_bins=4)
    mass, fold, score = background(3000, 0.5)
    score[5] = np.inf
    with pytest.raises(BadValueError, match=r"hunt\.flatten needs finite scores, 1 are infinite"):
        flatten(mass, fold, score)


def test_a_hunt_with_it_finds_the_same_fraction_everywhere(tmp_path):
    """Scores that rise with the mass: selected spectra follow the spectrum, and thresholds are quantiles."""
    data = toy(n_events=20_000, n_windows=2)
    data["score"] += 0.4 * (data["mass"][:, None] / 1000 - 2.5).astype(np.float32)
    scores = write(tmp_path / "scores.h5", **data)
    fractions = []
    for flatten_ in (None, {"n_bins": 1}):
        given_ = settings(flatten=flatten_, efficiencies=[0.1])
        hunt(given_, scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
        with h5py.File(tmp_path / "spectra.h5") as file:
            counts, total = file["counts"][0, 0, 0], file["total"][0]
            fitted, cuts = file["fitted"][0], file["thresholds"][0, 0, 0]
        low = np.arange(SCAN["mass_min"], SCAN["mass_max"], 100)
        parts = [
            counts[side].sum() / total[side].sum() for side in (fitted & (low < 3000), fitted & (low >= 3400))
        ]
        fractions.append(parts[1] / parts[0])
    assert fractions[0] > 5
    assert fractions[1] == pytest.approx(1, abs=0.15)
    np.testing.assert_allclose(np.exp(-cuts), 0.1, rtol=0.1)
