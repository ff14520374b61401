"""`resonaut archive` on the tiny study, with the real Snakemake."""

from __future__ import annotations

import json
import shutil
import zipfile

from resonaut.archive import layout


def test_a_study_is_packed_once_all_is_made(finished):
    refused = finished.resonaut("archive", "--configfile", "study.yaml", check=False)
    assert refused.returncode == 3
    assert "results/tiny/tag/pfn/model.onnx (rule tag_export: missing)" in refused.stdout
    assert "resonaut run --configfile study.yaml -- archive" in refused.stdout
    assert not (finished.folder / "results/tiny/archive.zip").exists()

    finished.resonaut("run", "--configfile", "study.yaml", "--cores", "2", "--", "archive")
    said = finished.resonaut("archive", "--configfile", "study.yaml").stdout
    assert "results/tiny/archive.zip: " in said
    first = (finished.folder / "results/tiny/archive.zip").read_bytes()
    with zipfile.ZipFile(finished.folder / "results/tiny/archive.zip") as archive:
        names = archive.namelist()
        models = json.loads(archive.read(layout.MODELS))
        seeds = json.loads(archive.read(layout.SEEDS))
        environment = json.loads(archive.read(layout.ENVIRONMENT))
        report = archive.read(layout.REPORT)
    assert all(any(map(entry.holds, names)) for entry in layout.ENTRIES)
    assert {"source/Snakefile", "source/workflow/Snakefile", "source/src/resonaut/cli.py"} <= set(names)
    assert models[0]["path"] == "results/tiny/tag/pfn/model.onnx"
    assert models[0]["inputs"][0]["name"] == "values"
    assert models[0]["preprocessing"]["inputs"]
    assert (environment["commit"], environment["dirty"]) == (None, None)
    derived = [tuple(entry["names"]) for entries in seeds["derived"].values() for entry in entries]
    assert ("simulate", "qcd", "0") in derived
    assert seeds["unrecorded"] == []
    assert b"<html" in report[:2000]

    # Packing is no change of the study, and the same study packed elsewhere is the same archive.
    assert finished.planned("archive") == {}
    shutil.rmtree(finished.folder / ".cache", ignore_errors=True)
    finished.resonaut("archive", "--configfile", "study.yaml", "--output", "again.zip")
    assert (finished.folder / "again.zip").read_bytes() == first


def test_a_changed_key_is_noticed(finished):
    finished.edit("study.yaml", "seed: ", "seed: 1")
    refused = finished.resonaut("archive", "--configfile", "study.yaml", check=False)
    assert refused.returncode == 3
    assert "the study is not finished" in refused.stdout
