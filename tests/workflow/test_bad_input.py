"""What a user sees for bad input: one clear message, an exit code, nothing half-written."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("n_folds: 3", "n_fold: 3", ["detect.cwola.n_fold", "Did you mean 'n_folds'?"]),
        ("process: qcd_dijet", "process: qcd_djet", ["datasets.qcd.process", "Did you mean 'qcd_dijet'?"]),
        ("hunt:", "hnut:", ["hnut", "Did you mean 'hunt'?"]),
    ],
)
def test_a_wrong_configuration(clone, old, new, words):
    clone.edit("study.yaml", old, new)
    done = clone.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert "Traceback" not in done.stdout
    assert not (clone.folder / "results").exists()


def files_study(clone, path):
    clone.config.write_text(f"study: files\ndatasets:\n  data:\n    source: files\n    files: ['{path}']\n")


def test_a_missing_file_is_named_when_the_workflow_is_planned(clone):
    files_study(clone, "nowhere/data.root")
    done = clone.snakemake("--dry-run", "ingest", check=False)
    assert done.returncode != 0
    assert "nowhere/data.root" in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [("bad_delphes.root", ["bad_delphes.root"]), ("nano_dy_empty.root", ["nano_dy_empty.root", "0 events"])],
)
def test_a_bad_file_beside_a_good_one_stops_the_run_and_keeps_what_is_finished(clone, shared, name, words):
    shutil.copy(shared / "root/delphes.root", clone.folder / "a.root")
    shutil.copy(shared / f"root/{name}", clone.folder / "b.root")
    bad = clone.folder / f"z_{name}"
    (clone.folder / "b.root").rename(bad)
    clone.config.write_text(
        f"study: files\ndatasets:\n  data:\n    source: files\n    files: ['a.root', '{bad.name}']\n"
        "ingest:\n  preselection: {n_jets_min: 1}\n  jets: {pt_min: 20}\n"
    )
    done = clone.snakemake("--keep-going", "ingest", check=False)
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert "Traceback" not in done.stdout
    folder = clone.folder / "results/files/ingest/data/nominal/000"
    assert [path.name for path in folder.glob("*.h5")] == ["000000.h5"]
    assert not list((clone.folder / "results").rglob("*.part*"))


def test_a_window_with_no_events(finished):
    finished.edit("study.yaml", "- {low: 3300, high: 3700}", "- {low: 5700, high: 5900}")
    done = finished.snakemake("detect", check=False)
    assert done.returncode != 0
    assert "EmptyWindowError" in done.stdout
    assert "5700" in done.stdout
    base = finished.folder / "results/tiny"
    assert not (base / "detect/data/cwola/scores.h5").exists()
    assert json.loads((base / "represent/qcd/nominal/features.json").read_text())["n_events"] > 0
