"""Signals with a shape, uncertainties, further background functions and toys, through `infer test`."""

from __future__ import annotations

import json

import h5py
import jsonschema
import numpy as np
import pytest
from test_infer_significance import EDGES, WINDOWS, spectra, without_pyhf  # noqa: F401
from test_infer_templates import features
from test_infer_workspaces import schema

from resonaut import cli
from resonaut.config import load, parse, read_yaml
from resonaut.errors import ConfigError
from resonaut.infer.significance import infer
from resonaut.infer.spectra import read as read_spectra
from resonaut.stats import signals
from resonaut.workflow import Plan

GAUSSIAN = {"signal": {"shape": "gaussian"}}
ALL = {"luminosity": 0.02, "acceptance": 0.1, "energy_scale": 0.02, "spurious_signal": 3.0}


@pytest.fixture
def run(tmp_path):
    def run_(settings, signal=None, change=None, **options):
        path = spectra(tmp_path / "spectra.h5", **options)
        if change is not None:
            with h5py.File(path, "a") as file:
                change(file)
        given = {"infer": settings, "seed": 1}
        infer(given, path, tmp_path / "significance.json", tmp_path / "workspaces", signal)
        return json.loads((tmp_path / "significance.json").read_text())

    return run_


def test_a_peak_with_all_uncertainties_closes(run, tmp_path):
    given = {**GAUSSIAN, "uncertainties": ALL, "luminosity": 50.0, "acceptance": 0.2}
    result = run(given, signal=None)
    for entry in result["windows"]:
        assert entry["closure"]["passes"], entry
        assert entry["nuisances"]["names"] == ["luminosity", "acceptance", "energy_scale", "spurious_signal"]
        assert entry["nuisances"]["errors"][0] == pytest.approx(1, abs=0.01)
        assert np.diag(entry["nuisances"]["correlation"]) == pytest.approx(1)
        # One standard deviation of fake signal is as much less of the fitted one.
        assert entry["nuisances"]["impacts_up"][3] == pytest.approx(-3, rel=0.2)
        assert entry["spurious_signal"] == 3.0
        limit = entry["upper_limit"]["observed"]
        assert entry["upper_limit_fb"]["observed"] == pytest.approx(limit / 50 / 0.2)
        assert entry["signal"]["low"] < entry["signal"]["events"] < entry["signal"]["high"]
        content = json.loads((tmp_path / "workspaces" / entry["workspace"]).read_text())
        jsonschema.validate(content, schema())
        names = [channel["name"] for channel in content["channels"]]
        assert len(names) == (1 if entry["selection_efficiency"] == 1 else 2)
        assert len(content["observations"][0]["data"]) == 14
        kinds = {one["type"] for one in content["channels"][0]["samples"][0]["modifiers"]}
        assert kinds == {"normfactor", "lumi", "normsys", "histosys"}


@pytest.mark.usefixtures("without_pyhf")
def test_uncertainties_weaken_limits_and_leave_the_fitted_signal(run):
    exact = run(GAUSSIAN)["windows"]
    uncertain = run({**GAUSSIAN, "uncertainties": {**ALL, "energy_scale": 0.0}})["windows"]
    for one, other in zip(exact, uncertain, strict=True):
        assert other["signal"]["events"] == pytest.approx(one["signal"]["events"], rel=1e-4, abs=1e-3)
        assert other["upper_limit"]["expected"] > 1.005 * one["upper_limit"]["expected"]
        assert abs(other["z_signed"]) < abs(one["z_signed"])


def peak_in_selection(events):
    """Exactly the expectation of a peak of 3 % at 3.8 TeV on top of the loose selection."""

    def change(file):
        shape = np.exp(-EDGES[:-1] / 450)
        shape *= 20_000 / shape.sum()
        counts, total = file["counts"][:], file["total"][:]
        peak = events * signals.gaussian(EDGES, 3800.0, 114.0).nominal
        total[:] = np.round(shape + peak)
        counts[:, :, 0], counts[:, :, 1] = total, np.round(0.02 * shape + peak)
        for name, values in (("counts", counts), ("total", total)):
            del file[name]
            file[name] = values

    return change


@pytest.mark.usefixtures("without_pyhf")
def test_the_fitted_signal_is_what_was_put_in(run):
    for events in (0, 60):
        loose, tight = run(GAUSSIAN, change=peak_in_selection(events))["windows"]
        assert loose["signal"]["events"] == pytest.approx(events, abs=0.2 * loose["signal"]["error"])
        assert tight["signal"]["events"] == pytest.approx(events, abs=0.2 * tight["signal"]["error"])
        if events:
            assert tight["signal"]["error"] == pytest.approx(10, abs=2)


