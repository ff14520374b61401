"""Several spectra with a common signal against one spectrum and the product of their likelihoods."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm as normal

from resonaut import registry
from resonaut.cli import main
from resonaut.errors import ConfigError
from resonaut.infer import published
from resonaut.infer.published_categories import CategorySettings, analyse, run
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.infer.spectrum_file import SpectrumFile
from resonaut.stats import poisson
from resonaut.stats.signals import gaussian

EDGES = np.geomspace(1000.0, 3000.0, 31)
ALONE = {"masses": [1400, 1700, 2000], "orders": [3], "toys": 0, "limit_toys": 0, "few_events": 0}


def spectrum(norm, signal=0.0, mass=1700.0, scale=1.0, edges=EDGES):
    """A falling spectrum of whole events with a peak of 3 %."""
    x = edges / 13_000
    density = (1 - x) ** 9 * x**-5.5
    smooth = norm * (density[1:] + density[:-1]) / 2 * np.diff(edges) / 1e8
    peak = signal * np.diff(normal.cdf(edges, mass, 0.03 * mass))
    return SpectrumFile("spectrum.csv", edges, scale * np.round(smooth + peak), None, None, scale, ())


def settings(*fractions, **more):
    return CategorySettings(fractions=list(fractions), **ALONE | more)


def of_mass(entries, mass):
    return next(entry for entry in entries if entry["mass"] == mass)


def test_two_halves_have_sqrt_2_of_the_significance_of_one():
    """Twice the same experiment: q0 doubles, and each sees half of the signal."""
    one = spectrum(3e5, 150.0)
    both = analyse([one, one], ["a", "b"], settings(0.5, 0.5))
    single, _ = published.analyse(one, SpectrumSettings(**ALONE))
    for together, apart in zip(both["scan"], single["scan"], strict=True):
        assert together["z_signed"] == pytest.approx(math.sqrt(2) * apart["z_signed"], rel=1e-6)
        assert together["signal"] == pytest.approx(2 * apart["signal"], rel=1e-6)
        assert together["signal_error"] == pytest.approx(math.sqrt(2) * apart["signal_error"], rel=1e-6)
        assert together["fraction_in_range"] == pytest.approx(apart["fraction_in_range"])
    expected = [of_mass(found["limits"], 1700)["expected"] for found in (both, single)]
    assert expected[0] == pytest.approx(math.sqrt(2) * expected[1], rel=0.01)


def test_likelihood_is_the_product_of_the_single_ones():
    """q0 and the best signal from the sum of deviances in which each category fits its own background."""
    found, fractions = [spectrum(3e5, 90.0), spectrum(4e4, 60.0, edges=EDGES[2:])], (0.5, 0.3)
    both = of_mass(analyse(found, ["a", "b"], settings(*fractions))["scan"], 1700)
    models = [
        registry.build("stats", "dijet", {"n_parameters": 3, "sqrt_s": 13_000.0})(one.edges) for one in found
    ]

    def deviance(signal):
        return sum(
            float(
                poisson.fit(
                    model, one.counts, offset=signal * share * gaussian(one.edges, 1700, 51.0).nominal
                ).deviance
            )
            for model, one, share in zip(models, found, fractions, strict=True)
        )

    best = minimize_scalar(deviance, bounds=(0, 600), method="bounded", options={"xatol": 1e-3})
    assert both["signal"] == pytest.approx(best.x, rel=1e-4)
    assert both["z_signed"] ** 2 == pytest.approx(deviance(0.0) - best.fun, abs=1e-6)


def test_weighted_categories_count_events():
    """Of 4 effective entries per event the signal is the same number of events, better known."""
    plain, fine = spectrum(3e5, 400.0), spectrum(3e5, 400.0, scale=4.0)
    found = {
        name: of_mass(analyse(both, ["a", "b"], settings(0.5, 0.5))["scan"], 1700)
        for name, both in (("plain", [plain, plain]), ("mixed", [plain, fine]), ("fine", [fine, fine]))
    }
    for name in ("mixed", "fine"):
        assert found[name]["signal"] == pytest.approx(found["plain"]["signal"], rel=0.02)
    error = {name: entry["signal_error"] for name, entry in found.items()}
    assert error["fine"] == pytest.approx(error["plain"] / 2, rel=0.02)
    assert error["mixed"] == pytest.approx(error["plain"] / math.sqrt((1 + 4) / 2), rel=0.02)


def test_common_uncertainties_do_not_average_out():
    """A luminosity error that acts on both categories weakens the limit like that of one spectrum."""
    one = spectrum(3e5, 0.0)
    ratios = []
    for uncertainties in ({"luminosity": 0.3}, {}):
        more = {"uncertainties": uncertainties, "masses": [1700]}
        both = analyse([one, one], ["a", "b"], settings(0.5, 0.5, **more))
        single, _ = published.analyse(one, SpectrumSettings(**ALONE | more))
        ratios.append(both["limits"][0]["expected"] / single["limits"][0]["expected"])
    assert ratios[0] == pytest.approx(ratios[1], rel=0.01)


def test_default_masses_lie_in_all_categories():
    found = [spectrum(3e5), spectrum(3e5, edges=EDGES[8:])]
    given = settings(0.5, 0.5, masses=None, relative_width=0.1)
    masses = [entry["mass"] for entry in analyse(found, ["a", "b"], given)["scan"]]
    assert masses[0] == pytest.approx(1.2 * EDGES[8])
    assert masses[-1] == pytest.approx(EDGES[-1] / 1.2)
    with pytest.raises(ConfigError, match="no masses in common"):
        analyse([spectrum(3e5, edges=EDGES[:15]), spectrum(3e5, edges=EDGES[15:])], ["a", "b"], given)


def written(path, found):
    rows = zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
    lines = [f"{low!r},{high!r},{n:g}" for low, high, n in ((float(a), float(b), n) for a, b, n in rows)]
    path.write_text("\n".join(["mass_low_gev,mass_high_gev,events", *lines]))
    return str(path)


def test_command_line_with_toys(tmp_path):
    paths = [
        written(tmp_path / f"{name}.csv", spectrum(norm, 120.0))
        for name, norm in (("tight", 3e4), ("loose", 3e5))
    ]
    options = "--fractions 0.6 0.3 --orders 2 3 --masses 1400 1700 --luminosity 10 --toys 40 --seed 2"
    output = tmp_path / "out"
    assert main(["infer", "--spectrum", *paths, "--output", str(output), *options.split()]) == 0
    result = json.loads((output / "result.json").read_text())
    assert [(entry["name"], entry["fraction"]) for entry in result["categories"]] == [
        ("tight", 0.6), ("loose", 0.3),
    ]  # fmt: skip
    assert result["best"]["mass"] == 1700
    assert result["global"]["n_toys"] == 40
    assert result["global"]["z_max"] == pytest.approx(result["best"]["z_signed"], rel=1e-3)
    limit = of_mass(result["limits"], 1700)
    assert limit["observed_fb"] == pytest.approx(limit["observed"] / 10)
    for entry in result["categories"]:
        single = json.loads((output / entry["name"] / "result.json").read_text())
        assert single["chosen"]["n_parameters"] == entry["n_parameters"]
        own = of_mass(single["limits"], 1700)
        assert own["observed_fb"] == pytest.approx(own["observed"] / (10 * entry["fraction"]))
        assert own["expected_fb"] > limit["expected_fb"]
    for name in ("p_values", "limits"):
        assert (output / f"{name}.png").stat().st_size > 10_000
    with (output / "scan.csv").open() as file:
        assert [float(row["mass"]) for row in csv.DictReader(file)] == [1400, 1700]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "--fractions: that of the signal in each of the 2 spectra"),
        ({"fractions": [0.5, 0.3, 0.2]}, "--fractions: 3 given for 2 spectra"),
        ({"fractions": [0.7, 0.4]}, "sum at most 1"),
        ({"fractions": [1.0, 0.0]}, "positive numbers"),
    ],
)
def test_fractions_that_cannot_be_used_are_refused(tmp_path, given, message):
    paths = [written(tmp_path / f"{name}.csv", spectrum(3e4)) for name in "ab"]
    with pytest.raises(ConfigError, match=message):
        run(paths, tmp_path / "out", given)
    assert not (tmp_path / "out").exists()


def test_fractions_of_one_spectrum_are_refused(tmp_path, capsys):
    path = written(tmp_path / "a.csv", spectrum(3e4))
    options = ["--output", str(tmp_path / "out"), "--fractions", "0.5", "0.5"]
    assert main(["infer", "--spectrum", path, *options]) == ConfigError.exit_code
    assert "--fractions: is for several spectra" in capsys.readouterr().err
