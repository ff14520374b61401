"""Variations of kind `pileup` in a study: what is refused, and what the workflow makes of them."""

from __future__ import annotations

import json

import pytest

from resonaut import config
from resonaut.errors import ConfigError
from resonaut.workflow import Plan

QCD = {
    "source": "pythia",
    "label": "qcd",
    "process": "qcd_dijet",
    "n_events": 2_000,
    "chunk_events": 1_000,
    "cuts": {"pt_hat_min": 500},
}
MINBIAS = {"source": "pythia", "process": "minimum_bias", "n_events": 500, "chunk_events": 250}
FILES = {"source": "files", "label": "data", "files": ["/tmp/none.h5"]}


def _study(pileup=None, **datasets):
    given = {"kind": "pileup", "mean": 60, "minimum_bias": "minbias", **(pileup or {})}
    datasets = {"qcd": QCD, "minbias": MINBIAS, **datasets}
    return {"study": "s", "seed": 4, "datasets": datasets, "variations": {"pileup_60": given}}


@pytest.mark.parametrize(
    ("pileup", "datasets", "words"),
    [
        ({"minimum_bias": "minbais"}, {}, ["pileup_60.minimum_bias", "'minbais'", "Did you mean 'minbias'?"]),
        ({"minimum_bias": "qcd"}, {}, ["pileup_60.minimum_bias", "'qcd_dijet'", "process: minimum_bias"]),
        ({"minimum_bias": "data"}, {"data": FILES}, ["'data' is not simulated", "source 'files'"]),
        (
            {"minimum_bias": "shower"},
            {
                "shower": {
                    "source": "em_showers",
                    "n_events": 10,
                    "energies": [10],
                    "calorimeter": {"preset": "si_w"},
                    "particle": "photon",
                }
            },
            ["'shower' is not simulated with particles", "em_showers"],
        ),
        ({"mean": 301}, {}, ["pileup_60", "mean", "300"]),
        ({"mean": 0}, {}, ["pileup_60", "mean"]),
        ({"mu": 60}, {}, ["pileup_60", "mu"]),
        ({"mitigation": "pupi"}, {}, ["pileup_60", "mitigation", "'puppi'"]),
        ({"puppi": {"r_min": 0.5}}, {}, ["r_min (0.5) must be below r_max (0.3)"]),
        ({"datasets": ["qdc"]}, {}, ["pileup_60.datasets", "'qdc'", "Did you mean 'qcd'?"]),
        ({"datasets": ["minbias"]}, {}, ["'minbias' is pile-up itself"]),
        (
            {"datasets": ["data"], "mitigation": "puppi"},
            {"data": {**FILES, "reader": "lhco"}},
            ["'lhco'", "no charge and dz", "'puppi'", "none or softkiller"],
        ),
        ({"datasets": ["data"]}, {"data": {**FILES, "reader": "toptag"}}, ["'toptag'", "clustered already"]),
        ({"uses_max": 100}, {}, ["each of the 500 events", "used 240 times", "'qcd'", "at least 1200"]),
        (
            {},
            {"minbias": {**MINBIAS, "detector": "atlas"}},
            ["detector of 'qcd' is cms", "'minbias' is atlas"],
        ),
        ({}, {"minbias": {**MINBIAS, "sqrt_s": 14e3}}, ["sqrt_s of 'qcd' is 13000", "'minbias' is 14000"]),
        ({}, {"minbias": {**MINBIAS, "n_events": 300_001}}, ["300001 events", "at most 300000"]),
    ],
)
def test_pileup_that_cannot_be_made_is_refused_when_the_study_is_read(pileup, datasets, words):
    with pytest.raises(ConfigError) as caught:
        config.parse(_study(pileup, **datasets))
    for word in words:
        assert word in str(caught.value)


