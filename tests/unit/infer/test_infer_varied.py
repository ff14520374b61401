"""Nuisance parameters of variations through `infer test`: closed forms, the workspaces, bad input."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from test_infer_significance import EDGES, WINDOWS, spectra, without_pyhf  # noqa: F401
from test_infer_templates import features

from resonaut import cli
from resonaut.config import load, parse, read_yaml
from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.infer import templates
from resonaut.infer.settings import InferSettings, SignalSettings
from resonaut.infer.significance import infer
from resonaut.infer.spectra import read as read_spectra
from resonaut.infer.varied import LARGEST, Side, Varied, of_source
from resonaut.scan import Window
from resonaut.stats.paired import Change
from resonaut.workflow import Plan

SIGNAL = {"signal": {"shape": "dataset", "dataset": "wprime"}}
JES = {"jes": {"jes_up": 1.0, "jes_down": -1.0}}
N_EVENTS = 20_000


def masses():
    return np.random.default_rng(1).normal(3800.0, 114.0, N_EVENTS)


def written(path, varied, sources=JES, windows=WINDOWS[1:], **attributes):
    """A file of `hunt templates`: by variation (mass, weight), all of them selected."""
    with h5py.File(path, "w") as file:
        for name, (mass, weight) in {"nominal": (masses(), 1.0), **varied}.items():
            file[f"{name}/mass"], file[f"{name}/weight"] = mass, np.full(len(mass), weight)
            file[f"{name}/event"] = np.arange(len(mass), dtype=np.uint64)
            file[f"{name}/selected"] = np.ones((len(windows), 2, len(mass)), bool)
        file["efficiencies"] = np.array([1.0, 0.02])
        known = {"mixture": "data", "method": "cwola", "dataset": "wprime", "kind": "signal_variations"}
        more = {"windows": json.dumps(windows), "sources": json.dumps(sources)}
        file.attrs.update({**known, **more, **attributes})
    return path


@pytest.fixture
def run(tmp_path):
    def run_(varied, uncertainties, **more):
        given = {"infer": {**SIGNAL, "uncertainties": uncertainties}, "seed": 1}
        path = None if varied is None else written(tmp_path / "t.h5", varied, **more)
        signal = {"wprime": features(tmp_path / "f", masses())}
        files = spectra(tmp_path / "spectra.h5"), tmp_path / "s.json", tmp_path / "w"
        infer(given, *files, signal, path)
        return json.loads((tmp_path / "s.json").read_text())["windows"]

    return run_


def of_signal(folder, entry):
    """Modifiers of the signal in the workspace of an entry, by name and type."""
    content = json.loads((folder / "w" / entry["workspace"]).read_text())
    sample = next(one for one in content["channels"][0]["samples"] if one["name"] == "signal")
    return sample["data"], {(one["name"], one["type"]): one["data"] for one in sample["modifiers"]}


@pytest.mark.usefixtures("without_pyhf")
def test_a_change_of_the_rate_alone_is_a_normsys_of_that_size(run, tmp_path):
    varied = {"jes_up": (masses(), 1.2), "jes_down": (masses(), 1 / 1.2)}
    found = run(varied, {"variations": ["jes"]})
    for entry in found:
        _, modifiers = of_signal(tmp_path, entry)
        assert modifiers[("jes", "normsys")] == pytest.approx({"hi": 1.2, "lo": 1 / 1.2})
        assert ("jes", "histosys") not in modifiers
        assert entry["nuisances"]["names"] == ["jes"]
        assert entry["variations"]["jes"]["variations"]["jes_up"]["rate_error"] == pytest.approx(0, abs=1e-6)
        assert not entry["variations"]["jes"]["shape"]
    # Which is what an uncertainty of the acceptance of that size does, by the same formula.
    same = run(None, {"acceptance": 0.2})
    bare = run(None, {})
    for entry, other, nothing in zip(found, same, bare, strict=True):
        assert entry["upper_limit"] == pytest.approx(other["upper_limit"], rel=1e-6)
        assert entry["upper_limit"]["expected"] > 1.01 * nothing["upper_limit"]["expected"]


def test_a_shifted_peak_is_the_template_of_the_energy_scale_and_closes(run, tmp_path):
    varied = {"jes_up": (1.03 * masses(), 1.0), "jes_down": (0.97 * masses(), 1.0)}
    entry = run(varied, {"variations": ["jes"]})[1]
    assert entry["closure"]["passes"], entry["closure"]
    settings = SignalSettings(**SIGNAL["signal"])
    whole = templates.read(settings, {"wprime": tmp_path / "f/features.json"})
    made = templates.make(settings, whole, Window(**WINDOWS[1]), EDGES, 0.03)
    nominal, modifiers = of_signal(tmp_path, entry)
    shown = slice(6, 20)
    np.testing.assert_allclose(nominal, made.nominal[shown], atol=1e-9)
    # The fine bins that masses are kept in are 7e-5 wide.
    np.testing.assert_allclose(modifiers[("jes", "histosys")]["hi_data"], made.up[shown], atol=3e-3)
    np.testing.assert_allclose(modifiers[("jes", "histosys")]["lo_data"], made.down[shown], atol=3e-3)
    assert modifiers[("jes", "normsys")] == pytest.approx({"hi": 1.0, "lo": 1.0})
    assert entry["variations"]["jes"]["shape"]
    assert entry["pyhf"]["upper_limit_expected"] == pytest.approx(entry["upper_limit"]["expected"], rel=0.03)
    names = [one["name"] for one in json.loads((tmp_path / "w" / entry["hs3"]).read_text())["data"]]
    assert names
    # The same as the energy scale that is written into the configuration.
    scale = run(None, {"energy_scale": 0.03})[1]
    assert entry["upper_limit"]["expected"] == pytest.approx(scale["upper_limit"]["expected"], rel=0.01)


@pytest.mark.usefixtures("without_pyhf")
def test_a_search_that_selects_few_of_the_signal_takes_the_shape_of_all(run, tmp_path):
    varied = {"jes_up": (1.03 * masses(), 1.0), "jes_down": (0.97 * masses(), 1.0)}
    path = tmp_path / "few.h5"
    written(path, varied)
    with h5py.File(path, "a") as file:
        for name, kept in (("nominal", 100), ("jes_up", 80), ("jes_down", 120)):
            file[name]["selected"][0, 1, kept:] = False
    signal = {"wprime": features(tmp_path / "f", masses())}
    files = spectra(tmp_path / "spectra.h5"), tmp_path / "s.json", tmp_path / "w"
    infer({"infer": {**SIGNAL, "uncertainties": {"variations": ["jes"]}}}, *files, signal, path)
    loose, tight = json.loads((tmp_path / "s.json").read_text())["windows"]
    assert (loose["variations"]["jes"]["shape_from"], loose["variations"]["jes"]["rate_up"]) == (
        "selected",
        1,
    )
    assert tight["variations"]["jes"]["shape_from"] == "all"
    assert tight["variations"]["jes"]["rate_up"] == pytest.approx(0.8)
    assert tight["variations"]["jes"]["rate_down"] == pytest.approx(1.2)
    error = tight["variations"]["jes"]["variations"]["jes_up"]["rate_error"]
    assert error == pytest.approx(0.8 * np.sqrt(20 / (100 * 80)))
    both = [of_signal(tmp_path, entry) for entry in (loose, tight)]
    np.testing.assert_allclose(both[0][0], both[1][0], atol=1e-9)
    for key in ("hi_data", "lo_data"):
        assert both[0][1][("jes", "histosys")][key] == pytest.approx(both[1][1][("jes", "histosys")][key])


def side(name, sigma, ratio, difference=(0.0, 0.0), p_value=1.0):
    difference = np.array(difference)
    found = Change(ratio, 0.01, difference, np.zeros((2, 2)), p_value)
    return Side(name, sigma, found, found)


def test_sides_are_brought_to_one_standard_deviation_and_mirrored():
    nominal = np.array([0.5, 0.4])
    alone = of_source("tracks", [side("tracks", 2.0, 0.81, (-0.1, 0.1), 0.01)], nominal)
    assert (alone.high, alone.low) == pytest.approx((0.9, 1 / 0.9))
    np.testing.assert_allclose([alone.up, alone.down], [[0.45, 0.45], [0.55, 0.35]])
    down = of_source("jes", [side("jes_down", -1.0, 0.8)], nominal)
    assert (down.high, down.low) == pytest.approx((1.25, 0.8))
    assert down.up is None
    both = of_source("jes", [side("jes_down", -1, 1.1), side("jes_up", 1, 1.3, (0, -0.6), 0.04)], nominal)
    assert (both.high, both.low) == pytest.approx((1.3, 1.1))
    np.testing.assert_allclose([both.up, both.down], [[0.5, 0], nominal])
    extreme = of_source("jes", [side("jes", 1.0, 1e-3)], nominal)
    assert (extreme.high, extreme.low) == pytest.approx((1 / LARGEST, LARGEST))
    with pytest.raises(ConfigError, match=r"a \(\+1 sigma\), b \(\+2 sigma\); one of each direction"):
        of_source("jes", [side("a", 1, 1.0), side("b", 2, 1.0)], nominal)


@pytest.mark.parametrize(
    ("attributes", "error", "words"),
    [
        ({"method": "cathode"}, MismatchError, "its method is 'cathode', 'cwola' is expected"),
        ({"dataset": "zprime"}, MismatchError, "its dataset is 'zprime'"),
        ({"kind": "scores"}, InputError, "a file of kind 'signal_variations' is expected, got 'scores'"),
        ({"sources": "{}"}, ConfigError, "holds no 'jes'"),
        ({"windows": WINDOWS[:1]}, MismatchError, "other windows or efficiencies"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, attributes, error, words):
    path = written(tmp_path / "t.h5", {"jes_up": (masses(), 1.0), "jes_down": (masses(), 1.0)}, **attributes)
    with pytest.raises(error, match=words):
        Varied(path, read_spectra(spectra(tmp_path / "s.h5")), ["jes"], "wprime")


@pytest.mark.usefixtures("without_pyhf")
def test_the_command_asks_for_the_file_and_takes_it(tmp_path, capsys):
    uncertain = {**SIGNAL, "uncertainties": {"variations": ["jes"]}}
    words = ["infer", "test", "--settings", json.dumps({"infer": uncertain, "seed": 1})]
    words += ["--spectra", str(spectra(tmp_path / "spectra.h5")), "--significance", str(tmp_path / "s.json")]
    words += ["--workspaces", str(tmp_path / "w"), "--signal", f"wprime={features(tmp_path / 'f', masses())}"]
    assert cli.main(words) == ConfigError.exit_code
    assert "--variations: infer.uncertainties.variations names jes" in capsys.readouterr().err
    path = written(tmp_path / "t.h5", {"jes_up": (masses(), 1.1), "jes_down": (masses(), 0.9)})
    assert cli.main([*words, "--variations", str(path)]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["windows"][0]["nuisances"]["names"] == ["jes"]


@pytest.fixture
def study(root):
    raw = read_yaml(root / "config/demo.yaml")
    raw["variations"] = {
        "jes_up": {"kind": "energy_scale", "shift": 0.05},
        "jes_down": {"kind": "energy_scale", "shift": -0.05},
        "other": {"kind": "dataset", "replace": {"qcd": "wprime"}},
        "mu": {"kind": "energy_scale", "shift": 0.01},
    }
    raw["ingest"] = {"jets": {"pt_min": 100.0}}
    raw["infer"] = {**SIGNAL, "uncertainties": {"variations": ["jes"]}}
    return raw


def test_slices_and_files_are_as_they_were_where_nothing_is_asked_for(root, study):
    before, plan = Plan(load(root / "config/demo.yaml")), Plan(parse(study))
    (mixture, method), *_ = plan.study.searches()
    assert before.varied_rows(mixture, method) == []
    assert before.varied_scores("") == {}
    assert before.varied_arguments(mixture, method) == before.templates_arguments(mixture, method) == ""
    asked = {key: study.pop(key) for key in ("variations", "infer")}
    without = Plan(parse({**study, "infer": SIGNAL}))
    more = Plan(parse({**study, **asked}))
    for stage in ("validate", "global"):
        assert more.settings(stage) == without.settings(stage), "only the tests of a search take them"
    names = {"mixture": mixture, "method": method}
    assert "varied" not in json.loads(without.settings("detect", **names))
    assert "variations" not in without.settings("infer")
    assert json.loads(more.settings("detect", **names))["varied"] == {
        "dataset": "wprime",
        "variations": {name: {} for name in ("nominal", "jes_down", "jes_up")},
    }
    assert json.loads(more.settings("templates"))["sources"] == JES
    assert more.templates_files(mixture, method) == [f"results/demo/hunt/{mixture}/{method}/templates.h5"]
    rows = more.varied_rows(mixture, method)
    kind = more.study.detect[method].representations()[0]
    assert f"results/demo/represent/wprime/jes_up/{kind}.json" in rows
    assert f"results/demo/represent/wprime/jes_up/{kind}/000/000000.h5" in rows


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uncertainties": {"variations": ["jse"]}}, r"unknown source 'jse'\. Did you mean 'jes'"),
        ({"uncertainties": {"variations": ["mu"]}}, "'mu' is the name of another parameter"),
        ({"uncertainties": {"variations": ["other"]}}, "'other' does not change the signal 'wprime'"),
        ({"uncertainties": {"variations": ["jes", "jes"]}}, "a source is named twice"),
        ({"signal": {"shape": "gaussian"}}, "they need signal.shape: dataset. The background of a search"),
    ],
)
def test_what_cannot_be_is_refused_when_the_configuration_is_read(study, change, words):
    study["infer"] = {**study["infer"], **change}
    with pytest.raises(ConfigError, match=words):
        parse(study)
    assert InferSettings().model_dump()["uncertainties"].keys() >= {"luminosity"}
