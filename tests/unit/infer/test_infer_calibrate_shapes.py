"""Pseudo-experiments are tested with the likelihood that `infer test` tests the data with."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.stats import norm
from test_infer_significance import EDGES, WINDOWS, spectra, without_pyhf  # noqa: F401
from test_infer_templates import features

from resonaut.cli import main
from resonaut.errors import ConfigError, MismatchError
from resonaut.infer import spectra as spectra_file
from resonaut.infer.calibrate import calibrate, write_round
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.calibration_tests import local_p_values
from resonaut.infer.settings import InferSettings
from resonaut.infer.significance import infer
from resonaut.stats.profile import ProfileLikelihood

GAUSSIAN = {"signal": {"shape": "gaussian"}}
UNCERTAIN = {"luminosity": 0.02, "acceptance": 0.1, "spurious_signal": 3.0}
MEASURED = {**GAUSSIAN, "envelope": ["exponential"], "uncertainties": {"spurious_signal": "measured"}}
N = 4


def slice_of(**infer_):
    return {"mixture": "data", "name": "null", "stop": None, "inject": {}, "infer": infer_}


def with_orders(path):
    """Backgrounds of 3 and of 4 parameters, and one that none was found for."""
    order = np.full((N, len(WINDOWS), 2), 3)
    order[1::2] = 4
    order[2, 0, 1] = -1
    with h5py.File(path, "a") as file:
        file["order"] = order
    return path


def only(path, source, row):
    """A file of one pseudo-experiment of another."""
    with h5py.File(source) as file, h5py.File(path, "w") as copy:
        for name in file:
            copy[name] = file[name][row : row + 1] if name in ("counts", "total") else file[name][:]
        copy.attrs.update(file.attrs)
    return path


@pytest.fixture
def files(tmp_path):
    data = only(tmp_path / "data.h5", spectra(tmp_path / "pseudo.h5", N, windows=WINDOWS, blind=False), 0)
    return data, tmp_path / "pseudo.h5"


def z_of_test(path, given, folder, signal=None):
    """z of all pseudo-experiments (P, W * E) by `infer test`; NaN where it has none."""
    settings = {"infer": {**given, "toys": {"below": 0}}, "seed": 1}
    infer(settings, path, folder / "significance.json", folder / "workspaces", signal)
    result = json.loads((folder / "significance.json").read_text())
    each = [result["windows"], *result.get("pseudo_experiments", [])]
    return np.array([[entry["z_signed"] for entry in entries] for entries in each], float)


def calibrated(result):
    """(P, W * E) p-values."""
    return np.array([test["p_values"] for test in result["methods"]["cwola"]["tests"]], float).T


@pytest.mark.usefixtures("without_pyhf")
@pytest.mark.parametrize(
    ("given", "orders"),
    [
        ({}, False),
        ({}, True),
        (GAUSSIAN, False),
        (GAUSSIAN, True),
        ({**GAUSSIAN, "uncertainties": {**UNCERTAIN, "energy_scale": 0.02}}, False),
        ({**GAUSSIAN, "envelope": ["exponential"], "uncertainties": UNCERTAIN}, True),
        ({"uncertainties": UNCERTAIN}, False),
    ],
)
def test_p_values_are_those_of_infer_test(given, orders, files, tmp_path) -> None:
    data, pseudo = files
    if orders:
        with_orders(pseudo)
    result = calibrate(slice_of(**given), [data], [pseudo], tmp_path / "c.json")
    expected = norm.sf(z_of_test(pseudo, given, tmp_path))
    assert np.isnan(expected).sum() == (1 if orders else 0)
    np.testing.assert_allclose(calibrated(result), expected, rtol=0, atol=1e-9)
    assert result["statistic"]["signal"] == given.get("signal", {"shape": "window"})["shape"]
    assert result["statistic"]["envelope"] == given.get("envelope", [])
    assert result["statistic"]["uncertainties"] == given.get("uncertainties", {})
    if not orders:
        observed = [test["observed"] for test in result["methods"]["cwola"]["tests"]]
        np.testing.assert_allclose(observed, expected[0], rtol=0, atol=1e-9)


def test_counting_is_what_it_was_to_the_digit(files) -> None:
    found = spectra_file.read(with_orders(files[1]))
    expected = np.full((N, 2, 2), np.nan)
    for at in np.ndindex(2, 2):
        for order in (3, 4):
            rows = np.flatnonzero(found.order[:, *at] == order)
            model = found.model(*at, found.background(order))
            selected = found.counts[(rows, *at)].astype(float)
            counts = model.arrange(selected, found.total[rows] - selected)
            expected[(rows, *at)] = ProfileLikelihood(model.model, counts).discovery().z_signed
    from scipy.special import ndtr

    np.testing.assert_array_equal(local_p_values(found), ndtr(-expected))
    np.testing.assert_array_equal(local_p_values(found, Statistic(InferSettings())), ndtr(-expected))


@pytest.mark.usefixtures("without_pyhf")
def test_a_measured_spurious_signal_is_that_of_each(files, tmp_path) -> None:
    data, pseudo = files
    found = calibrated(calibrate(slice_of(**MEASURED), [data], [pseudo], tmp_path / "c.json"))
    for row in range(2):
        alone = only(tmp_path / "alone.h5", pseudo, row)
        np.testing.assert_allclose(
            found[row], norm.sf(z_of_test(alone, MEASURED, tmp_path)[0]), rtol=0, atol=1e-9
        )
    # The measured numbers differ: those of the first would give other p-values.
    of_first = norm.sf(z_of_test(pseudo, MEASURED, tmp_path))
    assert np.abs(found - of_first)[1:].max() > 1e-6


@pytest.mark.usefixtures("without_pyhf")
def test_the_masses_of_a_dataset_and_a_window_away_from_them(files, tmp_path, caplog) -> None:
    data, pseudo = files
    path = features(tmp_path / "f", np.random.default_rng(1).normal(3800.0, 60.0, 2000))
    shape = {"signal": {"shape": "dataset", "dataset": "wprime"}}
    result = calibrate(slice_of(**shape), [data], [pseudo], tmp_path / "c.json", signal={"wprime": path})
    expected = norm.sf(z_of_test(pseudo, shape, tmp_path, {"wprime": path}))
    np.testing.assert_allclose(calibrated(result), expected, rtol=0, atol=1e-9)
    assert str(path) in result["provenance"]["inputs"]
    with pytest.raises(ConfigError, match="give wprime=MANIFEST"):
        calibrate(slice_of(**shape), [data], [pseudo], tmp_path / "x.json")
    fixed = {"signal": {**shape["signal"], "rescale": False}}
    narrow = [{"low": 2900.0, "high": 3100.0}, WINDOWS[1]]
    pseudo = spectra(tmp_path / "narrow.h5", N, windows=narrow, blind=False)
    data = only(tmp_path / "narrow0.h5", pseudo, 0)
    found = calibrate(slice_of(**fixed), [data], [pseudo], tmp_path / "n.json", signal={"wprime": path})
    tests = found["methods"]["cwola"]["tests"]
    assert [test["n_failed"] for test in tests] == [N, N, 0, 0]
    assert found["methods"]["cwola"]["global"]["low_edge"] == 3600
    said = [record.getMessage() for record in caplog.records if "2900-3100" in record.getMessage()]
    # One window at two efficiencies; the same words are said once for data and all parts.
    assert len(said) == len(set(said))
    assert "of the shape of 'wprime'" in said[0]


def test_a_round_and_the_command_use_it_too(files, tmp_path) -> None:
    data, pseudo = files
    shape = {"signal": {"shape": "dataset", "dataset": "wprime"}}
    signal = features(tmp_path / "f", np.random.default_rng(1).normal(3800.0, 60.0, 2000))
    given = {**slice_of(**shape), "stop": {"exceedances": 3}}
    words = ["infer", "calibrate", "--settings", json.dumps(given), "--data", str(data)]
    words += ["--pseudo", str(pseudo), "--signal", f"wprime={signal}"]
    assert main([*words, "--output", str(tmp_path / "c.json")]) == 0
    assert main([*words, "--round", "0", "--output", str(tmp_path / "r.json")]) == 0
    result, state = (json.loads((tmp_path / name).read_text()) for name in ("c.json", "r.json"))
    assert state["smallest_p"]["cwola"] == result["methods"]["cwola"]["smallest_p"]
    counting = write_round(slice_of(), [data], [pseudo], 0, None, tmp_path / "w.json")
    assert counting["smallest_p"]["cwola"] != state["smallest_p"]["cwola"]


def test_power_needs_the_same_test_of_the_null(files, tmp_path) -> None:
    data, pseudo = files
    calibrate(slice_of(), [data], [pseudo], tmp_path / "null.json")
    injected = {**slice_of(**GAUSSIAN), "inject": {"signal": 5}}
    with pytest.raises(MismatchError, match=r"Run `infer calibrate` of both with the same infer.signal"):
        calibrate(injected, [data], [pseudo], tmp_path / "c.json", tmp_path / "null.json")


def test_a_shape_finds_a_peak_that_counting_hardly_sees(tmp_path) -> None:
    """40 events of a narrow peak in a wide window: the calibrated test is the better one."""
    wide = [{"low": 3400.0, "high": 4200.0}]
    pseudo = spectra(tmp_path / "pseudo.h5", 60, windows=wide, blind=False)
    data = only(tmp_path / "data.h5", pseudo, 0)
    with h5py.File(data, "a") as file:
        counts = file["counts"][:]
        counts[..., 1, :] += (40 * np.isin(EDGES[:-1], (3700, 3800)) // 2).astype(int)
        file["counts"][:] = counts
    p = {}
    for name, given in {"window": {}, "gaussian": {"signal": {"shape": "gaussian"}}}.items():
        result = calibrate(slice_of(**given), [data], [pseudo], tmp_path / f"{name}.json")
        p[name] = [test["observed"] for test in result["methods"]["cwola"]["tests"]][1]
        assert result["methods"]["cwola"]["tests"][1]["uniformity"]["p_value"] > 1e-3
    assert p["gaussian"] < 0.1 * p["window"]
