"""Entries of `variations`: what is refused, cuts that come too early, pairs, what a dataset becomes."""

from __future__ import annotations

from typing import Any

import pytest

from resonaut import variation_settings
from resonaut.config import Study, parse
from resonaut.errors import ConfigError
from resonaut.variation_settings import pairs, signed_sigma
from resonaut.workflow import Plan

SIMULATED = {"source": "pythia", "process": "qcd_dijet", "n_events": 100, "cuts": {"pt_hat_min": 300}}
WEIGHTED = {**SIMULATED, "shower_weights": {"fsr_up": "fsr:muRfac=0.5"}}


def study(variations: dict[str, Any], **changes: Any) -> Study:
    raw = {
        "study": "s",
        "datasets": {"top": SIMULATED | {"process": "ttbar"}, "qcd": SIMULATED, "herwig": SIMULATED},
        "represent": {"n_jets": 1, "selection": {"leading_jet_pt_min": 550, "leading_jet_pt_max": 650}},
        "tag": {"pfn": {"signal": ["top"], "background": ["qcd"]}},
        "variations": variations,
        "response": {"all": {}},
    }
    return parse({**raw, **changes})


JES = {"kind": "energy_scale", "shift": 0.05}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"shift": 0.1}, ["variations.x: the key 'kind' is required", "energy_scale"]),
        ({"kind": "energy_scal", "shift": 0.1}, ["variations.x: kind", "Did you mean 'energy_scale'?"]),
        ({"kind": "energy_scale", "shfit": 0.1}, ["variations.x: shfit", "Did you mean 'shift'?"]),
        ({"kind": "energy_scale", "shift": 0.6}, ["variations.x: shift", "0.5", "0.6"]),
        ({"kind": "energy_scale", "shift": -0.51}, ["variations.x: shift", "-0.5"]),
        ({"kind": "energy_scale"}, ["variations.x", "'shift' and 'bins'"]),
        (
            {"kind": "energy_scale", "bins": {"variable": "pt", "edges": [1], "values": [0, 0.9]}},
            ["bins.values", "0.5", "[0.0, 0.9]"],
        ),
        (
            {"kind": "energy_scale", "bins": {"variable": "pt", "edges": [1, 2], "values": [0, 0.1]}},
            ["bins", "3 are expected for 2 edges, got 2"],
        ),
        (
            {"kind": "energy_scale", "bins": {"variable": "pt", "edges": [2, 1], "values": [0, 0.1, 0]}},
            ["bins", "ascending", "[2.0, 1.0]"],
        ),
        ({"kind": "energy_scale", "shift": 0.1, "sigma": 0}, ["variations.x: sigma", "other than 0"]),
        ({"kind": "track_efficiency", "loss": 1.0}, ["variations.x: loss", "less than 1"]),
        ({"kind": "track_efficiency", "loss": -0.1}, ["variations.x: loss", "0"]),
        ({"kind": "track_efficiency"}, ["variations.x", "one of them must be above 0"]),
        ({"kind": "angular_smearing", "eta": 0.2}, ["variations.x: eta", "0.1"]),
        ({"kind": "angular_smearing", "phi": 4.0}, ["variations.x: phi", "0.1"]),
        ({"kind": "angular_smearing"}, ["variations.x", "one of them must be above 0"]),
        ({"kind": "energy_resolution", "factor": 0.9}, ["variations.x: factor", "1"]),
        ({"kind": "weight", "column": "fsr_up"}, ["variations.x.column", "'top'", "shower_weights"]),
        ({"kind": "dataset", "replace": {"qcd": "hervig"}}, ["x.replace", "Did you mean 'herwig'?"]),
        ({"kind": "dataset", "replace": {"qcd": "qcd"}}, ["x.replace", "its own place"]),
    ],
)
def test_bad_entries(entry: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        study({"x": entry})
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_nominal_is_reserved() -> None:
    with pytest.raises(ConfigError, match=r"variations\.nominal: this name"):
        study({"nominal": JES})


@pytest.mark.parametrize(
    ("preselection", "entry", "message"),
    [
        ({"leading_jet_pt_min": 530}, JES, "leading_jet_pt_min.*at most 523.81"),
        ({"leading_jet_pt_max": 670}, {**JES, "shift": -0.05}, "leading_jet_pt_max.*at least 684.21"),
        ({"leading_jet_pt_max": 660}, {"kind": "track_efficiency", "loss": 0.1}, "at least 722.22"),
        ({"mass_min": 100}, JES, r"mass_min \(0.0\).*at most 0"),
        # sigma / pt = 0.04 at high pt: sqrt(1.1^2 - 1) 0.04 3 = 5.5 %
        (
            {"leading_jet_pt_min": 530},
            {"kind": "energy_resolution", "stochastic": 0.0},
            "leading_jet_pt_min.*at most 521.3",
        ),
    ],
)
def test_a_preselection_that_cuts_too_early(
    preselection: dict[str, float], entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        study({"x": entry}, ingest={"preselection": {"n_jets_min": 1, **preselection}})
    loose = {"n_jets_min": 1, "leading_jet_pt_min": 500, "leading_jet_pt_max": 750}
    assert study({"x": entry}, ingest={"preselection": loose}).variations["x"].touches == "represent"


def test_jets_that_were_not_stored() -> None:
    represent = {"n_jets": 1, "selection": {"jet_pt_min": 205}}
    with pytest.raises(ConfigError, match=r"jets below ingest\.jets\.pt_min \(200\).*at most 195\.24"):
        study({"x": JES}, represent=represent)
    study({"x": JES}, represent=represent, ingest={"jets": {"pt_min": 195}})


def test_shifts_of_constituents_that_a_dataset_lacks() -> None:
    files = {"source": "files", "files": ["top.h5"], "reader": "toptag"}
    datasets = {"top": SIMULATED | {"process": "ttbar"}, "qcd": files}
    with pytest.raises(ConfigError, match=r"response\.all\.variations: .*charge or pdg_class.*'toptag'"):
        study({"x": {"kind": "track_efficiency", "loss": 0.1}}, datasets=datasets)
    dense = {"dense": {"kind": "dense", "signal": ["top"], "background": ["qcd"], "inputs": ["jets/pt"]}}
    datasets["qcd"] = {**files, "represent": ["features"]}
    with pytest.raises(ConfigError, match="shifts constituents of jets, and dataset 'qcd'"):
        study({"x": JES}, datasets=datasets, tag=dense)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tagger": "pnf"}, r"response\.all\.tagger: .*Did you mean 'pfn'"),
        ({"variations": ["jes_op"]}, r"response\.all\.variations: .*Did you mean 'jes_up'"),
        ({"efficiencies": [1.0]}, r"response\.all\.efficiencies"),
        ({"tagger": ["pfn"], "efficiencies": []}, r"response\.all\.efficiencies"),
        ({"variations": ["other"]}, "'other' changes no dataset of the tagger 'pfn'"),
    ],
)
def test_bad_responses(entry: dict[str, Any], message: str) -> None:
    variations = {"jes_up": JES, "other": {"kind": "dataset", "replace": {"herwig": "qcd"}}}
    with pytest.raises(ConfigError, match=message):
        study(variations, response={"all": entry})


