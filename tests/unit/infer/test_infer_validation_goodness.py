"""Goodness of the fit to the side bands: uniform where the background is right, at many events and at few."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from scipy.stats import chi2, kstest
from test_infer_significance import WINDOWS, spectra

from resonaut.infer import spectra as spectra_file
from resonaut.infer.validation import run
from resonaut.infer.validation_goodness import goodness, sideband_counts
from resonaut.seeds import generator
from resonaut.stats import poisson


def null(path, mean, transfer=0, n=200):
    """Goodness of experiments with `mean` selected events in each of 21 bins, and 60 failing ones.

    A dijet function of two parameters is flat where the second is 0.
    """
    background = {"background_settings": json.dumps({"n_parameters": 2}), "transfer_parameters": transfer}
    found = spectra_file.read(spectra(path, n_experiments=n, **background))
    random = np.random.default_rng(5)
    counts = random.poisson(mean, found.counts.shape)
    total = counts[:, 0, 1] + random.poisson(60, found.total.shape)
    found = replace(found, counts=counts, total=total, fitted=~found.inside)
    [test] = found.tests(0, 1)
    seen = sideband_counts(found, 0, 1, test)
    assert seen.shape == (n, 42 if transfer else 21)
    sidebands = test.window.sidebands
    results = [goodness(sidebands, row, 120, generator(1, "null", str(i))) for i, row in enumerate(seen)]
    assert all(result["n_failed"] == 0 for result in results)
    return (np.array([result[name] for result in results]) for name in ("p", "p_chi2", "ks_p"))


def distance(values):
    """Of the distribution of (200,) values from a uniform one; 0.115 is exceeded in 1 % of cases."""
    return kstest(values, "uniform").statistic


def test_chi_squared_is_right_at_many_events(tmp_path):
    p, p_chi2, ks_p = null(tmp_path / "s.h5", 60)
    assert max(map(distance, (p, p_chi2, ks_p))) < 0.115
    # Equal but for what 120 toys leave: 0.03 on average.
    assert np.abs(p - p_chi2).mean() < 0.035
    assert abs((p - p_chi2).mean()) < 0.02


@pytest.mark.parametrize(("transfer", "least"), [(0, 0.2), (2, 0.15)])
def test_toys_are_right_at_few_events_and_chi_squared_is_not(tmp_path, transfer, least):
    """With a transfer the many events that fail are fitted too, and half of the bins have few."""
    p, p_chi2, ks_p = null(tmp_path / "s.h5", 1.5, transfer)
    assert max(distance(p), distance(ks_p)) < 0.115
    assert distance(p_chi2) > least
    assert p_chi2.mean() < 0.42
    assert p.mean() == pytest.approx(0.5, abs=3.5 * (1 / 12 / 200) ** 0.5)


@pytest.fixture
def validated(tmp_path):
    def run_(change=None, n_toys=200, **options):
        path = spectra(tmp_path / "spectra.h5", **options)
        if change is not None:
            with h5py.File(path, "a") as file:
                change(file)
        settings = {"infer": {"validation": {"n_toys": n_toys, "strengths": [0], "families": []}}, "seed": 1}
        run(settings, path, tmp_path / "validation.json")
        return json.loads((tmp_path / "validation.json").read_text())["windows"]

    return run_


def overwrite(file, name, values):
    del file[name]
    file[name] = values


def test_the_numbers_are_those_of_the_fit_to_the_side_bands(validated, tmp_path):
    entries = validated(windows=WINDOWS, n_toys=100)
    assert len(entries) == 4
    for entry in entries:
        found, [truth] = entry["goodness"], entry["truths"]
        assert found["deviance"] == truth["deviance"]
        assert found["degrees_of_freedom"] == truth["degrees_of_freedom"]
        assert found["p_chi2"] == pytest.approx(truth["goodness_of_fit"], rel=1e-9)
        assert found["p_chi2"] == pytest.approx(chi2.sf(found["deviance"], found["degrees_of_freedom"]))
        assert found["n_toys"] + found["n_failed"] == 100
        assert found["error"] == pytest.approx((found["p"] * (1 - found["p"]) / found["n_toys"]) ** 0.5)
    # Seeds are names: the second window alone has the same numbers.
    assert validated(windows=WINDOWS[1:], n_toys=100)[0]["goodness"] == entries[2]["goodness"]


def test_a_bump_in_the_side_bands_is_seen(validated):
    def bump(file):
        for name in ("counts", "total"):
            values = file[name][:]
            values[..., 9] += 150
            overwrite(file, name, values)

    plain, bumped = validated()[0]["goodness"], validated(bump)[0]["goodness"]
    assert plain["p"] > 0.02
    assert bumped["p"] == 1 / 201


def test_events_of_the_signal_region_do_not_matter(validated):
    def shout(file):
        inside = file["inside"][0]
        for name in ("counts", "total"):
            values = file[name][:]
            values[..., inside] += 500
            overwrite(file, name, values)

    assert [e["goodness"] for e in validated(shout)] == [e["goodness"] for e in validated()]


def close(file):
    """Blind spectra: parameters of the side bands, and -1 in bins of any signal region."""
    found = spectra_file.read(file.filename)
    parameters = np.full((1, len(found.windows), 2, 5), np.nan)
    for at in np.ndindex(len(found.windows), 2):
        [test] = found.tests(*at)
        fitted = poisson.fit(test.window.sidebands, test.counts[:, :-1]).parameters[0]
        parameters[(0, *at)][: len(fitted)] = fitted
    file["parameters"] = parameters
    for name in ("counts", "total"):
        values = file[name][:]
        values[..., file["inside"][:].any(0)] = -1
        overwrite(file, name, values)
    file.attrs["blind"] = True


def test_a_blind_search_has_the_goodness_of_what_is_open(validated):
    opened, blind = validated(), validated(close)
    assert [entry["goodness"] for entry in blind] == [entry["goodness"] for entry in opened]
    assert blind[0]["goodness"]["n_toys"] == 200
    assert blind[0]["truths"][0]["deviance"] is None
    # 3000-3400 GeV is closed, and a side band of 3600-4000 GeV; and the other way round.
    assert [entry["goodness"] for entry in validated(close, windows=WINDOWS)] == [None] * 4


def test_a_fit_without_freedom_or_events_has_no_goodness(validated, tmp_path):
    found = spectra_file.read(spectra(tmp_path / "s.h5", transfer_parameters=0))
    [test] = found.tests(0, 0)
    sidebands, random = test.window.sidebands, np.random.default_rng(1)
    assert goodness(sidebands, np.zeros(sidebands.n_bins), 10, random) is None
    three = sidebands.regrouped(np.eye(sidebands.n_bins)[:3])
    assert goodness(three, np.array([30.0, 20.0, 10.0]), 10, random) is None