@pytest.mark.usefixtures("without_pyhf")
def test_a_dataset_is_a_shape_and_windows_away_from_it_fail_by_name(run, tmp_path):
    mass = np.random.default_rng(1).normal(3800.0, 60.0, 2000)
    path = features(tmp_path / "f", mass)
    shape = {"shape": "dataset", "dataset": "wprime"}
    given = {"signal": shape, "uncertainties": {"statistics": True}}
    both = run(given, {"wprime": path}, windows=WINDOWS)
    assert all("failed" not in entry for entry in both["windows"])
    names = both["windows"][0]["nuisances"]["names"]
    assert all(name.startswith("statistics_") for name in names)
    given = {"signal": {**shape, "rescale": False}}
    narrow = [{"low": 2900.0, "high": 3100.0}, WINDOWS[1]]
    result = run(given, {"wprime": path}, windows=narrow)
    bad, good = result["windows"][0], result["windows"][2]
    assert "of the shape of 'wprime' (median 3798.58 GeV)" in bad["failed"]
    assert "lies in 2500-3600 GeV, the bins that are fitted around the window 2900-3100 GeV" in bad["failed"]
    assert "failed" not in good
    assert str(path) in result["provenance"]["inputs"]


@pytest.mark.usefixtures("without_pyhf")
def test_other_functions_make_an_envelope_and_a_spurious_signal(run):
    one = run({})["windows"]
    other = ["power_law", {"function": "exponential", "options": {"n_parameters": 3}}]
    many = run({"envelope": other})["windows"]
    for alone, among in zip(one, many, strict=True):
        # The choice of the function is profiled: it can only widen the interval.
        widths = [entry["signal"]["high"] - entry["signal"]["low"] for entry in (alone, among)]
        assert widths[1] > 0.98 * widths[0]
    given = {"envelope": other, "uncertainties": {"spurious_signal": "measured"}}
    measured = run(given)["windows"]
    sizes = [entry["spurious_signal"] for entry in measured]
    # The loose selection has 50 times the events, and the fake signal grows with them.
    assert sizes[0] > 10 * sizes[1] > 0
    assert all(entry["nuisances"]["names"] == ["spurious_signal"] for entry in measured)


def thin(n_inside):
    """A selection that leaves about five events in the window, and then exactly `n_inside`."""

    def change(file):
        total, counts = file["total"][:], file["counts"][:]
        counts[:, :, 1] = np.random.default_rng(4).binomial(total[:, None], 0.004)
        inside = np.flatnonzero(file["inside"][0])
        counts[:, 0, 1, inside] = 0
        counts[:, 0, 1, inside[0]] = n_inside
        del file["counts"]
        file["counts"] = counts

    return change


@pytest.mark.usefixtures("without_pyhf")
def test_few_events_are_tested_with_toys_and_the_result_says_so(run):
    loose, tight = run({"toys": {"n": 600}}, change=thin(9))["windows"]
    assert loose["method"] == "asymptotic"
    assert "toys" not in loose
    assert tight["method"] == "toys"
    assert tight["expected_background"] < 10
    toys = tight["toys"]
    assert toys["n"] == 600
    assert toys["p_value_resolved"]
    assert tight["p_value"] == toys["p_value"]
    # A whole number of toys, and within three errors of the formula, which is good to some 20 % here.
    assert (tight["p_value"] * 601) == pytest.approx(round(tight["p_value"] * 601), abs=1e-9)
    formula = toys["asymptotic"]["p_value"]
    assert abs(tight["p_value"] - formula) < 3 * toys["p_value_error"] + 0.3 * formula
    limits, asymptotic = tight["upper_limit"], toys["asymptotic"]["upper_limit"]
    assert limits["observed"] != asymptotic["observed"]
    assert limits["observed"] == pytest.approx(asymptotic["observed"], rel=0.25)
    assert limits["expected"] == pytest.approx(asymptotic["expected"], rel=0.35)


@pytest.mark.usefixtures("without_pyhf")
def test_a_large_excess_is_more_than_toys_can_tell(run):
    tight = run({"toys": {"n": 200}}, change=thin(45))["windows"][1]
    assert not tight["toys"]["p_value_resolved"]
    assert tight["toys"]["p_value"] == pytest.approx(1 / 201)
    assert tight["z_local"] > 5
    assert tight["p_value"] == tight["toys"]["asymptotic"]["p_value"] < 1e-6
    never = run({"toys": {"below": 0}}, change=thin(45))["windows"][1]
    assert never["method"] == "asymptotic"


@pytest.mark.usefixtures("without_pyhf")
def test_toys_do_not_depend_on_the_other_windows(run):
    given = {"toys": {"n": 200}}
    both = run(given, windows=WINDOWS)["windows"]
    again = run(given, windows=WINDOWS)["windows"]
    assert both == again


