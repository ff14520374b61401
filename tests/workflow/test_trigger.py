"""A trigger entry through Snakemake: firmware, figure, what reruns, and a tagger that no exporter knows."""

from __future__ import annotations

import json
import zipfile

import pytest
import yaml

ENTRY = {
    "tagger": "small",
    "bits": [8],
    "pruning": [0.5],
    "fine_tuning": {"epochs": 2},
    # Three epochs leave scores so close together that pruning moves them by their own width.
    "export": {"pruning": 0.5, "backend": "da4ml", "tolerance": 5},
    "bandwidth_khz": 20,
}


def change(clone, edit):
    study = yaml.safe_load(clone.config.read_text())
    edit(study)
    clone.config.write_text(yaml.safe_dump(study))


def add_trigger(study):
    study["tag"]["small"] = {
        "kind": "dense",
        "signal": ["wprime"],
        "background": ["qcd"],
        "inputs": ["jets/mass/0", "jets/tau21/0", "jets/mass/1", "jets/tau21/1"],
        "hidden": [8],
        "training": {"epochs": 3},
    }
    study["trigger"] = {"fast": dict(ENTRY)}


def test_a_trigger_entry(finished):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    change(finished, add_trigger)
    target = "results/tiny/review/tag_trigger/fast.png"
    assert finished.planned(target) == {"tag_train": 1, "tag_trigger": 1, "review_entry": 1}
    finished.snakemake(target)
    folder = finished.folder / "results/tiny/tag/trigger/fast"
    result = json.loads((folder / "trigger.json").read_text())
    assert result["exported"]["backends"]["da4ml"]["random_rows"]["max_difference"] == 0.0
    assert result["sizes"] == [4, 8, 1]
    with zipfile.ZipFile(folder / "firmware.zip") as archive:
        assert "da4ml/src/trigger.v" in archive.namelist()
    assert (finished.folder / target).stat().st_size > 10_000

    change(finished, lambda study: study["trigger"]["fast"].update(bandwidth_khz=30))
    assert finished.planned(target) == {"tag_trigger": 1, "review_entry": 1}
    change(finished, lambda study: study["tag"]["small"].update(activation="elu"))
    refused = finished.snakemake(target, check=False)
    assert refused.returncode != 0
    assert "trigger.fast.tagger: 'small' has activation: elu" in refused.stdout
    assert "Traceback" not in refused.stdout
