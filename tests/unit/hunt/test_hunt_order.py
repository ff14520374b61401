"""Background functions of a hunt: the chosen order, other families, and windows whose fit fails."""

from __future__ import annotations

import json
import logging

import h5py
import numpy as np
import pytest
from hunt_scores import SCAN, settings, toy, write

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.hunt.backgrounds import background_choice
from resonaut.hunt.fits import Choice, fit_backgrounds
from resonaut.hunt.settings import HuntSettings
from resonaut.hunt.spectra import hunt
from resonaut.scan import ScanSettings
from resonaut.settings import validate
from resonaut.stats import order, poisson
from resonaut.stats.transfer import transfer_terms, window_model
from resonaut.stats.windows import make_bins

EDGES = np.arange(2500.0, 5001.0, 100.0)
WINDOW = {"low": 3400.0, "high": 3800.0}


@pytest.fixture
def run(tmp_path):
    def run_(given, **arrays):
        scores = write(tmp_path / "scores.h5", **(toy() | arrays))
        hunt(given, scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
        with h5py.File(tmp_path / "spectra.h5") as file:
            found = {name: file[name][()] for name in file} | dict(file.attrs)
        return found, json.loads((tmp_path / "hunt.json").read_text())

    return run_


def functions(name, orders, **more):
    return {n: registry.build("stats", name, {"n_parameters": n, **more}) for n in orders}


def spectra(shapes, seed):
    """Counts (P, 1, 1, B), and as many failing events, from mean spectra (P, B)."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(shapes)[:, None, None, :]
    return counts, counts[:, 0, 0] + rng.poisson(4 * shapes)


def the_bins(sideband_width=600):
    scan = ScanSettings(mass_min=2500, mass_max=5000, windows=[WINDOW], sideband_width=sideband_width)
    return make_bins(scan, 100, "range")


def test_each_experiment_takes_its_own_order():
    straight = registry.build("stats", "exponential", {"n_parameters": 2})(EDGES)
    bent = registry.build("stats", "exponential", {"n_parameters": 3})(EDGES)
    # x is m / 13 TeV: exp(-m / 500 GeV), and one that bends down by a factor e^2 over the range.
    flat_shape = straight.expected(np.array([15.0, 26.0]))
    bent_shape = bent.expected(np.array([11.0, -13.0, 70.0]))
    shapes = np.stack([flat_shape, bent_shape] * 20)
    counts, total = spectra(shapes / shapes.sum(axis=1, keepdims=True) * 5000, seed=1)
    given = functions("exponential", (2, 3, 4))
    found = fit_backgrounds(Choice(given), the_bins(), (1.0,), counts, total, 0)
    orders = found.order[:, 0, 0]
    # 5 % of the tests of one order above find something, and as many of the two above.
    assert (orders[::2] == 2).sum() >= 15
    assert (orders[1::2] >= 3).all()
    for n, function in given.items():
        rows = np.flatnonzero(orders == n)
        if not len(rows):
            continue
        model = window_model(function, EDGES, the_bins().inside[0], the_bins().fitted[0], 0)
        alone = poisson.fit(
            model.sidebands, model.arrange(counts[rows, 0, 0], 0 * counts[rows, 0, 0])[:, :-1]
        )
        np.testing.assert_allclose(found.parameters[rows, 0, 0, :n], alone.parameters, rtol=1e-6, atol=1e-6)
        assert np.isnan(found.parameters[rows, 0, 0, n:]).all()
        np.testing.assert_allclose(found.deviance[rows, 0, 0], alone.deviance, rtol=1e-9)
        background = model.model.expected(alone.parameters)[:, -1]
        np.testing.assert_allclose(found.background[rows, 0, 0], background, rtol=1e-8)
        assert (found.degrees_of_freedom[rows, 0, 0] == 21 - n).all()


def test_the_order_is_chosen_with_the_ratio_in_place():
    shape = registry.build("stats", "dijet", {"n_parameters": 2})(EDGES).expected(np.array([9.0, 14.0]))
    counts, total = spectra(np.stack([shape] * 5), seed=3)
    given = functions("dijet", (2, 3, 4))
    found = fit_backgrounds(Choice(given), the_bins(), (0.2,), counts, total, 2)
    models = [
        window_model(f, EDGES, the_bins().inside[0], the_bins().fitted[0], transfer_terms(2, 0.2))
        for f in given.values()
    ]
    seen = models[0].arrange(counts[:, 0, 0], total - counts[:, 0, 0])[:, :-1]
    wanted = order.f_test([model.sidebands for model in models], seen)
    np.testing.assert_array_equal(found.order[:, 0, 0] + 2, wanted.chosen)
    assert np.isfinite(found.parameters[..., :4]).all()


def test_a_hunt_with_the_f_test_writes_the_order(run):
    found, summary = run(settings(n_parameters="f_test", orders=[2, 3, 4]))
    assert found["order"].shape == (1, 2, 2)
    assert set(found["order"].ravel()) <= {2, 3, 4}
    entry = summary["windows"][1]["selections"][1]
    assert entry["order"] == found["order"][0, 1, 1]
    assert sum(value is not None for value in entry["parameters"]) == entry["order"] + 2
    assert json.loads(found["background_settings"]) == {"n_parameters": 4, "sqrt_s": 13000.0}
    assert found["degrees_of_freedom"][0, 1, 1] == 20 - entry["order"] - 2
    fixed, summary = run(settings())
    assert "order" not in fixed
    assert summary["windows"][1]["selections"][1]["order"] is None


@pytest.mark.parametrize("name", registry.names("stats"))
@pytest.mark.parametrize("transfer", [0, 2])
def test_every_family_finds_the_background_of_a_window(run, name, transfer):
    found, _ = run(settings(background=name, transfer_parameters=transfer))
    assert found["converged"].all()
    error = np.sqrt(found["background"] + (found["background"] * found["background_log_error"]) ** 2)
    pull = (found["observed"] - found["background"]) / error
    # A straight line lies above an exponential: (0.7 TeV / 0.5 TeV)^2 / 6 with the signal region's width.
    assert (np.abs(pull[..., 1]) < 3.5).all() or name == "interpolation"
    if name == "interpolation":
        assert (found["background"][..., 0] > found["observed"][..., 0]).all()
    expected = found["expected"][0, 1]
    shown = found["inside"][1] | found["fitted"][1]
    assert np.isnan(expected[:, ~shown]).all()
    np.testing.assert_allclose(expected[:, found["inside"][1]].sum(axis=1), found["background"][0, 1])


def test_settings_of_a_family_reach_it(run):
    stiff, _ = run(settings(background="gaussian_process", background_settings={"length_slope": 2.0}))
    loose, _ = run(settings(background="gaussian_process", background_settings={"length_slope": 0.1}))
    assert loose["parameters"].shape[-1] > stiff["parameters"].shape[-1]
    assert (loose["background_log_error"] > stiff["background_log_error"]).all()
    assert json.loads(loose["background_settings"])["length_slope"] == 0.1


def test_one_failed_window_does_not_end_the_hunt(run, monkeypatch, caplog):
    fit, calls = poisson.fit, []

    def failing(*arguments, **more):
        result = fit(*arguments, **more)
        calls.append(1)
        if len(calls) == 2:
            result.converged[...] = False
        return result

    monkeypatch.setattr(poisson, "fit", failing)
    with caplog.at_level(logging.WARNING):
        found, summary = run(settings())
    assert found["converged"].tolist() == [[[True, False], [True, True]]]
    entry = summary["windows"][0]["selections"][1]
    assert not entry["converged"]
    for name in ("background", "background_error", "deviance", "goodness_of_fit", "degrees_of_freedom"):
        assert entry[name] is None
    assert entry["observed"] == found["observed"][0, 0, 1]
    assert summary["windows"][1]["selections"][1]["background"] > 0
    (message,) = [
        record.getMessage() for record in caplog.records if "did not converge" in record.msg % record.args
    ]
    n_events = found["counts"][0, 0, 1][found["fitted"][0]].sum()
    assert (
        "scan.windows[0] (3000-3400 GeV), hunt.efficiencies 0.1: the fit of hunt.background = dijet"
        in message
    )
    assert f"{n_events} events in 10 bins" in message
    assert "the other windows go on. Use fewer hunt.n_parameters" in message


@pytest.mark.parametrize(("n", "transfer"), [(4, 0), (4, 2)])
def test_side_bands_that_leave_the_window_open_are_flagged(n, transfer):
    """All selected events in the first bin: any steep fall describes them."""
    counts, total = spectra(np.full((3, 25), 200.0), seed=4)
    counts[1] = 0
    counts[1, ..., 0] = 4
    found = fit_backgrounds(Choice(functions("dijet", (n,))), the_bins(), (0.1,), counts, total, transfer)
    assert found.converged[:, 0, 0].tolist() == [True, False, True]
    assert np.isnan(found.background[1, 0, 0])
    assert np.isnan(found.background_log_error[1, 0, 0])
    assert found.background[[0, 2], 0, 0] == pytest.approx(800, rel=0.1)


def test_no_experiments_give_empty_arrays():
    counts, total = np.zeros((0, 1, 1, 25), np.int64), np.zeros((0, 25), np.int64)
    for orders in ((3,), (2, 3)):
        found = fit_backgrounds(Choice(functions("dijet", orders)), the_bins(), (0.1,), counts, total, 2)
        assert found.background.shape == (0, 1, 1)
        assert found.parameters.shape == (0, 1, 1, orders[-1] + 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"n_parameters": "ftest"},
            "hunt.n_parameters: a whole number from 1 to 8, or 'f_test', is expected",
        ),
        ({"n_parameters": 7}, "hunt: n_parameters: .* less than or equal to 6. Got 7. .background: dijet"),
        ({"n_parameters": True}, "hunt.n_parameters: a whole number"),
        ({"orders": [4, 3]}, "hunt.orders: numbers that rise are expected, got 4, 3"),
        ({"n_parameters": "f_test", "background": "interpolation"}, "interpolation has no orders to choose"),
        ({"background_settings": {"sqrt_s": 1e4}}, "background_settings.sqrt_s: give hunt.sqrt_s itself"),
        (
            {"background": "gaussian_process", "background_settings": {"lenght_slope": 1}},
            "background_settings.lenght_slope: unknown key. Did you mean 'length_slope'",
        ),
        (
            {"background": "gaussian_process", "background_settings": {"length_slope": 0}},
            "length_slope and length_offset are both 0",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(given, words):
    with pytest.raises(ConfigError, match=words):
        validate(HuntSettings, given, "hunt")


def test_side_bands_with_fewer_bins_than_parameters_are_named():
    scan = ScanSettings(**{**SCAN, "sideband_width": 100})
    bins = make_bins(scan, 100, "sidebands")
    words = (
        r"scan.windows\[0\] .3000-3400 GeV.: the sidebands beside it are 2 bins of hunt.bin_width = 100 GeV"
    )
    with pytest.raises(ConfigError, match=words + ".*has 3 parameters.*Widen scan.sideband_width"):
        background_choice(HuntSettings(n_parameters=3), scan, bins)
    # Of several orders those stay that the side bands have bins for.
    assert list(background_choice(HuntSettings(n_parameters="f_test"), scan, bins).functions) == [2]


def test_a_window_without_side_bands_is_named():
    with pytest.raises(ConfigError, match="window 2500-2900 leaves no side band inside 2500-5000"):
        validate(ScanSettings, {**SCAN, "windows": [{"low": 2500, "high": 2900}]}, "scan")