def close(file):
    """Blind spectra, as hunt writes them: only fits to the side bands, and no count of a signal region."""
    parameters = np.full((1, 1, 2, 5), np.nan)
    for number in range(2):
        likelihood = read_spectra(file.filename).likelihood(0, number)
        parameters[0, 0, number, : likelihood.model.n_parameters] = likelihood.side.parameters[0]
    file["parameters"] = parameters
    for name in ("counts", "total"):
        values = file[name][:]
        values[..., file["inside"][0]] = -1
        del file[name]
        file[name] = values
    file.attrs["blind"] = True


@pytest.mark.usefixtures("without_pyhf")
@pytest.mark.parametrize("shape", ["window", "gaussian"])
def test_a_blind_search_says_what_it_expects_and_nothing_else(run, tmp_path, shape):
    given = {
        "signal": {"shape": shape},
        "uncertainties": {"acceptance": 0.1},
        "toys": {"n": 200, "below": 20},
    }
    path = spectra(tmp_path / "closed.h5")
    with h5py.File(path, "a") as file:
        file.flush()
        close(file)
    infer({"infer": given}, path, tmp_path / "s.json", tmp_path / "w")
    result = json.loads((tmp_path / "s.json").read_text())
    assert result["best"] is None
    for entry in result["windows"]:
        for name in ("observed", "p_value", "z_local", "z_signed", "signal"):
            assert entry[name] is None
        assert entry["upper_limit"]["observed"] is None
        assert entry["upper_limit"]["expected"] > 0
        assert "nuisances" not in entry
        assert list(entry["closure"]["relative_differences"]) == ["upper_limit_expected"]
    tight = result["windows"][1]
    assert tight["method"] == "toys"
    assert tight["toys"]["asymptotic"]["upper_limit"]["observed"] is None
    content = json.loads((tmp_path / "w" / tight["workspace"]).read_text())
    assert content["measurements"][0]["name"] == "blind"
    assert content["observations"][0]["data"] == pytest.approx(content["channels"][0]["samples"][1]["data"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"signal": {"shape": "dataset"}}, "shape: dataset and the key 'dataset'"),
        ({"uncertainties": {"energy_scale": 0.02}}, "uncertainties.energy_scale moves a shape"),
        ({"uncertainties": {"statistics": True}}, "it needs signal.shape: dataset"),
        ({"uncertainties": {"spurious_signal": "measured"}}, "needs other background functions"),
        ({"uncertainties": {"spurious_signal": -1}}, "a number of events is not negative"),
        ({"envelope": ["dijt"]}, "unknown stats method 'dijt'. Did you mean 'dijet'"),
        ({"envelope": [{"function": "dijet", "options": {"n": 3}}]}, "n: unknown key"),
    ],
)
def test_wrong_settings_are_one_message(run, tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        run(settings)
    assert not (tmp_path / "significance.json").exists()


@pytest.mark.usefixtures("without_pyhf")
def test_the_command_line_takes_the_shape_of_a_dataset(tmp_path):
    mass = np.random.default_rng(1).normal(3800.0, 60.0, 2000)
    settings = {"infer": {"signal": {"shape": "dataset", "dataset": "wprime"}}, "seed": 1}
    words = ["infer", "test", "--settings", json.dumps(settings)]
    words += ["--spectra", str(spectra(tmp_path / "spectra.h5"))]
    words += ["--significance", str(tmp_path / "s.json"), "--workspaces", str(tmp_path / "w")]
    assert cli.main(words) == ConfigError.exit_code
    assert cli.main([*words, "--signal", f"wprime={features(tmp_path / 'f', mass)}"]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["windows"][0]["signal"]["error"] > 0


def test_the_workflow_gives_the_rule_the_features_of_the_signal(root):
    raw = read_yaml(root / "config/demo.yaml")
    assert Plan(load(root / "config/demo.yaml")).signal_files() == []
    raw["infer"] = {"signal": {"shape": "dataset", "dataset": "wprime"}}
    plan = Plan(parse(raw))
    assert plan.signal_arguments() == "--signal wprime=results/demo/represent/wprime/nominal/features.json"
    assert plan.signal_files()[0] == "results/demo/represent/wprime/nominal/features.json"
    assert len(plan.signal_files()) == 3
    raw["infer"]["signal"]["dataset"] = "wprim"
    with pytest.raises(ConfigError, match=r"unknown dataset 'wprim'\. Did you mean 'wprime'"):
        parse(raw)


def test_only_the_keys_of_this_test_are_in_its_slice(root):
    raw = read_yaml(root / "config/demo.yaml")
    before = Plan(parse(raw)).settings("infer")
    raw["infer"]["validation"] = {"n_toys": 7}
    assert Plan(parse(raw)).settings("infer") == before
    raw["infer"]["toys"] = {"n": 700}
    assert Plan(parse(raw)).settings("infer") != before
