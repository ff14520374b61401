"""Packing: what goes in, under which name, and that equal studies give equal bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import small_study
import yaml

from resonaut import seeds
from resonaut.archive import build as building
from resonaut.archive import configuration, layout, outputs, packing, source
from resonaut.config import load, parse
from resonaut.errors import InputError
from resonaut.files import canonical_json
from resonaut.slices import SLICES

INFER = "results/mini/infer/data%3Aa/cwola"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A finished study in the current folder; Snakemake is not asked."""
    declared = small_study.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outputs, "declared", lambda *_: declared)
    # Quicker than all of the package, and nobody edits these while the tests run.
    monkeypatch.setattr(source, "FOLDERS", ("workflow/report",))
    return declared


@pytest.fixture
def packed(study):
    """The archive of the study, without Snakemake's report."""
    made = building.build("study.yaml", "a.zip", report=False)
    with zipfile.ZipFile(made.path) as archive:
        yield archive


def read(archive, name):
    return json.loads(archive.read(name))


def test_archive_holds_all_of_the_layout_and_nothing_else(packed):
    names = packed.namelist()
    assert names == sorted(names)
    assert all(layout.is_safe(name) and layout.entry_of(name) for name in names)
    absent = {e.path for e in layout.ENTRIES if not any(map(e.holds, names))}
    assert absent == {layout.REPORT}
    assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_results_are_those_of_the_rules(packed):
    names = {name for name in packed.namelist() if name.startswith("results/")}
    assert names == {
        f"{INFER}/significance.json",
        f"{INFER}/workspaces/2400-2500_0.1.json",
        f"{INFER}/workspaces/2400-2500_0.1.hs3.json",
        "results/mini/infer/data%3Aa/global.json",
        "results/mini/hunt/data%3Aa/cwola/spectra.h5",
        "results/mini/represent/qcd/nominal/features.json",
    }
    # Scores are not packed, and what no rule makes any more is no result.
    listed = packed.read(layout.STUDY_SUMS).decode()
    assert "results/mini/detect/data:a/cwola/scores.h5" in listed
    assert "tag/old" not in listed
    assert packed.read("logs/infer/data%3Aa/cwola.log") == b"said\n"
    assert packed.read("benchmarks/infer/data%3Aa/cwola.tsv") == b"s\n1\n"
    assert read(packed, "runs/infer/data%3Aa/cwola/significance.json.run.json")["host"] == "h"


def test_checksums_are_those_of_the_bytes(packed):
    lines = dict(reversed(line.split("  ")) for line in packed.read(layout.SUMS).decode().splitlines())
    assert set(lines) == set(packed.namelist()) - {layout.SUMS}
    assert all(hashlib.sha256(packed.read(name)).hexdigest() == value for name, value in lines.items())


def test_numbers_carry_value_and_kind(packed):
    found = read(packed, layout.NUMBERS)
    numbers = found["numbers"][f"{INFER}/significance.json"]
    assert numbers["/windows/0/p_value"][0] == 0.04
    assert numbers["/windows/0/upper_limit/expected"][0] == 9.0
    assert not any(pointer.startswith("/provenance") for pointer in numbers)
    assert {kind for _, kind in numbers.values()} <= set(found["tolerances"])


def test_seeds_are_those_that_the_job_derived(packed):
    found = read(packed, layout.SEEDS)
    (entry,) = found["derived"]["infer/data:a/cwola/significance.json"]
    assert (found["seed"], entry["seed"], entry["names"]) == (3, "3", ["infer", "x"])
    assert int(entry["value"]) == int(seeds.seed_sequence(3, "infer", "x").generate_state(1, "uint64")[0])


def test_environment_names_the_software_and_not_the_machine(packed):
    found = read(packed, layout.ENVIRONMENT)
    assert found["recorded"]["numpy"] == ["2.4.6"]
    assert found["versions"]["h5py"]
    sums = {
        name.removeprefix("source/"): hashlib.sha256(packed.read(name)).hexdigest()
        for name in packed.namelist()
        if name.startswith("source/")
    }
    assert found["source_sha256"] == source.digest_of(sums)
    assert os.uname().nodename not in packed.read(layout.ENVIRONMENT).decode() or len(os.uname().nodename) < 4


def test_merged_configuration_is_the_study(packed):
    given = parse(yaml.safe_load(packed.read(layout.CONFIGURATION)))
    assert given == load("study.yaml")
    entry = read(packed, "settings/detect.json")[0]
    assert entry["names"] == {"mixture": "data:a", "method": "cwola"}
    assert entry["settings"]["settings"]["features"] == ["tau21_j1"]


