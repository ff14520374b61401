"""`resonaut infer --spectrum`: fits, scan and limits of a histogram with an excess."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from resonaut.cli import main
from resonaut.infer import published_scan
from resonaut.infer.published import analyse, run
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.infer.spectrum_file import read_spectrum

EDGES = np.array([1000.0, 1100, 1210, 1331, 1464, 1610, 1771, 1948, 2143, 2357, 2593, 2852])
COUNTS = np.array([50034, 29512, 17021, 9631, 5418, 2988, 1611, 851, 434, 216, 104], float)


def table(counts):
    rows = [f"{low:g},{high:g},{n:g}" for low, high, n in zip(EDGES, EDGES[1:], counts, strict=False)]
    return "\n".join(["mass_low_gev,mass_high_gev,events", *rows])


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """A run over three masses through the command line, with an excess of about 400 events at 1500 GeV."""
    folder = tmp_path_factory.mktemp("entry")
    bump = 400 * np.exp(-0.5 * (((EDGES[1:] + EDGES[:-1]) / 2 - 1500) / 90) ** 2) * np.diff(EDGES) / 225
    path = folder / "spectrum.csv"
    path.write_text(table(np.round(COUNTS + bump)))
    options = (
        "--orders 2 3 4 --relative-width 0.06 --masses 1300 1500 2000 --luminosity 10 --toys 100 --seed 3"
    )
    assert main(["infer", "--spectrum", str(path), "--output", str(folder / "out"), *options.split()]) == 0
    return folder, json.loads((folder / "out/result.json").read_text())


def test_entry_point_fits_scans_and_limits(outcome):
    folder, result = outcome
    assert [fit["n_parameters"] for fit in result["fits"]] == [2, 3, 4]
    assert all(np.shape(fit["covariance"]) == (fit["n_parameters"],) * 2 for fit in result["fits"])
    deviances = [fit["deviance"] for fit in result["fits"]]
    assert deviances == sorted(deviances, reverse=True)
    best = result["best"]
    assert best["mass"] == 1500
    assert best["p_local"] == pytest.approx(norm.sf(best["z_local"]))
    assert best["signal_interval"][0] < best["signal"] < best["signal_interval"][1]
    assert best["z_local"] == pytest.approx(best["z_signed"])
    assert result["global"]["p"] >= best["p_local"]
    assert result["global"]["z_max"] == pytest.approx(best["z_signed"], rel=1e-3)
    limit = next(entry for entry in result["limits"] if entry["mass"] == 1500)
    assert limit["observed"] > best["signal"]
    assert limit["observed_fb"] == pytest.approx(limit["observed"] / 10)
    band = [limit[name] for name in ("expected_minus_2sigma", "expected", "expected_plus_2sigma")]
    assert band == sorted(band)
    for name in ("spectrum", "p_values", "limits"):
        assert (folder / f"out/{name}.png").stat().st_size > 10_000
        assert (folder / f"out/{name}.pdf").stat().st_size > 3_000
    with (folder / "out/scan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mass"]) for row in rows] == [1300, 1500, 2000]
    assert float(rows[1]["limit_observed"]) == pytest.approx(limit["observed"], rel=1e-6)


def test_entry_point_gives_the_same_result_twice(outcome, tmp_path):
    folder, result = outcome
    run(str(folder / "spectrum.csv"), tmp_path / "again", result["provenance"]["settings"])
    assert (tmp_path / "again/result.json").read_bytes() == (folder / "out/result.json").read_bytes()


def test_limits_of_weighted_events_are_in_weighted_events(outcome):
    """Of N events of weight 1/4, N effective entries, signals and limits are a quarter."""
    folder, result = outcome
    found = replace(read_spectrum(str(folder / "spectrum.csv")), scale=4.0)
    weighted, _ = analyse(found, SpectrumSettings(**result["provenance"]["settings"] | {"toys": 0}))
    for one, other in zip(weighted["limits"], result["limits"], strict=True):
        assert one["observed"] == pytest.approx(other["observed"] / 4, rel=1e-4)
    for one, other in zip(weighted["scan"], result["scan"], strict=True):
        assert one["signal"] == pytest.approx(other["signal"] / 4, rel=1e-4)
    assert weighted["global"]["p"] is None


def test_poor_backgrounds_are_said(outcome):
    """A straight line is no falling spectrum; of two orders that both fail the larger one is taken."""
    folder, result = outcome
    assert result["warnings"] == []
    found = read_spectrum(str(folder / "spectrum.csv"))
    wrong = {"functions": ["bernstein"], "orders": [1, 2], "masses": [1500], "toys": 120, "limit_toys": 0}
    poor, last = analyse(found, SpectrumSettings(**wrong))[0]["warnings"]
    assert "bernstein with 2 parameters describes the data badly" in poor
    assert "largest order" in last


def test_one_failed_mass_does_not_end_the_scan(outcome, monkeypatch):
    folder, result = outcome
    limits = published_scan.upper_limits

    def sometimes(likelihood, level):
        found = limits(likelihood, level)
        if likelihood.signal.nominal.argmax() == np.searchsorted(EDGES, 1500) - 1:
            return type(found)(found.observed * np.nan, found.expected)
        return found

    monkeypatch.setattr(published_scan, "upper_limits", sometimes)
    given = SpectrumSettings(**result["provenance"]["settings"] | {"toys": 0})
    again, _ = analyse(read_spectrum(str(folder / "spectrum.csv")), given)
    assert ["failed" in entry for entry in again["scan"]] == [False, True, False]
    assert again["scan"][2]["z_local"] == result["scan"][2]["z_local"]
