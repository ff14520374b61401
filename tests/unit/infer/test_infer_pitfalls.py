"""Four ways in which a HistFactory fit lies without a word, none of which `infer test` shares."""

from __future__ import annotations

import json
import math

import h5py
import numpy as np
import pytest
from test_infer_significance import EDGES, spectra

from resonaut.infer import workspaces
from resonaut.infer.closure import FromWorkspace, evaluate
from resonaut.infer.significance import infer
from resonaut.infer.workspaces import Channel
from resonaut.stats.nuisances import NONE
from resonaut.stats.signals import Signal

pyhf = pytest.importorskip("pyhf")


def counting(observed, background, limit):
    arrays = np.array([float(observed)]), np.array([float(background)])
    channel = Channel("window", *arrays, log_error=1e-3, signal=Signal(np.ones(1)))
    return workspaces.workspace([channel], limit, NONE)


def q0(content, **options):
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3), **options)
    space = pyhf.Workspace(content)
    model = space.model()
    config = model.config
    start = (config.suggested_init(), config.suggested_bounds(), config.suggested_fixed())
    return float(pyhf.infer.test_statistics.q0(0.0, space.data(model), model, *start))


def test_no_bound_truncates_the_signal():
    """An excess of 60 events, of which the usual bound of 10 would see a part only."""
    exact = math.sqrt(2 * (160 * math.log(1.6) - 60))
    content = counting(160, 100.0, 82.0)
    found = evaluate(content, FromWorkspace(0.0, exact, 82.0, 20.0), 0.95)
    assert found.z_local == pytest.approx(exact, rel=0.01)
    parameters = content["measurements"][0]["config"]["parameters"]
    assert parameters[0]["bounds"][0][1] >= 8 * 82
    parameters[0]["bounds"] = [[0.0, 10.0]]
    assert math.sqrt(q0(content)) < 0.6 * exact
    # Exact from the start: neither limit is the bound.
    assert 60 < found.upper_limit_observed < 100


def test_another_precision_that_was_set_before_does_not_matter():
    content = counting(130, 100.0, 50.0)
    guess = FromWorkspace(0.0, 3.0, 52.0, 21.0)
    pyhf.set_backend("numpy", precision="64b")
    double = evaluate(content, guess, 0.95)
    pyhf.set_backend("numpy", precision="32b")
    assert evaluate(content, guess, 0.95) == double
    assert pyhf.tensorlib.precision == "64b"
    assert double.z_local == pytest.approx(math.sqrt(2 * (130 * math.log(1.3) - 30)), rel=0.01)


@pytest.mark.parametrize(
    ("shape", "below", "least"),
    [("window", 10, 2.5), ("gaussian", 0, 1.9), pytest.param("gaussian", 10, 2.5, marks=pytest.mark.full)],
)
def test_bins_without_events_and_nearly_without_background_are_no_failure(tmp_path, shape, below, least):
    path = spectra(tmp_path / "spectra.h5", windows=[{"low": 4000.0, "high": 4400.0}])
    with h5py.File(path, "a") as file:
        # The tight selection alone.
        counts, efficiencies = file["counts"][:, :, 1:], file["efficiencies"][1:]
        counts[..., EDGES[:-1] >= 4000] = 0
        del file["counts"], file["efficiencies"]
        file["counts"], file["efficiencies"] = counts, efficiencies
    settings = {"infer": {"signal": {"shape": shape}, "toys": {"n": 300, "below": below}}}
    infer(settings, path, tmp_path / "s.json", tmp_path / "w")
    [entry] = json.loads((tmp_path / "s.json").read_text())["windows"]
    assert "failed" not in entry
    assert entry["pyhf"] is not None
    assert entry["method"] == ("toys" if below else "asymptotic")
    # Nothing was seen where little is expected: three events, whatever the background; without toys two.
    assert least < entry["upper_limit"]["observed"] < 4.5
    assert entry["upper_limit"]["observed"] < 2 * entry["upper_limit"]["expected"]


def test_half_of_the_null_experiments_have_no_excess_at_all(tmp_path):
    """A minimiser that stops early leaves noise where q0 is 0, in a quarter of them instead of a half."""
    path = spectra(tmp_path / "spectra.h5", n_experiments=200)
    infer({"infer": {}}, path, tmp_path / "s.json", tmp_path / "w")
    result = json.loads((tmp_path / "s.json").read_text())
    entries = [result["windows"], *result["pseudo_experiments"]]
    for number in range(2):
        p_values = np.array([entry[number]["p_value"] for entry in entries])
        exactly = (p_values == 0.5).mean()
        assert exactly == pytest.approx(0.5, abs=0.09)
        assert (p_values < 0.1587).mean() == pytest.approx(0.1587, abs=0.06)
