"""Conformal counts of a hunt: right nulls for scores that follow the mass, and blind ones closed."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hunt_scores import settings, toy, write
from scipy.stats import norm

from resonaut.errors import ConfigError
from resonaut.hunt.conformal import ConformalCounts, ConformalSettings
from resonaut.hunt.conformal_calibration import Sample, calibrate
from resonaut.hunt.settings import HuntSettings
from resonaut.hunt.spectra import hunt
from resonaut.settings import validate
from resonaut.stats.conformal import BetaNull, count_test

LEVELS = np.array([0.1, 0.02])
N_TOYS = 60


def events(rng, *, drift=0.0, bend=0.0, n=8000, n_folds=4):
    """A falling spectrum around a window of 3300-3700 GeV and a normal score whose mean follows the mass."""
    mass = 2800 + rng.exponential(450, n)
    mass = mass[mass < 4200]
    scaled = (mass - 3500) / 450
    score = rng.normal(drift * scaled + bend * (1 - scaled**2))
    region = np.where((mass >= 3300) & (mass < 3700), 1, 0)
    return score, mass, rng.integers(0, n_folds, len(mass)), region


def z_of(variant, mass_terms=2, n_toys=N_TOYS, **options):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(n_toys):
        sample = Sample.of(*events(rng, **options), (3300.0, 3700.0))
        result = calibrate(sample, variant, LEVELS, mass_terms)
        counts = (result.p_values[:, None] <= LEVELS).sum(0)
        null = BetaNull.of_moments(result.mean, result.variance)
        found.append(count_test(counts, len(result.p_values), null).z_signed)
    return np.array(found)


def is_normal(z):
    """Mean 0 and spread 1 within four standard errors."""
    assert (np.abs(z.mean(0)) < 4 / np.sqrt(len(z)) + 0.1).all()
    assert (np.abs(z.std(0) - 1) < 4 / np.sqrt(2 * len(z))).all()


@pytest.mark.parametrize("n_folds", [1, 4])
def test_split_counts_are_calibrated_where_the_score_ignores_the_mass(n_folds):
    is_normal(z_of("split", n_folds=n_folds))


def test_a_score_that_follows_the_mass_fakes_an_excess_that_weights_and_categories_remove():
    assert z_of("split", drift=0.3, n_toys=10).mean(0)[0] > 3
    for variant in ("weighted", "mondrian"):
        is_normal(z_of(variant, mass_terms=1, drift=0.3))


def test_a_bend_needs_two_terms_of_the_mass():
    for variant in ("split", "weighted", "mondrian"):
        assert z_of(variant, mass_terms=1, bend=0.2, n_toys=10).mean(0)[0] > 2
    is_normal(z_of("weighted", mass_terms=2, bend=0.2))


def test_the_variance_is_the_spread_of_the_background_that_a_level_keeps():
    """The threshold at the centre of the window keeps 1 - Phi(threshold) of the background there."""
    rng = np.random.default_rng(2)
    kept, errors = [], []
    for _ in range(150):
        score, mass, _, region = events(rng, n=4000)
        probe = np.linspace(0.5, 2.5, 401)
        given = np.concatenate([score[region == 0], probe])
        where = np.concatenate([mass[region == 0], np.full(401, 3500.0)])
        kind = np.concatenate([np.zeros((region == 0).sum(), int), np.ones(401, int)])
        sample = Sample.of(given, where, np.zeros(len(given), int), kind, (3300.0, 3700.0))
        result = calibrate(sample, "weighted", LEVELS)
        first = probe[np.argmax(result.p_values <= LEVELS[0])]
        kept.append(norm.sf(first))
        errors.append(np.sqrt(result.variance[0]))
    assert np.std(kept) == pytest.approx(np.mean(errors), rel=0.25)
    assert np.mean(kept) == pytest.approx(0.1, rel=0.03)


def test_folds_are_ranked_by_themselves():
    """Scores of another fold are shifted by 100; p-values and null stay as they are."""
    score, mass, fold, region = events(np.random.default_rng(3))
    window = (3300.0, 3700.0)
    for variant in ("split", "weighted", "mondrian"):
        one = calibrate(Sample.of(score, mass, fold, region, window), variant, LEVELS)
        other = calibrate(Sample.of(score + 100 * fold, mass, fold, region, window), variant, LEVELS)
        np.testing.assert_allclose(one.p_values, other.p_values, rtol=1e-12)
        np.testing.assert_allclose(one.variance, other.variance, rtol=1e-9)


def conformal_of(path):
    with h5py.File(path) as file:
        group = file["conformal"]
        return {name: group[name][()] for name in group} | dict(group.attrs)


@pytest.fixture
def run(tmp_path):
    def run_(labelled=True, data=None, **more):
        scores = write(tmp_path / "scores.h5", **(data or toy(n_experiments=2)), labelled=labelled)
        hunt(settings(conformal={}, **more), scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
        return conformal_of(tmp_path / "spectra.h5")

    return run_


def test_a_hunt_writes_counts_and_nulls(run):
    data = toy(n_experiments=2)
    found = run(data=data)
    assert json.loads(found["variants"]) == ["split", "weighted", "mondrian"]
    assert found["mass_terms"] == 2
    assert found["counts"].shape == found["alpha"].shape == (2, 2, 3, 2)
    mass = data["mass"]
    inside = [((mass >= low) & (mass < low + 400)).sum(1) for low in (3000, 3400)]
    np.testing.assert_array_equal(found["events"], np.transpose(inside))
    # An efficiency of 1 keeps everything; one of 0.1 a tenth, within five standard deviations.
    np.testing.assert_array_equal(found["counts"][..., 0], np.repeat(found["events"][..., None], 3, axis=2))
    z = count_test(found["counts"], found["events"][..., None, None], BetaNull(found["alpha"], found["beta"]))
    assert (np.abs(z.z_signed) < 4).all()
    assert (np.abs(found["counts"][..., 1] / found["events"][..., None] - 0.1) < 0.06).all()


def test_split_counts_by_hand(run):
    data = toy()
    found = run(data=data)
    mass, fold, score = data["mass"][0], data["fold"][0], data["score"][0, 0]
    inside = (mass >= 3000) & (mass < 3400)
    side = (mass >= 2500) & (mass < 3900) & ~inside
    count = 0
    for number in range(3):
        known = score[side & (fold == number)]
        p = [(1 + (known >= value).sum()) / (1 + len(known)) for value in score[inside & (fold == number)]]
        count += (np.array(p) <= 0.1).sum()
    assert found["counts"][0, 0, 0, 1] == count


def test_a_blind_hunt_shows_the_null_and_nothing_else(run):
    blind, opened = run(labelled=False), run(labelled=False, unblind=True)
    assert (blind["counts"] == -1).all()
    assert (blind["events"] == -1).all()
    assert (opened["counts"] >= 0).all()
    for name in ("alpha", "beta"):
        np.testing.assert_array_equal(blind[name], opened[name])


def test_without_the_key_there_is_no_group(tmp_path):
    scores = write(tmp_path / "scores.h5", **toy())
    hunt(settings(), scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
    with h5py.File(tmp_path / "spectra.h5") as file:
        assert "conformal" not in file


def test_side_bands_with_few_events_leave_only_ranks():
    score, mass, fold, region = events(np.random.default_rng(4))
    few = np.flatnonzero(mass > 3700)[40:]
    kept = np.delete(np.arange(len(mass)), few)
    sample = Sample.of(score[kept], mass[kept], fold[kept], region[kept], (3300.0, 3700.0))
    assert not sample.complete
    counts = ConformalCounts((1, 1, 2), ConformalSettings())
    counts.record((0, 0), sample, (0.1, 0.02))
    assert (counts.counts[0, 0, 0] >= 0).all()
    assert (counts.counts[0, 0, 1:] == -1).all()
    assert np.isnan(counts.alpha[0, 0, 1:]).all()


def test_wrong_settings_are_named():
    with pytest.raises(ConfigError, match="twice"):
        validate(HuntSettings, {"conformal": {"variants": ["split", "split"]}})
    with pytest.raises(ConfigError, match=r"conformal\.variants"):
        validate(HuntSettings, {"conformal": {"variants": ["splitt"]}})
