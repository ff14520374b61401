"""Datasets of generators in the configuration: what they are, and what is refused when it is read."""

from __future__ import annotations

import json

import pytest

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.workflow import Plan

REAL = {"source": "table", "files": ["real.csv"], "mass": "m", "label": "real"}


def study(made=None, **more):
    """A flow that learns a table, and a dataset of it."""
    made = {
        "source": "generator:flow",
        "n_events": 1500,
        "chunk_events": 1000,
        "like": "real",
        **(made or {}),
    }
    flow = {"datasets": ["real"], "inputs": ["x"], "conditions": ["z"]}
    return {
        "study": "toy",
        "datasets": {"real": REAL, "other": REAL, "made": made, **more.pop("datasets", {})},
        "generate": {"flow": {**flow, **more.pop("flow", {})}, **more.pop("generate", {})},
        **more,
    }


def test_what_a_generator_makes_has_no_store():
    plan = Plan(parse(study()))
    assert plan.study.datasets["made"].representations == ("features",)
    assert not plan.study.is_simulated("made")
    assert not any("made" in path for path in plan.targets("ingest"))
    assert "results/toy/represent/made/nominal/features.json" in plan.targets("represent")
    assert plan.study.chunks("made") == ["000/000000", "000/000001"]
    assert plan.drawn_from_weights("made") == "results/toy/generate/flow/weights.safetensors"
    assert (plan.dataset_names(), plan.drawn_names()) == ("other|real", "made")


def test_a_slice_holds_what_its_rule_uses():
    def slices(**more):
        found = parse(study(flow=more))
        rules = ("generate", "generate_sample", "generate_time")
        return {rule: found.slice(rule, method="flow") for rule in rules}

    before = slices()
    for more, changed in (
        ({"n_samples": 7000}, {"generate_sample"}),
        ({"evaluate": {"extrapolate": True}}, {"generate_sample"}),
        ({"evaluate": {"n_bins": 12}}, set()),
        ({"restarts": 2}, {"generate"}),
        ({"evaluate": {"simulation": {"rows_per_second": 1.0, "source": "Geant4"}}}, {"generate_time"}),
    ):
        after = slices(**more)
        assert {rule for rule in before if before[rule] != after[rule]} == changed
    made = json.loads(parse(study({"seed": 9})).slice("generate_dataset", dataset="made"))
    assert (made["seed"], made["settings"]["like"]) == (9, "real")


CYCLE = {"second": {"source": "generator:again", "n_events": 10, "like": "real"}}
AGAIN = {"kind": "flow", "datasets": ["made"], "inputs": ["x"], "conditions": ["z"]}
OF_CLASSES = {"datasets": ["real", "other"], "conditions": ["class"]}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (study({"source": "generator:flw"}), r"datasets\.made\.source: unknown generator 'flw'.*'flow'"),
        (study({"like": "reel"}), r"datasets\.made\.like: unknown dataset 'reel'\. Did you mean 'real'"),
        (study({"like": None}), r"datasets\.made\.conditions: generate\.flow needs z too"),
        (study({"conditions": {"zz": 1}}), r"datasets\.made\.conditions: generate\.flow has no 'zz'"),
        (study({"conditions": {"z": {"low": 2, "high": 1}}}), r"datasets\.made\.conditions\.z.*low <= high"),
        (study({"n_event": 3}), r"datasets\.made\.n_event: unknown key\. Did you mean 'n_events'"),
        (study({"like": "made"}), r"it would be made from itself \(made <- made\)"),
        (study(flow={"datasets": ["made"]}), r"made from itself \(made <- made\)"),
        (study(flow={"dataset": "real"}), r"generate\.flow\.dataset: unknown key\. Did you mean 'datasets'"),
        (
            study(datasets=CYCLE, flow={"datasets": ["real", "second"]}, generate={"again": AGAIN}),
            r"datasets\.made: it would be made from itself \(made <- second <- made\)",
        ),
        (
            study({"like": "third"}, flow=OF_CLASSES, datasets={"third": REAL}),
            r"datasets\.made\.like: 'third' is no class of generate\.flow; give conditions\.class",
        ),
        (
            study({"source": "generator:vae"}, generate={"vae": {"datasets": ["real"]}}),
            r"generate\.vae: images are needed|images are needed, and of 'real' none are made",
        ),
    ],
)  # fmt: skip
def test_refused_when_it_is_read(raw, message):
    with pytest.raises(ConfigError, match=message):
        parse(raw)


def test_a_generator_may_learn_what_another_makes():
    found = parse(study(generate={"again": AGAIN}))
    assert Plan(found).inputs_of("generate", "again") == ("features", ["made"])


def test_a_tagger_reads_only_what_is_made():
    tagger = {"pfn": {"signal": ["made"], "background": ["real"]}}
    with pytest.raises(ConfigError, match="clouds are needed, but of dataset 'made' features can be made"):
        parse(study(tag=tagger))
