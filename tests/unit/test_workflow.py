"""The plan of a study: paths, slices and digests that the Snakefile asks for."""

from __future__ import annotations

import json

import pytest

from resonaut import workflow
from resonaut.cli import STAGES
from resonaut.config import load
from resonaut.errors import ConfigError
from resonaut.workflow_figures import SEARCH_STAGES


@pytest.fixture(scope="module")
def plan(root):
    return workflow.Plan(load(root / "config/demo.yaml"))


def test_single_keys_are_laid_over_the_default_study(root, monkeypatch):
    monkeypatch.chdir(root)
    assert workflow.read({}).study.study == "demo"
    assert workflow.read({"seed": 3}).study.seed == 3
    whole = workflow.read({"study": "bare", "datasets": {"d": {"source": "files", "files": ["x"]}}})
    assert whole.study.detect == {}
    with pytest.raises(ConfigError, match=r"config/demo\.yaml: sede: unknown key\. Did you mean 'seed'"):
        workflow.read({"sede": 3})


def test_targets_of_the_demo(plan):
    counts = {stage: len(plan.targets(stage)) for stage in STAGES}
    assert counts == {
        "simulate": 6,
        "ingest": 2,
        "represent": 7,
        "tag": 1,
        "generate": 2,
        "detect": 2,
        "hunt": 4,
        "infer": 6,
        "review": 19,
    }
    assert "results/demo/infer/data/cwola/significance.json" in plan.targets("infer")
    every = [path for stage in STAGES for path in plan.targets(stage)]
    assert len(every) == len(set(every))


def test_simulated_events_are_found_by_their_folder(plan):
    folder = plan.study.data_folder("qcd").rsplit("/", 1)[1]
    assert plan.dataset_of(folder) == "qcd"
    with pytest.raises(ConfigError, match=f"qcd-00000000.*{folder}"):
        plan.dataset_of("qcd-00000000")


def test_a_rule_depends_on_every_chunk_of_its_inputs(plan):
    files = plan.detector_files("data", "cwola")
    assert "results/demo/represent/qcd/nominal/features/000/000003.h5" in files
    assert len(files) == (1 + 4) + (1 + 2)
    assert all(
        "/images/" in path or path.endswith("images.json")
        for path in plan.detector_files("data", "autoencoder")
    )
    assert plan.detector_arguments("data", "cwola").startswith(
        "--features qcd=results/demo/represent/qcd/nominal/features.json wprime="
    )
    assert plan.inputs_of("tag", "pfn") == ("clouds", ["qcd", "wprime"])
    assert plan.inputs_of("generate", "vae") == ("images", ["qcd"])


@pytest.mark.parametrize("stage", ["simulate", "ingest", "represent"])
def test_figures_of_data_sets_name_their_files(plan, stage):
    words = plan.figure_arguments(stage).split()
    named = {word.rsplit("=", 1)[-1] for word in words if not word.startswith("--")}
    assert named <= set(plan.figure_files(stage))
    assert len(plan.figure_files(stage)) > len(named), "chunks are inputs too"


def test_figures_of_searches_depend_on_results_of_their_stage(plan):
    for stage in SEARCH_STAGES:
        files = plan.figure_files(stage, "cwola", "data")
        assert any(path in plan.targets(stage.split("_")[0]) for path in files)
    assert plan.figure_files("tag", "pfn") == [
        "results/demo/tag/pfn/metrics.json",
        "results/demo/tag/pfn/scores.h5",
    ]


def test_digests_differ_by_method_and_stage(plan):
    assert plan.code("detect", "cwola") != plan.code("detect", "autoencoder")
    assert plan.statistics_code("hunt") != plan.statistics_code("infer")
    assert plan.figure_code("hunt") != plan.figure_code("infer")
    assert plan.reader_code("qcd") == plan.code("ingest", "resonaut")
    assert plan.simulation_code("qcd") == plan.simulation_code("wprime")


def test_files_studies_take_one_chunk_per_file(tmp_path, monkeypatch):
    for name in ("b.root", "a.root"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    raw = {"study": "s", "datasets": {"data": {"source": "files", "files": ["*.root"], "reader": "delphes"}}}
    plan = workflow.read(raw)
    assert plan.targets("simulate") == []
    assert plan.figures() == ["ingest", "represent"]
    assert plan.local_files("data", "nominal", "000/000001") == ["b.root"]
    assert json.loads(plan.settings("ingest", dataset="data"))["reader"] == "delphes"
    auto = workflow.read({**raw, "datasets": {"data": {"source": "files", "files": ["*.root"]}}})
    assert auto.reader_code("data") != plan.reader_code("data")
