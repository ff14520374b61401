"""The quick top-tagging study: from the simulation to the comparison of taggers, a search, and ONNX files."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest

TAGGERS = {"both", "dense", "particlenet_lite", "pfn", "pfn_tuned", "trees"}


EXPORTED = ("both", "particlenet_lite")


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    from conftest import Clone

    clone = Clone.create(root, tmp_path_factory.mktemp("toptag") / "clone")
    shutil.copy2(root / "config/toptag_quick.yaml", clone.folder / "study.yaml")
    clone.resonaut("run", "--configfile", "study.yaml", "--cores", "2")
    return clone


@pytest.fixture(scope="module")
def base(study):
    return study.folder / "results/toptag_quick"


def read(path):
    return json.loads(path.read_text())


def test_every_tagger_is_trained_and_measured_on_matched_jets(base):
    for name in TAGGERS:
        metrics = read(base / f"tag/{name}/metrics.json")
        assert 0.75 < metrics["auc"] < 1, name
        assert metrics["rejection"]["0.5"]["signal_efficiency"] >= 0.5
        lines = (base.parent / f"toptag_quick/logs/tag/{name}.jsonl").read_text().splitlines()
        assert len(lines) == len(metrics["history"]) or name == "trees"
    for kind in ("clouds", "features"):
        chunk = base / f"represent/top/nominal/{kind}/000/000000.h5"
        with h5py.File(chunk) as file:
            pt, matched, mass = (file[f"jets/{key}"][:, 0] for key in ("pt", "matched", "mass"))
        assert ((pt >= 550) & (pt <= 650)).all()
        # A jet that holds the top and its three quarks has the mass of a top.
        assert np.median(mass[matched == 1]) == pytest.approx(173, abs=12)
        assert 0.3 < matched.mean() < 1


def test_restarts_and_the_combination(base):
    dense = read(base / "tag/dense/metrics.json")
    assert len(dense["restarts"]) == 2
    both = read(base / "tag/both/metrics.json")
    # It learns from three quarters of the others' validation part and is measured on their test part.
    assert both["n_jets"]["test"] == dense["n_jets"]["test"]
    assert both["n_jets"]["train"] + both["n_jets"]["validation"] == dense["n_jets"]["validation"]
    assert both["auc"] > dense["auc"] - 0.04


def test_the_comparison_counts_every_tagger_on_the_same_jets(base):
    comparison = read(base / "tag/comparison.json")
    assert {row["name"] for row in comparison["taggers"]} >= TAGGERS
    table = (base / "tag/comparison.md").read_text()
    for name in TAGGERS:
        assert name in table
    for name in ("tag_compare", "tune/pfn_search", *(f"tag/{name}" for name in TAGGERS)):
        assert (base / f"review/{name}.png").stat().st_size > 10_000


def test_the_best_parameters_are_those_of_the_tuned_tagger(base):
    best = read(base / "tune/pfn_search/best.json")
    trials = read(base / "tune/pfn_search/trials.json")["trials"]
    assert best["n_trials"] == len(trials) == 3
    training = read(base / "tag/pfn_tuned/training.json")
    rate = best["parameters"]["training.learning_rate"]
    assert training["provenance"]["settings"]["settings"]["training"]["learning_rate"] == rate


def test_models_are_exported(study, base):
    onnxruntime = pytest.importorskip("onnxruntime")
    study.snakemake(*(f"results/toptag_quick/tag/{name}/model.onnx" for name in EXPORTED))
    assert study.planned("tag_onnx")["tag_export"] == len(TAGGERS) - len(EXPORTED)
    for name in EXPORTED:
        session = onnxruntime.InferenceSession(base / f"tag/{name}/model.onnx")
        assert next(output.name for output in session.get_outputs()) == "score"
