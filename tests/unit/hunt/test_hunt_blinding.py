"""Signal regions of data stay closed until they are opened, and opening them changes nothing else."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hunt_scores import WINDOWS, settings, toy, write

from resonaut.hunt.spectra import hunt
from resonaut.infer.significance import infer

FROM_SIDEBANDS = (
    *("edges", "inside", "fitted", "efficiencies", "expected", "parameters", "covariance", "background"),
    *("background_log_error", "deviance", "goodness_of_fit", "converged", "degrees_of_freedom"),
    *("sideband_events", "sideband_selected", "thresholds"),
)


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    """Folders of a blind and an opened search of the same data: an excess of signal-like events."""
    folder = tmp_path_factory.mktemp("blind")
    data = toy(n_events=7001)
    data["mass"][0, :137] = np.linspace(3420, 3780, 137)
    data["score"][0, :, :137] += 1.0
    scores = write(folder / "scores.h5", **data, labelled=False)
    found = {}
    for name, more in (("blind", {}), ("open", {"unblind": True})):
        out = folder / name
        hunt(settings(**more), scores, out / "spectra.h5", out / "hunt.json")
        infer({"infer": {}}, out / "spectra.h5", out / "significance.json", out / "workspaces")
        found[name] = out
    return found


def read(folder):
    with h5py.File(folder / "spectra.h5") as file:
        return {name: file[name][()] for name in file} | dict(file.attrs)


def test_what_comes_from_side_bands_is_the_same_bit_for_bit(searches):
    blind, opened = read(searches["blind"]), read(searches["open"])
    for name in FROM_SIDEBANDS:
        np.testing.assert_array_equal(blind[name], opened[name], err_msg=name)
    assert blind["blind"]
    assert not opened["blind"]
    assert np.isfinite(blind["background"]).all()


def test_no_bin_and_no_event_of_a_signal_region_is_shown(searches):
    blind, opened = read(searches["blind"]), read(searches["open"])
    closed = (blind["edges"][:-1] >= 3000) & (blind["edges"][:-1] < 3800)
    np.testing.assert_array_equal(blind["closed"], closed)
    assert not opened["closed"].any()
    for name in ("counts", "total"):
        assert (blind[name][..., closed] == -1).all()
        np.testing.assert_array_equal(blind[name][..., ~closed], opened[name][..., ~closed])
    assert (blind["observed"] == -1).all()
    assert opened["observed"].min() > 80
    with h5py.File(searches["blind"].parent / "scores.h5") as file:
        mass = file["events/mass"][0]
    hidden = (mass >= 3000) & (mass < 3800)
    assert not blind["selected"][..., hidden].any()
    np.testing.assert_array_equal(blind["selected"][..., ~hidden], opened["selected"][..., ~hidden])


def numbers(value):
    """All numbers of a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_hidden_counts_are_nowhere_in_the_outputs(searches):
    """Large counts of the opened search, looked for in every array and every JSON file of the blind one."""
    opened = read(searches["open"])
    hidden = {int(count) for count in opened["observed"].ravel()}
    hidden |= {int(opened["total"][0] @ inside) for inside in opened["inside"]}
    closed = opened["inside"].any(0)
    hidden |= {int(count) for count in opened["counts"][0, :, 0][:, closed].ravel()}
    hidden |= {int(opened["total"][0][closed].sum())}
    assert min(hidden) > 80
    seen = []
    for name, values in read(searches["blind"]).items():
        if isinstance(values, np.ndarray) and values.dtype.kind in "if" and name != "edges":
            seen += values[np.isfinite(values)].ravel().tolist()
    for path in searches["blind"].rglob("*.json"):
        if ".run." not in path.name:
            content = json.loads(path.read_text())
            seen += numbers({key: value for key, value in content.items() if key != "provenance"})
    assert not hidden & set(seen)


def test_the_summary_says_blind(searches):
    blind = json.loads((searches["blind"] / "hunt.json").read_text())
    opened = json.loads((searches["open"] / "hunt.json").read_text())
    assert (blind["blind"], opened["blind"]) == (True, False)
    for one, other in zip(blind["windows"], opened["windows"], strict=True):
        for closed, seen in zip(one["selections"], other["selections"], strict=True):
            assert closed["observed"] is None
            assert seen["observed"] > 80
            assert {**closed, "observed": 0} == {**seen, "observed": 0}
    assert blind["windows"][0]["sidebands"] == [[2500, 3000], [3400, 3900]]


def test_a_blind_inference_gives_what_is_expected_and_nothing_else(searches):
    blind = json.loads((searches["blind"] / "significance.json").read_text())
    opened = json.loads((searches["open"] / "significance.json").read_text())
    assert blind["blind"]
    assert blind["best"] is None
    assert opened["best"]["z_local"] > 3
    for closed, seen in zip(blind["windows"], opened["windows"], strict=True):
        assert [closed[key] for key in ("observed", "p_value", "z_local", "z_signed")] == [None] * 4
        assert closed["upper_limit"].pop("observed") is None
        limit = seen["upper_limit"].pop("observed")
        assert limit > 0
        assert closed["upper_limit"] == pytest.approx(seen["upper_limit"], rel=1e-6)
        assert closed["expected_significance"] == pytest.approx(seen["expected_significance"], rel=1e-6)
        assert closed["expected_background"] == pytest.approx(seen["expected_background"], rel=1e-9)
        assert list(closed["pyhf"]) == ["upper_limit_expected"]
        assert closed["closure"]["passes"]
        assert list(closed["closure"]["relative_differences"]) == ["upper_limit_expected"]
        content = json.loads((searches["blind"] / "workspaces" / closed["workspace"]).read_text())
        assert content["observations"][0]["data"] == [closed["expected_background"]]
        assert content["measurements"][0]["name"] == "blind"


@pytest.mark.parametrize(
    ("labelled", "unblind", "blind"),
    [(True, False, False), (False, False, True), (None, False, True), (None, True, False)],
)
def test_only_data_is_blind(tmp_path, labelled, unblind, blind):
    """Simulated events have nothing to hide; a file that does not say what it holds counts as data."""
    scores = write(tmp_path / "scores.h5", **toy(), labelled=bool(labelled))
    if labelled is None:
        with h5py.File(scores, "a") as file:
            del file.attrs["labelled"]
    hunt(settings(unblind=unblind), scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
    assert json.loads((tmp_path / "hunt.json").read_text())["blind"] is blind


def test_failed_fits_of_blind_pseudo_experiments_are_null(tmp_path):
    scores = write(tmp_path / "scores.h5", **toy(n_experiments=2), labelled=False)
    hunt(settings(efficiencies=[1.0]), scores, tmp_path / "spectra.h5", tmp_path / "hunt.json")
    with h5py.File(tmp_path / "spectra.h5", "a") as file:
        file["parameters"][1, 0] = np.nan
    infer({}, tmp_path / "spectra.h5", tmp_path / "significance.json", tmp_path / "workspaces")
    result = json.loads((tmp_path / "significance.json").read_text())
    first, second = result["pseudo_experiments"][0]
    assert first["expected_background"] is None
    assert set(first["upper_limit"].values()) == {None}
    assert second["upper_limit"]["expected"] > 0
    assert [entry["low"] for entry in (first, second)] == [window["low"] for window in WINDOWS]
