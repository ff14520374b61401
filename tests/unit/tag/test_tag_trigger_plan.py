"""What the workflow knows of `trigger`: files that an entry reads, entries that do not fit the study."""

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
    binary = {"kind": "dense", "signal": ["w"], "background": ["qcd"], "inputs": inputs}
    found["tag"]["binary"] = binary
    found["tag"]["smooth"] = {**binary, "activation": "elu"}
    found["tag"]["forest"] = {**binary, "kind": "trees"}
    found["tag"]["stacked"] = {**binary, "inputs": ["taggers/binary", "jets/mass"]}
    found["trigger"] = {"fast": {"tagger": "binary"}}
    return found


def test_what_an_entry_reads(raw):
    plan = workflow.Plan(parse(raw))
    found = plan.trust_reads("trigger", "fast")
    start = "results/five_class"
    assert f"{start}/tag/binary/weights.safetensors" in found
    for dataset in ("w", "qcd"):
        assert f"{start}/represent/{dataset}/nominal/features.json" in found
        assert f"{start}/represent/{dataset}/nominal/features/000/000001.h5" in found
    assert not any("represent/z/" in path for path in found)
    words = plan.trust_arguments("trigger", "fast")
    assert f"--features qcd={start}/represent/qcd/nominal/features.json" in words
    assert f"--weights {start}/tag/binary/weights.safetensors" in words
    assert f"{start}/tag/trigger/fast/trigger.json" in plan.targets("tag")
    assert "tag_trigger/fast" in plan.figures()
    slice_ = json.loads(plan.settings("trigger", name="fast"))
    assert (slice_["name"], slice_["seed"], slice_["trigger"]["export"]["bits"]) == ("fast", 1, 8)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"tagger": "binari"}, r"trigger\.fast\.tagger: unknown tagger 'binari'\. Did you mean 'binary'"),
        ({"tagger": "smooth"}, r"has activation: elu, a layer that the exporters do not know"),
        ({"tagger": "forest"}, r"'forest' is of the kind 'trees'"),
        ({"tagger": "pfn"}, r"'pfn' is of the kind 'pfn'"),
        ({"tagger": "dense"}, "must tell signal from background"),
        ({"tagger": "stacked"}, "must tell signal from background and read no scores"),
        (
            {"tagger": "binary", "autoencoder": {"bottleneck": 99}},
            r"autoencoder\.bottleneck: 99 numbers hold all",
        ),
        ({"tagger": "binary", "bit": [8]}, r"trigger\.fast\.bit: unknown key"),
    ],
)
def test_entries_that_do_not_fit_are_refused(raw, entry, words):
    changed = copy.deepcopy(raw)
    changed["trigger"]["fast"] = entry
    with pytest.raises(ConfigError, match=words):
        parse(changed)
