"""A hunt over windows that overlap, with side bands of their own."""

from __future__ import annotations

import json

import h5py
import numpy as np
from hunt_scores import toy, write

from resonaut.hunt.spectra import hunt

OWN = {"low": 3200.0, "high": 3600.0, "sidebands": [[2500.0, 3100.0], [3700.0, 4600.0]]}
PLAIN = {"low": 3000.0, "high": 3400.0}


def run(folder, windows, listed):
    given = {
        "scan": {"mass_min": 2500, "mass_max": 5000, "windows": windows, "sideband_width": 400},
        "hunt": {"efficiencies": [0.2], "n_parameters": 3},
    }
    data = toy(n_windows=len(listed))
    scores = write(folder / "scores.h5", **data, windows=listed)
    hunt(given, scores, folder / "spectra.h5", folder / "hunt.json")
    with h5py.File(folder / "spectra.h5") as file:
        found = {name: file[name][()] for name in file}
    return data, found, json.loads((folder / "hunt.json").read_text())


def test_each_window_has_its_own_side_bands(tmp_path):
    data, found, summary = run(tmp_path, [PLAIN, OWN], [PLAIN, OWN])
    mass = data["mass"][0]
    sides = [[[2600, 3000], [3400, 3800]], OWN["sidebands"]]
    for window, bands in enumerate(sides):
        n_events = sum(int(((mass >= low) & (mass < high)).sum()) for low, high in bands)
        assert found["sideband_events"][0, window] == n_events
        assert found["sideband_selected"][0, window, 0] == round(0.2 * n_events)
        assert summary["windows"][window]["sidebands"] == bands
        low = found["edges"][:-1]
        fitted = sum((low >= lower) & (low < upper) for lower, upper in bands)
        np.testing.assert_array_equal(found["fitted"][window], fitted)
        assert np.isnan(
            found["expected"][0, window, 0, ~(found["inside"][window] | found["fitted"][window])]
        ).all()


def test_a_rule_gives_the_spectra_of_its_list(tmp_path):
    listed = [{"low": float(low), "high": low + 400.0} for low in (3000, 3200, 3400)]
    rule = {"first": 3000, "last": 3800, "width": 400, "step": 200}
    one, other = tmp_path / "rule", tmp_path / "list"
    one.mkdir()
    other.mkdir()
    found, expected = run(one, rule, listed)[1], run(other, listed, listed)[1]
    assert found["inside"].sum(1).tolist() == [4, 4, 4]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
