"""Whole runs of the tiny study: files, results, targets, repeatability."""

from __future__ import annotations

import json
import re
import time
import zipfile

import pytest

from resonaut.cli import STAGES


def test_every_stage_left_its_results(finished_once):
    base = finished_once.folder / "results"
    assert len(list((base / "_data").glob("qcd-*/nominal/000/*.root"))) == 2
    assert len(list((base / "_data").glob("wprime-*/nominal/000/*.root"))) == 1
    for path in (
        "ingest/qcd/nominal/manifest.json",
        "represent/qcd/nominal/images.json",
        "represent/mixtures/data.h5",
        "tag/pfn/metrics.json",
        "generate/vae/samples.h5",
        "detect/data/cwola/scores.h5",
        "hunt/data/cwola/hunt.json",
        "infer/data/cwola/significance.json",
        "infer/data/autoencoder/significance.json",
        "infer/data/global.json",
        "review/infer_global/data.png",
        "review/infer/data/cwola.png",
        "review/infer/data/cwola.pdf",
    ):
        assert (base / "tiny" / path).stat().st_size > 0, path
    assert not list(base.rglob("*.part*"))


def test_significance_holds_every_window(finished_once):
    result = json.loads(
        (finished_once.folder / "results/tiny/infer/data/cwola/significance.json").read_text()
    )
    assert [(w["low"], w["high"]) for w in result["windows"]] == [(2900, 3300), (3300, 3700)]
    for window in result["windows"]:
        assert window["selection_efficiency"] == 0.3
        assert 0 < window["p_value"] <= 1
        assert window["observed"] == int(window["observed"]) >= 0
        assert window["expected_background"] > 0
        assert window["upper_limit"]["observed"] > 0
    assert result["best"] == min(result["windows"], key=lambda window: window["p_value"])


def test_each_output_has_its_record_of_the_run(finished_once):
    base = finished_once.folder / "results/tiny"
    for path in ("tag/pfn/metrics.json", "detect/data/cwola/scores.h5", "infer/data/cwola/significance.json"):
        record = json.loads((base / f"{path}.run.json").read_text())
        assert record["wall_seconds"] > 0
        assert record["host"]


def test_cut_flow_is_conserved_from_the_simulation_to_the_mixture(finished_once):
    base = finished_once.folder / "results/tiny"
    store = json.loads((base / "ingest/qcd/nominal/manifest.json").read_text())
    features = json.loads((base / "represent/qcd/nominal/features.json").read_text())
    assert store["n_generated"] == features["n_generated"] == 1600
    counts = list(features["cut_flow"].values())
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 1600
    assert counts[-1] == features["n_events"] == sum(chunk["n_events"] for chunk in features["chunks"])
    for kind in ("images", "clouds"):
        other = json.loads((base / f"represent/qcd/nominal/{kind}.json").read_text())
        assert other["n_events"] == features["n_events"]


def test_a_second_run_elsewhere_gives_equal_results(finished_once, clone):
    clone.resonaut("run", "--configfile", "study.yaml", "--cores", "2")
    assert clone.results() == finished_once.results()


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_each_stage_is_a_target(clone, stage):
    assert stage in clone.planned(stage)


def test_a_dry_run_of_the_default_study_is_quick_and_whole(clone):
    start = time.monotonic()
    output = clone.default("--dry-run", "--quiet", "rules").stdout
    seconds = time.monotonic() - start
    print(f"dry run: {seconds:.2f} s")
    assert "detect_train" in output


def test_the_gpu_cluster_profile_plans(clone):
    output = clone.snakemake("--cores", "4", "--profile", "gpu-cluster", "--dry-run").stdout
    for rule in ("tag_train", "generate_train", "detect_train"):
        assert f"\n{rule} " in output, "a rule of the workflow"
    groups = re.findall(r"Group job (\w+) ", output)
    assert sorted(groups) == ["chunks_256", "chunks_512", "search", "search"], "chunks by size, two searches"


def test_report(finished):
    finished.snakemake("--report", "report.zip")
    with zipfile.ZipFile(finished.folder / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read("report/report.html").decode()
    figures = [name for name in names if name.endswith(".png")]
    assert len(figures) == 3 + 2 + 10 + 2, (
        "one per stage of data, method, search and stage, the comparison and the global significance"
    )
    assert "A search for resonances with machine learning" in page
