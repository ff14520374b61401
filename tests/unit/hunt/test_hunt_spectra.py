"""Selected spectra and background fits, from files of scores to files of spectra."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hunt_scores import WINDOWS, settings, toy, write

from resonaut import cli
from resonaut.errors import (
    BadValueError,
    ConfigError,
    CorruptFileError,
    EmptyFileError,
    EmptyWindowError,
    InputError,
    MissingBranchError,
    MissingFileError,
)
from resonaut.hunt.spectra import hunt


@pytest.fixture
def run(tmp_path):
    def run_(given=None, **arrays):
        data = toy() | arrays
        scores = write(tmp_path / "scores.h5", **data)
        hunt(given or settings(), scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
        with h5py.File(tmp_path / "spectra.h5") as file:
            found = {name: file[name][()] for name in file} | dict(file.attrs)
        return found, json.loads((tmp_path / "hunt.json").read_text())

    return run_


def test_spectra_hold_the_selected_events(run):
    data = toy()
    found, summary = run()
    mass = data["mass"][0]
    edges = found["edges"]
    inside = (mass >= 2500) & (mass < 5000)
    histogram = np.histogram(mass[inside], edges)[0]
    np.testing.assert_array_equal(found["total"][0], histogram)
    np.testing.assert_array_equal(found["counts"][0, 0, 0], histogram)
    for window in range(2):
        chosen = found["selected"][0, window, 1]
        np.testing.assert_array_equal(
            found["counts"][0, window, 1], np.histogram(mass[chosen & inside], edges)[0]
        )
        side = (mass >= WINDOWS[window]["low"] - 500) & (mass < WINDOWS[window]["high"] + 500)
        signal_region = (mass >= WINDOWS[window]["low"]) & (mass < WINDOWS[window]["high"])
        side &= ~signal_region
        assert found["sideband_selected"][0, window, 1] == (chosen & side).sum() == round(0.1 * side.sum())
        assert found["observed"][0, window, 1] == (chosen & signal_region).sum()
        entry = summary["windows"][window]["selections"][1]
        assert entry["sideband_efficiency"] == pytest.approx(0.1, abs=1e-3)
        assert entry["observed"] == found["observed"][0, window, 1]
        assert entry["background_error"] == pytest.approx(
            entry["background"] * found["background_log_error"][0, window, 1]
        )
    assert summary["windows"][0]["selections"][0]["thresholds"] == [None] * 3
    assert summary["provenance"]["settings"] == settings()


def test_backgrounds_are_fitted_beside_the_window_and_right_within_it(run):
    found, _ = run()
    pull = (found["observed"] - found["background"]) / np.sqrt(
        found["background"] + (found["background"] * found["background_log_error"]) ** 2
    )
    assert (np.abs(pull) < 3.5).all()
    for window in range(2):
        inside, fitted = found["inside"][window], found["fitted"][window]
        expected = found["expected"][0, window]
        assert np.isnan(expected[:, ~(inside | fitted)]).all()
        np.testing.assert_allclose(expected[:, inside].sum(axis=1), found["background"][0, window])
        # The constants of the fits make sums over the fitted bins equal.
        np.testing.assert_allclose(
            expected[:, fitted].sum(axis=1), found["counts"][0, window][:, fitted].sum(axis=1), rtol=1e-6
        )
    assert found["degrees_of_freedom"].tolist() == [[[7, 15], [7, 15]]]
    assert ((found["goodness_of_fit"] > 1e-4) & (found["goodness_of_fit"] <= 1)).all()
    assert np.isnan(found["parameters"][0, :, 0, 3:]).all()
    assert np.isfinite(found["parameters"][0, :, 1]).all()


def test_events_of_the_window_do_not_move_its_background(run):
    data = toy()
    before, _ = run()
    inside = (data["mass"] >= 3400) & (data["mass"] < 3800)
    # All events of the window become signal-like: only its own count changes.
    data["score"][:, 1][inside] = 2.0
    after, _ = run(**data)
    assert after["observed"][0, 1, 1] == inside.sum()
    assert after["background"][0, 1, 1] == pytest.approx(before["background"][0, 1, 1], rel=1e-9)


def test_pseudo_experiments_are_independent_and_padding_is_nothing(run):
    one, two = toy(1), toy(2, n_events=5000)
    pad = 1000
    both = {
        "mass": np.concatenate(
            [one["mass"], np.pad(two["mass"], ((0, 0), (0, pad)), constant_values=np.nan)]
        ),
        "fold": np.concatenate([one["fold"], np.pad(two["fold"], ((0, 0), (0, pad)), constant_values=-1)]),
        "score": np.concatenate(
            [one["score"], np.pad(two["score"], ((0, 0), (0, 0), (0, pad)), constant_values=np.nan)]
        ),
    }
    together, summary = run(**both)
    assert summary["n_pseudo_experiments"] == 2
    assert not together["selected"][1, ..., 5000:].any()
    for index, data in enumerate((one, two)):
        alone, _ = run(**data)
        for name in ("counts", "total", "observed", "thresholds", "sideband_selected", "sideband_events"):
            np.testing.assert_array_equal(together[name][index], alone[name][0])
        for name in ("background", "background_log_error", "deviance"):
            np.testing.assert_allclose(together[name][index], alone[name][0], rtol=1e-6)


def test_a_failing_fit_of_one_pseudo_experiment_is_flagged(run, monkeypatch):
    from resonaut.stats import poisson

    fit = poisson.fit

    def failing(*arguments, **more):
        result = fit(*arguments, **more)
        result.converged[0] = False
        return result

    monkeypatch.setattr(poisson, "fit", failing)
    found, summary = run(**toy(n_experiments=2))
    assert not found["converged"][0].any()
    assert found["converged"][1].all()
    assert np.isnan(found["background"][0]).all()
    assert summary["windows"][0]["selections"][0]["background"] is None
    from resonaut.errors import FitError

    with pytest.raises(FitError, match=r"scan.windows\[0\] .3000-3400 GeV., hunt.efficiencies 1: the fit"):
        run()


def test_two_runs_give_the_same_bytes(run, tmp_path):
    run()
    first = {name: (tmp_path / name).read_bytes() for name in ("spectra.h5", "hunt.json")}
    run()
    assert first == {name: (tmp_path / name).read_bytes() for name in first}


def test_the_command_line(tmp_path):
    scores = write(tmp_path / "scores.h5", **toy())
    arguments = ["hunt", "spectra", "--settings", json.dumps(settings()), "--scores", str(scores)]
    arguments += ["--output", str(tmp_path / "o/spectra.h5"), "--summary", str(tmp_path / "o/hunt.json")]
    assert cli.main(arguments) == 0
    assert json.loads((tmp_path / "o/hunt.json").read_text())["method"] == "cwola"


def changed(name, index, value):
    data = toy()
    data[name][index] = value
    return data


@pytest.mark.parametrize(
    ("given", "arrays", "error", "words"),
    [
        (settings(bin_width=150), {}, ConfigError, "hunt.bin_width: bins of 150 GeV"),
        (settings(bin_width=250), {}, ConfigError, r"scan.windows\[0\].high: 3400 GeV is not an edge"),
        (settings(bin_widht=100), {}, ConfigError, "hunt.bin_widht: unknown key. Did you mean 'bin_width'"),
        (settings(background="dijets"), {}, ConfigError, "unknown stats method 'dijets'.*'dijet'"),
        (settings(sqrt_s=4000), {}, ConfigError, "hunt.sqrt_s: .* 4000 GeV"),
        (
            settings(efficiencies=[0.001]),
            {},
            EmptyWindowError,
            r"windows\[0\].*efficiencies 0.001: 4 of 4\d{3}",
        ),
        (None, {"score": np.ones((1, 2, 6000))}, EmptyWindowError, "0 of .* few distinct values"),
        (
            settings(efficiencies=[0.6]),
            {"score": np.ones((1, 2, 6000))},
            EmptyWindowError,
            r"windows\[0\].*efficiencies 0.6: (\d+) of \1 .* because all their scores are 1, 10 .*are needed",
        ),
        (None, {"mass": np.full((1, 6000), 3600.0)}, EmptyWindowError, "no event of .* lies in the window"),
        (
            None,
            {"mass": np.linspace(2500, 2999, 6000)[None]},
            EmptyWindowError,
            r"windows\[0\].*: no event .* lies in the window; its 6000 masses are 2500 to 2999 GeV",
        ),
        (
            None,
            {"mass": np.full((1, 6000), 3200.0)},
            EmptyWindowError,
            "lies in the side bands of the window",
        ),
        (None, changed("mass", (0, 17), -5.0), BadValueError, "events/mass is -5.0 for event 17"),
        (None, changed("mass", (0, 17), np.nan), BadValueError, "events/mass is nan for event 17"),
        (None, changed("score", (0, 1, 3), np.nan), BadValueError, r"score\[0, 1\] is nan for event 3"),
        (None, {"kind": "features"}, InputError, "kind 'scores' is expected, got 'features'"),
        (None, {"windows": WINDOWS[::-1]}, InputError, "Run `detect` again"),
        (None, {"score": np.ones((1, 3, 6000))}, InputError, "score has shape"),
        (None, {"score": np.ones((1, 6000))}, InputError, "3 axes are expected"),
        (None, toy(n_events=0), EmptyFileError, "no events"),
    ],
)
def test_bad_input_is_one_clear_message_and_no_output(run, tmp_path, given, arrays, error, words):
    with pytest.raises(error, match=words):
        run(given, **arrays)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.h5"]


def test_broken_files_are_named(tmp_path):
    path = tmp_path / "scores.h5"
    with pytest.raises(MissingFileError, match=r"scores.h5: no such file"):
        hunt(settings(), path, tmp_path / "o.h5", tmp_path / "o.json")
    write(path, **toy())
    with h5py.File(path, "a") as file:
        del file["events/fold"]
    with pytest.raises(MissingBranchError, match="no dataset 'events/fold'"):
        hunt(settings(), path, tmp_path / "o.h5", tmp_path / "o.json")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CorruptFileError, match=r"scores.h5: not a readable HDF5 file"):
        hunt(settings(), path, tmp_path / "o.h5", tmp_path / "o.json")