def test_a_response_without_variations_or_taggers() -> None:
    with pytest.raises(ConfigError, match=r"response\.all: no entry of 'variations'"):
        study({})
    with pytest.raises(ConfigError, match=r"response\.all: no tagger"):
        study({"jes": JES}, tag={})


def test_pairs_and_signs() -> None:
    assert pairs(["jes_up", "jer", "jes_down", "a_down"]) == {
        "a": ("a_down", None),
        "jer": ("jer", None),
        "jes": ("jes_up", "jes_down"),
    }
    assert pairs(["a", "a_up", "a_down"]) == {n: (n, None) for n in ("a", "a_up", "a_down")}
    made = study({"jes_up": JES, "jes_down": {**JES, "shift": -0.05}, "two": {**JES, "sigma": 2}})
    signs = [signed_sigma(name, made.variations[name]) for name in ("jes_up", "jes_down", "two")]
    assert signs == [1, -1, 2]


def test_what_a_dataset_becomes() -> None:
    datasets = {"top": WEIGHTED, "qcd": WEIGHTED, "herwig": SIMULATED}
    variations = {
        "jes": JES,
        "model": {"kind": "dataset", "replace": {"qcd": "herwig"}},
        "fsr": {"kind": "weight", "column": "fsr_up", "datasets": ["top", "qcd"]},
    }
    plan = Plan(study(variations, datasets=datasets))
    base = "results/s/represent"
    assert plan.varied_manifest("clouds", "qcd", "jes") == f"{base}/qcd/jes/clouds.json"
    assert plan.varied_manifest("clouds", "qcd", "model") == f"{base}/herwig/nominal/clouds.json"
    assert plan.varied_manifest("clouds", "top", "model") == f"{base}/top/nominal/clouds.json"
    assert plan.varied_manifest("clouds", "qcd", "fsr") == f"{base}/qcd/nominal/clouds.json"
    assert plan.scored_file("pfn", "qcd", "jes") == "results/s/tag/pfn/varied/jes/qcd.h5"
    assert plan.scored_file("pfn", "qcd", "model") == "results/s/tag/pfn/scored/herwig.h5"
    assert plan.scored_file("pfn", "qcd") == plan.scored_file("pfn", "qcd", "fsr")
    assert plan.represented_from("qcd", "jes", "000/000000") == "results/s/ingest/qcd/nominal/000/000000.h5"
    chunk = f"{base}/qcd/jes/clouds/000/000000.h5"
    assert plan.representation("clouds", ["qcd"], "jes") == [f"{base}/qcd/jes/clouds.json", chunk]
    assert plan.arguments("clouds", ["qcd"], "--x", "jes") == f"--x qcd={base}/qcd/jes/clouds.json"
    reads = plan.trust_arguments("response", "all")
    assert f"pfn/model/qcd={plan.scored_file('pfn', 'herwig')}" in reads
    assert f"--manifests pfn/fsr/qcd={base}/qcd/nominal/clouds.json" in reads


