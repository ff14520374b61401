"""The section `explain`: what it reads, what it reruns with, and entries that do not fit the study."""

from __future__ import annotations

import json

import pytest
import yaml

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.workflow import Plan

OBSERVABLES = ["jets/mass", "jets/tau32"]


@pytest.fixture
def top(root):
    """A study with taggers of features, images and clouds."""
    return yaml.safe_load((root / "config/toptag_cpu.yaml").read_text())


def study(raw, **entry):
    return parse({**raw, "explain": {"look": entry}})


def test_an_entry_reads_weights_rows_and_features(top):
    plan = Plan(study(top, what="observables", tagger="pfn", observables=OBSERVABLES))
    base = "results/toptag_cpu"
    reads = plan.trust_reads("explain", "look")
    for path in ("tag/pfn/weights.safetensors", "represent/qcd/nominal/clouds.json"):
        assert f"{base}/{path}" in reads
    assert f"{base}/represent/top/nominal/features.json" in reads
    assert f"{base}/represent/top/nominal/clouds/000/000007.h5" in reads
    words = plan.trust_arguments("explain", "look").split()
    assert words[:2] == ["--weights", f"{base}/tag/pfn/weights.safetensors"]
    assert words[2:4] == ["--clouds", f"qcd={base}/represent/qcd/nominal/clouds.json"]
    assert words[5:7] == ["--observables", f"qcd={base}/represent/qcd/nominal/features.json"]
    assert f"{base}/tag/explain/look/explain.json" in plan.targets("tag")
    assert f"{base}/review/tag_explain/look.png" in plan.targets("review")


def test_only_what_is_trained_again_has_the_tagger_in_its_slice(top):
    of_test_rows = json.loads(study(top, what="attributions", tagger="dense").slice("explain", name="look"))
    assert set(of_test_rows) == {"name", "seed", "explain"}
    again = json.loads(study(top, what="information", tagger="dense").slice("explain", name="look"))
    assert again["tag"] == json.loads(
        study(top, what="capsules", tagger="capsule").slice("tag", method="dense")
    )


def test_the_code_is_that_of_the_tagger_too(top):
    one, other = (Plan(study(top, what="attributions", tagger=name)) for name in ("pfn", "efn"))
    assert one.trust_code("explain", "look") != other.trust_code("explain", "look")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"what": "attribution", "tagger": "pfn"}, ["explain.look.what", "attributions"]),
        ({"what": "attributions"}, ["explain.look.tagger", "required"]),
        ({"what": "attributions", "tagger": "pfm"}, ["explain.look.tagger", "Did you mean 'pfn'?"]),
        ({"what": "attributions", "tagger": "pfn", "n_step": 9}, ["Did you mean 'n_steps'?"]),
        ({"what": "attributions", "tagger": "pfn", "attributions": ["lime"]}, ["attributions"]),
        (
            {"what": "attributions", "tagger": "trees"},
            ["explain.look.attributions", "no gradients", "[shap]"],
        ),
        ({"what": "information", "tagger": "trees"}, ["explain.look.tagger", "have no layers"]),
        ({"what": "capsules", "tagger": "cnn"}, ["explain.look.tagger", "kind cnn", "capsule network"]),
        ({"what": "latent", "tagger": "pfn"}, ["explain.look", "observables", "needs at least one"]),
        (
            {"what": "latent", "tagger": "pfn", "observables": ["jets/mass", "jets/mass"]},
            ["explain.look.observables", "named twice"],
        ),
        (
            {"what": "latent", "tagger": "pfn", "observables": ["taggers/cnn"]},
            ["explain.look", "not scores of taggers"],
        ),
        (
            {"what": "latent", "tagger": "pfn", "observables": OBSERVABLES, "autoencoder": {}},
            ["explain.look.autoencoder", "clouds have no fixed length"],
        ),
        (
            {"what": "observables", "tagger": "cnn", "observables": OBSERVABLES, "autoencoder": {}},
            ["explain.look", "latent only"],
        ),
        (
            {"what": "attributions", "tagger": "cnn", "of_class": "sgnal"},
            ["explain.look.of_class", "Did you mean 'signal'?"],
        ),
        ({"what": "information", "tagger": "pfn", "noise": 0}, ["explain.look.noise", "greater than 0"]),
        ({"what": "information", "tagger": "pfn", "n_jets": 5}, ["explain.look.n_jets"]),
    ],
)
def test_entries_that_do_not_fit_are_refused(top, entry, words):
    with pytest.raises(ConfigError) as caught:
        study(top, **entry)
    for word in words:
        assert word in str(caught.value)


def test_of_several_classes_one_is_named(top):
    raw = {**top, "tag": {"many": {**top["tag"]["pfn"]}}}
    for key in ("signal", "background", "matched"):
        raw["tag"]["many"].pop(key)
    raw["datasets"] = {**top["datasets"], "other": {**top["datasets"]["qcd"], "label": "other"}}
    raw["tag"]["many"] |= {"kind": "pfn", "classes": {"t": ["top"], "q": ["qcd"], "o": ["other"]}}
    with pytest.raises(ConfigError, match=r"explain.look.of_class: this key is required; one of o, q, t"):
        study(raw, what="attributions", tagger="many")
    assert study(raw, what="attributions", tagger="many", of_class="t").explain["look"].of_class == "t"


def test_a_quantity_has_attributions_and_no_classes(top):
    own = {"kind": "dense", "datasets": ["top"], "target": "gen_mass", "inputs": ["jets/mass", "jets/pt"]}
    raw = {**top, "tag": {"mass": own}}
    assert study(raw, what="attributions", tagger="mass").explain["look"].tagger == "mass"
    with pytest.raises(ConfigError, match=r"explain.look.what: 'information' is of classes"):
        study(raw, what="information", tagger="mass")