def test_minimum_bias_is_no_dataset_to_represent():
    with pytest.raises(ConfigError, match=r"tag.dense: features are needed, but of dataset 'minbias' none"):
        config.parse(
            {
                **_study(),
                "tag": {"dense": {"signal": ["minbias"], "background": ["qcd"], "inputs": ["jets/pt"]}},
            }
        )
    plan = Plan(config.parse(_study()))
    assert plan.stored_datasets() == ["qcd"]
    assert not [path for path in plan.targets("represent") if "minbias" in path]
    assert len([path for path in plan.targets("simulate") if "minbias" in path]) == 2


def test_the_slice_of_nominal_knows_no_pileup_and_that_of_the_variation_is_complete():
    study = config.parse(_study({"mitigation": "softkiller"}))
    without = config.parse({"study": "s", "seed": 4, "datasets": {"qcd": QCD}})
    assert study.slice("ingest", dataset="qcd") == without.slice("ingest", dataset="qcd")
    found = json.loads(study.slice("ingest", dataset="qcd", variation="pileup_60"))
    overlay = found.pop("pileup")
    assert found == json.loads(study.slice("ingest", dataset="qcd"))
    assert (overlay["variation"], overlay["seed"], overlay["mean"]) == ("pileup_60", 4, 60)
    assert overlay["mitigation"] == "softkiller"
    # The bound on reuse makes no event, so that a change of it reruns nothing.
    other = config.parse(_study({"mitigation": "softkiller", "uses_max": 1000}))
    assert other.slice("ingest", dataset="qcd", variation="pileup_60") == study.slice(
        "ingest", dataset="qcd", variation="pileup_60"
    )


def test_the_rule_reads_all_minimum_bias_files_of_the_variation_and_none_in_nominal():
    plan = Plan(config.parse(_study()))
    folder = plan.study.data_folder("minbias")
    files = [f"{folder}/nominal/000/00000{number}.root" for number in (0, 1)]
    assert plan.minimum_bias_files("qcd", "pileup_60") == files
    assert plan.minimum_bias_files("qcd", "nominal") == []
    assert plan.minimum_bias_arguments("qcd", "pileup_60") == f"--minimum-bias {files[0]} {files[1]}"
    assert plan.minimum_bias_arguments("qcd", "nominal") == ""
    assert plan.ingested_variations() == "nominal|pileup_60"
    assert plan.ingest_code("qcd", "nominal") == plan.reader_code("qcd")
    assert plan.ingest_memory("qcd", "pileup_60") > plan.ingest_memory("qcd", "nominal")
    assert plan.ingest_minutes("qcd", "pileup_60") > plan.ingest_minutes("qcd", "nominal")


def test_a_variation_for_chosen_datasets_leaves_the_others_nominal():
    plan = Plan(config.parse(_study({"datasets": ["qcd"]}, top={**QCD, "label": "top"})))
    assert plan.minimum_bias_files("top", "pileup_60") == []
    assert plan.varied_manifest("features", "top", "pileup_60").endswith(
        "represent/top/nominal/features.json"
    )
    assert plan.varied_manifest("features", "qcd", "pileup_60").endswith("qcd/pileup_60/features.json")


def test_a_figure_of_each_dataset_is_drawn_from_the_stores_of_all_its_variations():
    raw = _study({"datasets": ["qcd"]}, top={**QCD, "label": "top"})
    raw["variations"]["pileup_30"] = {**raw["variations"]["pileup_60"], "mean": 30}
    plan = Plan(config.parse(raw))
    assert [name for name in plan.figures() if "pileup" in name] == ["ingest_pileup/qcd"]
    folder = "results/s/ingest/qcd"
    assert plan.figure_arguments("ingest_pileup", "qcd") == (
        f"--varied pileup_30={folder}/pileup_30/manifest.json pileup_60={folder}/pileup_60/manifest.json "
        f"--nominal {folder}/nominal/manifest.json"
    )
    files = plan.figure_files("ingest_pileup", "qcd")
    # Of each of the three a manifest and two chunks.
    assert len(files) == 9
    assert f"{folder}/pileup_30/000/000001.h5" in files