def test_made_twice_it_is_the_same(study, tmp_path):
    first = building.build("study.yaml", "a.zip", report=False)
    os.utime(tmp_path / "results/mini/infer/data:a/global.json", (1e9, 1e9))
    second = building.build("study.yaml", "b.zip", report=False)
    assert first.sha256 == second.sha256
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()


def test_unfinished_study_is_refused(study, monkeypatch):
    missing = outputs.Output("results/mini/tag/pfn/metrics.json", "tag_evaluate", "missing", True)
    monkeypatch.setattr(outputs, "declared", lambda *_: [*study, missing])
    with pytest.raises(
        outputs.UnfinishedError, match=r"tag/pfn/metrics\.json \(rule tag_evaluate: missing\)"
    ) as error:
        building.build("study.yaml", "a.zip")
    assert "resonaut run --configfile study.yaml -- archive" in str(error.value)
    assert not Path("a.zip").exists()


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a b", "a;b", "a\nb"])
def test_unsafe_names_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="cannot stand in an archive"):
        packing.write_zip(tmp_path / "a.zip", {name: b""}, {name: packing.digest(b"")})
    assert list(tmp_path.iterdir()) == []


def test_names_that_differ_by_case_and_changed_files_are_refused(tmp_path):
    sums = dict.fromkeys("aA", packing.digest(b""))
    with pytest.raises(InputError, match="case"):
        packing.write_zip(tmp_path / "a.zip", {"a": b"", "A": b""}, sums)
    with pytest.raises(InputError, match="changed while it was packed"):
        packing.write_zip(tmp_path / "a.zip", {"a": b"new"}, {"a": packing.digest(b"old")})
    assert list(tmp_path.iterdir()) == []


def test_names_come_back():
    path = "results/lhco/infer/injected:100:seed0/iad/a.json"
    assert layout.is_safe(layout.archive_name(path))
    assert layout.study_path(layout.archive_name(path)) == path


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(Path("config").glob("*.yaml")) if "site" not in path.name]
)
def test_merged_configuration_of_each_study_is_that_study(root, name):
    study = load(root / f"config/{name}.yaml")
    merged = configuration.merged(study)
    again = parse(yaml.safe_load(yaml.safe_dump(merged)))
    assert again == study
    assert again.kinds == study.kinds
    simulated = [dataset for dataset in study.datasets if study.is_simulated(dataset)]
    assert [again.data_folder(d) for d in simulated] == [study.data_folder(d) for d in simulated]


@pytest.mark.parametrize(
    "name", ["config/demo.yaml", "config/calibration.yaml", "tests/workflow/generated.yaml"]
)
def test_every_slice_has_its_names(root, name):
    study = load(root / name)
    found = configuration.slices(study)
    assert all(configuration._names(study, stage) == [] for stage in set(SLICES) - set(found))
    for stage, entries in found.items():
        assert all(study.slice(stage, **e["names"]) == canonical_json(e["settings"]) for e in entries)
    assert [entry["names"] for entry in found.get("simulate", [])] == [
        {"dataset": dataset} for dataset in sorted(study.datasets) if study.is_simulated(dataset)
    ]


def test_sources_are_those_of_a_run(root):
    found = source.files(root)
    assert {"Snakefile", "workflow/Snakefile", "src/resonaut/cli.py", "envs/requirements.lock"} <= set(found)
    assert not any("__pycache__" in name or name.startswith(("tests/", "results/")) for name in found)
    assert all(layout.is_safe(name) for name in found)


def test_commit_and_dirty_flag(tmp_path):
    assert source.commit(tmp_path) == {"commit": None, "dirty": None, "changed": []}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@e"]
    (tmp_path / "a").write_text("1")
    for words in (["init", "-q"], ["add", "a"], ["commit", "-qm", "m"]):
        subprocess.run([*git, *words], check=True)
    clean = source.commit(tmp_path)
    assert len(clean["commit"]) == 40
    assert (clean["dirty"], clean["changed"]) == (False, [])
    (tmp_path / "a").write_text("2")
    (tmp_path / "b c").write_text("2")
    assert source.commit(tmp_path)["changed"] == ["a", "b c"]
    assert source.commit(tmp_path)["dirty"] is True
    (tmp_path / "inside").mkdir()
    assert source.commit(tmp_path / "inside")["commit"] is None
