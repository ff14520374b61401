"""The configuration: unknown keys, numbers, slices, hashes, references, the committed schema."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
import yaml

from resonaut.config import load, parse
from resonaut.errors import ConfigError, MissingFileError
from resonaut.schema import json_schema
from resonaut.schema_text import markdown


@pytest.fixture
def demo(root):
    return yaml.safe_load((root / "config/demo.yaml").read_text())


def change(raw, path, value):
    """A copy of `raw` with the value at `path` (dotted) replaced; None deletes the key."""
    raw = copy.deepcopy(raw)
    *parents, last = path.split(".")
    node = raw
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return raw


@pytest.mark.parametrize("name", ["demo", "demo_null", "lhco_table"])
def test_committed_configurations_are_valid(root, name):
    assert load(root / f"config/{name}.yaml").study == name


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("sede", 1, ["sede", "Did you mean 'seed'?"]),
        ("hunt.efficiences", [0.1], ["hunt.efficiences", "Did you mean 'efficiencies'?"]),
        ("detect.cwola.n_fold", 3, ["detect.cwola.n_fold", "Did you mean 'n_folds'?"]),
        ("ingest.jets.radus", 1.0, ["ingest.jets.radus", "Did you mean 'radius'?"]),
        ("datasets.qcd.n_event", 5, ["datasets.qcd.n_event", "Did you mean 'n_events'?"]),
        ("datasets.qcd.process", "qcd_djet", ["datasets.qcd.process", "Did you mean 'qcd_dijet'?"]),
        ("datasets.qcd.source", "pytia", ["datasets.qcd", "Did you mean 'pythia'?"]),
        ("datasets.qcd.detector", "cmss", ["datasets.qcd.detector", "cms"]),
        ("detect.cwola.kind", "cwolla", ["detect.cwola", "Did you mean 'cwola'?"]),
        ("mixtures.data.datasets.wprim", 3, ["mixtures.data.datasets", "Did you mean 'wprime'?"]),
        ("mixtures.data.methods", ["cwolaa"], ["mixtures.data.methods", "Did you mean 'cwola'?"]),
        ("tag.pfn", 5, ["tag.pfn", "a mapping of settings is expected, got 5"]),
        ("tag.pfn", ["signal"], ["tag.pfn", "a mapping of settings is expected, got ['signal']"]),
        ("datasets.qcd", {"source": "files", "settings": {}}, ["datasets.qcd.settings: unknown key"]),
        ("tag.pfn.signal", ["wprim"], ["tag.pfn", "Did you mean 'wprime'?"]),
        ("scan.mass_max", 4000, ["scan", "4100"]),
        ("hunt.efficiencies", [1.5], ["hunt.efficiencies", "1.5"]),
        ("seed", "many", ["seed", "many"]),
        ("study", "../evil", ["study"]),
        ("study", None, ["study", "required"]),
        ("kinds", {}, ["kinds", "unknown key"]),
    ],
)
def test_wrong_keys_name_themselves_and_the_fix(demo, path, value, words):
    with pytest.raises(ConfigError) as caught:
        parse(change(demo, path, value))
    for word in words:
        assert word in str(caught.value)


def test_numbers_may_be_written_as_in_physics(demo):
    text = yaml.safe_dump(demo).replace("efficiencies:\n  - 0.1", "efficiencies:\n  - 1e-3")
    raw = yaml.safe_load(text)
    assert raw["hunt"]["efficiencies"][0] == "1e-3", "YAML reads this as text"
    raw["datasets"]["qcd"]["n_events"] = "5e4"
    study = parse(raw)
    assert 1e-3 in study.hunt.efficiencies
    assert study.datasets["qcd"].settings.n_events == 50_000


def test_order_of_keys_changes_no_slice(demo):
    def reverse(value):
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}
        return value

    one, other = parse(demo), parse(reverse(demo))
    assert one.slice("detect", mixture="data", method="cwola") == other.slice(
        "detect", mixture="data", method="cwola"
    )
    for stage in ("features", "images", "clouds", "hunt", "infer", "review"):
        assert one.slice(stage) == other.slice(stage)
    assert one.data_folder("qcd") == other.data_folder("qcd")
    assert one.searches() == other.searches()


def test_a_slice_holds_only_what_its_rule_uses(demo):
    before, after = parse(demo), parse(change(demo, "detect.cwola.n_folds", 7))
    assert before.slice("detect", mixture="data", method="cwola") != after.slice(
        "detect", mixture="data", method="cwola"
    )
    assert before.slice("detect", mixture="data", method="autoencoder") == after.slice(
        "detect", mixture="data", method="autoencoder"
    )
    assert before.slice("hunt") == after.slice("hunt")
    assert before.data_folder("qcd") == after.data_folder("qcd")


def test_data_folder_depends_on_settings_and_seed_only(demo):
    study = parse(demo)
    assert parse(change(demo, "study", "other")).data_folder("qcd") == study.data_folder("qcd")
    assert parse(change(demo, "seed", 2)).data_folder("qcd") != study.data_folder("qcd")
    pinned = change(demo, "datasets.qcd.seed", 1)
    assert parse(pinned).data_folder("qcd") == study.data_folder("qcd")
    assert parse(change(pinned, "seed", 2)).data_folder("qcd") == study.data_folder("qcd")


def test_null_study_refers_to_the_events_of_the_demo(root):
    demo, null = load(root / "config/demo.yaml"), load(root / "config/demo_null.yaml")
    assert null.data_folder("qcd") == demo.data_folder("qcd")
    assert null.slice("features") == demo.slice("features")
    for seed in (2, 3):
        demo, null = (demo.model_copy(update={"seed": seed}) for demo in (demo, null))
        assert null.data_folder("qcd") == demo.data_folder("qcd")
    assert null.slice("hunt") == demo.slice("hunt")
    assert null.detect["cwola"] == demo.detect["cwola"]


def test_two_settings_of_one_method(demo):
    raw = change(demo, "detect.cwola_wide", {"kind": "cwola", "features": ["mj1"], "n_folds": 3})
    raw["mixtures"]["data"]["methods"].append("cwola_wide")
    study = parse(raw)
    assert study.kinds["detect"]["cwola_wide"] == "cwola"
    assert ("data", "cwola_wide") in study.searches()


def test_chunks_are_sharded_and_sum_to_the_events(demo):
    study = parse(change(change(demo, "datasets.qcd.n_events", 2_500_001), "datasets.qcd.chunk_events", 1000))
    chunks = study.chunks("qcd")
    assert len(chunks) == len(set(chunks)) == 2501
    assert chunks[0] == "000/000000"
    assert chunks[-1] == "002/002500"
    assert sum(study.datasets["qcd"].settings.chunk_sizes()) == 2_500_001


def test_oversized_settings_are_refused(demo):
    raw = change(demo, "detect.cwola.features", [f"feature_{i:06d}" for i in range(6000)])
    with pytest.raises(ConfigError, match="64000"):
        parse(raw).slice("detect", mixture="data", method="cwola")


def test_files_that_match_nothing(demo):
    raw = change(demo, "datasets.data", {"source": "files", "files": ["nowhere/*.root"]})
    with pytest.raises(MissingFileError, match=r"nowhere/\*\.root"):
        parse(raw).chunks("data")


def test_broken_yaml_and_missing_file(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1, 2\nb: 3")
    with pytest.raises(ConfigError, match=r"broken\.yaml: not valid YAML"):
        load(broken)
    with pytest.raises(MissingFileError, match="absent"):
        load(tmp_path / "absent.yaml")


def test_committed_schema_is_current(root):
    committed = json.loads((root / "workflow/schemas/config.schema.json").read_text())
    assert committed == json_schema(), "run `make schema`"


def test_committed_page_of_keys_is_current(root):
    assert (root / "config/README.md").read_text() == markdown(), "run `make schema`"


def test_schema_accepts_the_demo_and_refuses_a_misspelt_key(demo):
    validator = jsonschema.Draft202012Validator(json_schema())
    assert list(validator.iter_errors(demo)) == []
    assert list(validator.iter_errors(change(demo, "hunt.efficiences", [0.1])))
    assert list(validator.iter_errors(change(demo, "detect.cwola.n_fold", 3)))