def test_a_tagger_of_scores_reads_those_of_the_same_variation() -> None:
    inputs = ["jets/mass", "taggers/pfn"]
    both = {"kind": "dense", "signal": ["top"], "background": ["qcd"], "inputs": inputs}
    pfn = {"signal": ["top"], "background": ["qcd"]}
    plan = Plan(study({"jes": JES}, tag={"pfn": pfn, "both": both}))
    varied = "results/s/tag/pfn/varied/jes/qcd.h5"
    assert plan.scored_beside_files("both", "qcd", "jes") == [varied]
    assert plan.scored_beside_arguments("both", "qcd", "jes") == f"--scored pfn/qcd={varied}"
    assert plan.scored_beside_files("both", "qcd") == ["results/s/tag/pfn/scored/qcd.h5"]
    assert plan.scored_beside_arguments("pfn", "qcd", "jes") == ""


def test_slices_of_nominal_know_no_variations() -> None:
    plain, varied = (Plan(study(v, response={})) for v in ({}, {"jes": JES}))
    for kind in ("features", "images", "clouds"):
        nominal = plain.represent_settings(kind, "qcd", "nominal")
        assert varied.represent_settings(kind, "qcd", "nominal") == nominal == plain.settings(kind)
        assert '"variation"' in varied.represent_settings(kind, "qcd", "jes")
        assert varied.represent_code(kind, "qcd", "nominal") == plain.code(kind)
        assert varied.represent_code(kind, "qcd", "jes") != plain.code(kind)
    assert plain.settings("tag", method="pfn") == varied.settings("tag", method="pfn")


def test_every_kind_says_what_it_is() -> None:
    from resonaut import variations

    for kind in variations.names():
        module = variations.load(kind)
        assert module.__doc__.startswith(f"Kind `{kind}`")
        assert module.TOUCHES in ("represent", "ingest", "none")
        assert callable(getattr(module, "shifted", None)) == (module.TOUCHES == "represent")
        assert module.Settings.model_config["extra"] == "forbid"
    assert variation_settings.NOMINAL not in variations.names()
