"""Conformal counts become local and global significances."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.stats import betabinom, norm

from resonaut import cli
from resonaut.errors import InputError, MissingBranchError
from resonaut.hunt.spectra import hunt
from resonaut.infer import conformal_report
from resonaut.infer.conformal import read


def write(path, counts, *, efficiencies=(1.0, 0.1), events=100, total=None, drop=None):
    """Spectra of two windows of one bin each; Beta(10, 91) for the tenth, all kept for 1."""
    counts = np.asarray(counts)
    n, windows, variants, _ = counts.shape
    with h5py.File(path, "w") as file:
        group = file.create_group("conformal")
        group.attrs["variants"] = json.dumps(["split", "weighted"][:variants])
        group.attrs["mass_terms"] = 2
        group["events"] = np.full((n, windows), events)
        group["counts"] = counts
        alpha, beta = np.full(counts.shape, 10.0), np.full(counts.shape, 91.0)
        alpha[..., np.array(efficiencies) == 1], beta[..., np.array(efficiencies) == 1] = 1, 0
        group["alpha"], group["beta"] = alpha, beta
        file["efficiencies"], file["inside"] = np.array(efficiencies), np.eye(windows, 3, dtype=bool)
        file["total"] = np.full((n, 3), 500) if total is None else total
        if drop is not None:
            del file[drop]
    return path


def test_the_global_p_value_is_that_of_the_best_window_and_its_neighbour(tmp_path):
    found = read(write(tmp_path / "s.h5", [[[[100, 30]], [[100, 12]]]]))
    p = betabinom.sf(29, 100, 10, 91)
    z = found.z()
    assert np.isnan(z[..., 0]).all()
    assert z[0, 0, 0, 1] == pytest.approx(norm.isf(p))
    assert 0 < z[0, 1, 0, 1] < 1
    # Windows without common events: p + p (1 - p); one selection that tests something.
    np.testing.assert_allclose(found.global_p_values(), [[p + p * (1 - p)]], rtol=1e-6)


def test_two_selections_cost_a_factor_of_two(tmp_path):
    found = read(write(tmp_path / "s.h5", [[[[12, 30]], [[12, 12]]]], efficiencies=(0.2, 0.1)))
    p = betabinom.sf(29, 100, 10, 91)
    np.testing.assert_allclose(found.global_p_values(), [[2 * (p + p * (1 - p))]], rtol=1e-6)


def test_a_deficit_is_no_excess(tmp_path):
    found = read(write(tmp_path / "s.h5", [[[[100, 0]], [[100, 1]]]]))
    assert (found.z()[..., 1] < -2).all()
    assert found.global_p_values()[0, 0] > 0.9


def test_blind_counts_have_no_significance(tmp_path):
    closed = np.full((1, 2, 2, 2), -1)
    found = read(write(tmp_path / "s.h5", closed, events=-1, total=np.full((1, 3), -1)))
    assert np.isnan(found.z()).all()
    assert np.isnan(found.global_p_values()).all()


def test_null_counts_give_valid_global_p_values(tmp_path):
    rng = np.random.default_rng(1)
    counts = np.full((4000, 2, 1, 2), 100)
    counts[..., 1] = rng.binomial(100, rng.beta(10, 91, (4000, 2, 1)))
    p = read(write(tmp_path / "s.h5", counts)).global_p_values()[:, 0]
    for level in (0.05, 0.2):
        # Counts are discrete: below the level, by less than one step.
        assert 0.5 * level < (p <= level).mean() < level + 3 * np.sqrt(level / 4000)


def test_what_is_missing_is_named(tmp_path):
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["total"] = [1]
    assert read(tmp_path / "none.h5") is None
    counts = np.zeros((1, 2, 1, 2), int)
    with pytest.raises(MissingBranchError, match="conformal/alpha"):
        read(write(tmp_path / "s.h5", counts, drop="conformal/alpha"))
    path = write(tmp_path / "t.h5", counts)
    with h5py.File(path, "a") as file:
        del file["conformal/counts"]
        file["conformal/counts"] = np.zeros((1, 2, 1, 3), int)
    with pytest.raises(InputError, match=r"\(1, 2, 1, 2\) is expected"):
        read(path)


@pytest.fixture
def search(tmp_path):
    """A hunt of a falling spectrum with a tenth of unusual events and 80 more in the second window."""

    def search_(labelled=True):
        rng = np.random.default_rng(5)
        mass = np.concatenate([2500 + rng.exponential(500, 5000), rng.uniform(3400, 3800, 80)])[None]
        score = rng.random((1, 2, 5080))
        score[..., 5000:] += 1
        windows = json.dumps([{"low": 3000.0, "high": 3400.0}, {"low": 3400.0, "high": 3800.0}])
        with h5py.File(tmp_path / "scores.h5", "w") as file:
            file["events/mass"], file["score"] = mass, score
            file["events/fold"] = np.zeros(mass.shape, np.int8)
            file.attrs.update(kind="scores", method="cwola", mixture="data", labelled=labelled)
            file.attrs.update(provenance="{}", windows=windows)
        scan = {"mass_min": 2500, "mass_max": 5000, "windows": json.loads(windows)}
        settings = {"scan": scan, "hunt": {"efficiencies": [1.0, 0.1], "n_parameters": 3, "conformal": {}}}
        hunt(settings, tmp_path / "scores.h5", tmp_path / "spectra.h5", tmp_path / "hunt.json")
        arguments = ["--spectra", str(tmp_path / "spectra.h5"), "--output", str(tmp_path / "c.json")]
        assert cli.main(["infer", "conformal", *arguments]) == 0
        return json.loads((tmp_path / "c.json").read_text())

    return search_


def test_a_search_from_scores_to_its_significance(search):
    found = search()
    assert [entry["variant"] for entry in found["windows"]] == ["split", "weighted", "mondrian"] * 2
    assert found["mass_terms"] == 2
    for entry in found["windows"]:
        assert entry["expected"] == pytest.approx(0.1 * entry["events"], rel=0.01)
        assert entry["expected_error"] == pytest.approx(entry["expected"] * entry["fraction_error"])
        signal = entry["low"] == 3400
        assert (entry["count"] - entry["expected"] > 50) == signal
        assert (entry["z_signed"] > 5) == signal
    for name, entry in found["global"].items():
        largest = max(each["z_signed"] for each in found["windows"] if each["variant"] == name)
        assert entry["p_value"] == pytest.approx(2 * norm.sf(largest), rel=1e-3)


def test_a_blind_search_shows_its_precision_only(search):
    opened, blind = search(), search(labelled=False)
    assert blind["blind"]
    for seen, closed in zip(opened["windows"], blind["windows"], strict=True):
        assert closed["fraction_error"] == seen["fraction_error"]
        for name in ("events", "count", "expected", "expected_error", "p_value", "z_signed"):
            assert closed[name] is None
    assert blind["global"]["split"] == {"p_value": None, "z": None}


def test_a_hunt_without_conformal_counts_is_named(search, tmp_path):
    search()
    with h5py.File(tmp_path / "spectra.h5", "a") as file:
        del file["conformal"]
    with pytest.raises(InputError, match=r"Set hunt\.conformal"):
        conformal_report.run(tmp_path / "spectra.h5", tmp_path / "x.json")
