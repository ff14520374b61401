"""What the workflow knows of `uncertainty`: files that an entry reads, entries that do not fit the study."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from resonaut import workflow
from resonaut.config import parse
from resonaut.errors import ConfigError


@pytest.fixture
def raw(root):
    found = yaml.safe_load((root / "config/five_class.yaml").read_text())
    inputs = found["tag"]["dense"]["inputs"]
    found["tag"]["binary"] = {"kind": "dense", "signal": ["w"], "background": ["qcd"], "inputs": inputs}
    found["tag"]["value"] = {"kind": "dense", "datasets": ["w"], "target": "gen_mass", "inputs": inputs}
    found["tag"]["stacked"] = {
        **found["tag"]["binary"], "inputs": ["taggers/binary", "jets/mass"]
    }  # fmt: skip
    found["datasets"]["w"]["shower_weights"] = {"fsr_up": "fsr:muRfac=0.707"}
    found["variations"] = {
        "jes_up": {"kind": "energy_scale", "shift": 0.02},
        "heavier": {"kind": "weight", "column": "fsr_up", "datasets": ["w"]},
    }
    found["uncertainty"] = {"sure": {"tagger": "binary", "ood": ["top", "jes_up"]}}
    return found


def test_what_an_entry_reads(raw):
    plan = workflow.Plan(parse(raw))
    found = plan.trust_reads("uncertainty", "sure")
    start = "results/five_class"
    assert f"{start}/tag/binary/weights.safetensors" in found
    for folder in ("w/nominal", "qcd/nominal", "top/nominal", "w/jes_up", "qcd/jes_up"):
        assert f"{start}/represent/{folder}/features.json" in found
        assert f"{start}/represent/{folder}/features/000/000001.h5" in found
    assert not any("represent/z/" in path for path in found)
    words = plan.trust_arguments("uncertainty", "sure")
    assert f"--features qcd={start}/represent/qcd/nominal/features.json" in words
    assert f"--ood top/top={start}/represent/top/nominal/features.json" in words
    assert f"jes_up/qcd={start}/represent/qcd/jes_up/features.json" in words
    assert f"{start}/tag/uncertainty/sure/uncertainty.json" in plan.targets("tag")
    assert "tag_uncertainty/sure" in plan.figures()
    slice_ = json.loads(plan.settings("uncertainty", name="sure"))
    assert (slice_["name"], slice_["seed"], slice_["uncertainty"]["n_networks"]) == ("sure", 1, 5)


def test_the_code_of_the_tagger_counts(raw):
    plan = workflow.Plan(parse(raw))
    raw["uncertainty"]["other"] = {"tagger": "pfn"}
    both = workflow.Plan(parse(raw))
    assert both.trust_code("uncertainty", "sure") == plan.trust_code("uncertainty", "sure")
    assert both.trust_code("uncertainty", "other") != plan.trust_code("uncertainty", "sure")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"tagger": "binry"}, ["uncertainty.sure.tagger", "Did you mean 'binary'?"]),
        ({"tagger": "stacked"}, ["uncertainty.sure.tagger", "reads scores of other taggers"]),
        ({"tagger": "value"}, ["uncertainty.sure.methods", "laplace is of classes"]),
        ({"tagger": "binary", "ood": ["tpo"]}, ["uncertainty.sure.ood", "Did you mean 'top'?"]),
        ({"tagger": "binary", "ood": ["w"]}, ["uncertainty.sure.ood", "'binary' learns from 'w'"]),
        ({"tagger": "binary", "ood": ["heavier"]}, ["uncertainty.sure.ood", "changes weights only"]),
        (
            {"tagger": "binary", "n_networks": 1},
            ["uncertainty.sure.n_networks", "greater than or equal to 2"],
        ),
        ({"tagger": "binary", "sizes": [5]}, ["uncertainty.sure.sizes", "greater than or equal to 100"]),
        ({"tagger": "binary", "dropout": 1.0}, ["uncertainty.sure.dropout", "less than 1"]),
        ({"tagger": "binary", "ensembel": 3}, ["uncertainty.sure.ensembel", "unknown key"]),
    ],
)
def test_entries_that_do_not_fit(raw, entry, words):
    raw = copy.deepcopy(raw)
    raw["uncertainty"] = {"sure": entry}
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    for word in words:
        assert word in str(caught.value)
