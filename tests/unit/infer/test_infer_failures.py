"""Tests whose fits fail: they are named, and the others go on."""

from __future__ import annotations

import json
import logging

import h5py
import numpy as np
import pytest
from test_infer_significance import WINDOWS, spectra, without_pyhf  # noqa: F401

from resonaut.errors import FitError
from resonaut.infer import window_results
from resonaut.infer.significance import infer
from resonaut.stats.limits import upper_limits


@pytest.fixture
def run(tmp_path):
    def run_(**options):
        path = spectra(tmp_path / "spectra.h5", **options)
        infer({}, path, tmp_path / "significance.json", tmp_path / "workspaces")
        return json.loads((tmp_path / "significance.json").read_text())

    return run_


def failing(monkeypatch, fails):
    """Observed limits of tests for which `fails(background)` holds are not found."""

    def limits(likelihood, level):
        found = upper_limits(likelihood, level)
        found.observed[fails(likelihood.background)] = np.nan
        return found

    monkeypatch.setattr(window_results, "upper_limits", limits)


@pytest.mark.usefixtures("without_pyhf")
def test_a_failed_window_is_named_and_the_others_go_on(run, monkeypatch, caplog, tmp_path):
    failing(monkeypatch, lambda background: background > 3000)
    with caplog.at_level(logging.WARNING, "resonaut"):
        result = run(signal=45, windows=WINDOWS)
    bad, *good = result["windows"]
    words = "the fits for upper_limit.observed did not converge (3794 events observed). Use fewer"
    assert bad["failed"].startswith(words)
    assert "window 3000-3400 GeV, efficiency 1: the fits for upper_limit.observed" in caplog.text
    assert bad["upper_limit"]["observed"] is None
    assert bad["upper_limit"]["expected"] > 0
    assert "workspace" not in bad
    assert all("failed" not in entry and entry["closure"]["passes"] for entry in good)
    assert result["best"]["low"] == 3600
    assert result["local_tests"]["count"] == 3
    assert not (tmp_path / "workspaces/3000-3400_1.json").exists()


@pytest.mark.usefixtures("without_pyhf")
def test_failed_fits_of_pseudo_experiments_are_null_and_only_all_of_the_data_are_an_error(run, monkeypatch):
    failing(monkeypatch, lambda background: np.arange(len(background)) == 1)
    result = run(n_experiments=3)
    assert result["pseudo_experiments"][1][0]["upper_limit"]["observed"] is None
    assert result["pseudo_experiments"][0][0]["upper_limit"]["observed"] > 0
    failing(monkeypatch, lambda background: background > 0)
    with pytest.raises(
        FitError, match=r"all 2 tests failed. window 3600-4000 GeV, efficiency 1: the fits for upper_limit\."
    ):
        run()


@pytest.mark.usefixtures("without_pyhf")
def test_a_fit_of_the_hunt_that_failed_is_a_failure_of_that_test(tmp_path):
    path = spectra(tmp_path / "spectra.h5", windows=WINDOWS)
    with h5py.File(path, "a") as file:
        order = np.full((1, 2, 2), 3)
        order[0, 0, 1] = -1
        file["order"] = order
        file.attrs["background_settings"] = json.dumps({"n_parameters": 5})
    infer({}, path, tmp_path / "s.json", tmp_path / "w")
    result = json.loads((tmp_path / "s.json").read_text())
    assert ["failed" in entry for entry in result["windows"]] == [False, True, False, False]
    assert "hunt's fit of the background" in result["windows"][1]["failed"]
    assert result["windows"][1]["observed"] == 75


def test_without_experiments_there_are_no_entries(tmp_path):
    path = spectra(tmp_path / "spectra.h5", n_experiments=0)
    infer({}, path, tmp_path / "s.json", tmp_path / "w")
    result = json.loads((tmp_path / "s.json").read_text())
    assert (result["windows"], result["best"], result["local_tests"]["count"]) == ([], None, 0)
