"""Variations that shift constituents, through Snakemake: what they make, and what a change of one reruns."""

from __future__ import annotations

import json

import h5py
import pytest

STUDY = """
variations:
  jes_up: {kind: energy_scale, shift: 0.05}
  tracks: {kind: track_efficiency, loss: 0.05}

response:
  jes: {tagger: pfn, variations: [jes_up], efficiencies: [0.3], n_bootstrap: 20}

represent:
"""
FIGURE = "results/tiny/review/tag_response/jes.png"
BASE = "results/tiny/represent/wprime"


@pytest.mark.full
def test_a_variation_is_represented_scored_and_drawn_and_reruns_alone(clone) -> None:
    clone.edit("study.yaml", "n_events: 1_600", "n_events: 800")
    nominal = clone.planned("tag")
    clone.edit("study.yaml", "\nrepresent:\n", STUDY)
    planned = clone.planned("tag")
    more = {"represent_chunk": 2, "represent_manifest": 2, "tag_score": 2, "tag_score_varied": 2}
    assert planned == {
        **nominal,
        **{rule: nominal.get(rule, 0) + count for rule, count in more.items()},
        "tag_response": 1,
    }
    clone.snakemake(FIGURE)
    result = json.loads((clone.folder / "results/tiny/tag/response/jes/response.json").read_text())
    entry = result["taggers"]["pfn"]["varied"]["jes_up"]
    assert entry["auc_change"]["error"] < entry["auc"]["error"]
    assert (clone.folder / "results/tiny/tag/response/jes/response.md").read_text().count("jes_up") == 1
    events = {}
    for variation in ("nominal", "jes_up"):
        with h5py.File(clone.folder / f"{BASE}/{variation}/clouds/000/000000.h5") as file:
            columns = (file[name][:] for name in ("events/event", "events/mass"))
            events[variation] = dict(zip(*columns, strict=True))
    both = sorted(set(events["nominal"]) & set(events["jes_up"]))
    assert len(both) > 100
    assert [events["jes_up"][e] for e in both] == pytest.approx(
        [1.05 * events["nominal"][e] for e in both], rel=1e-5
    )
    # Another shift: what is nominal stays, and so do the networks.
    clone.edit("study.yaml", "shift: 0.05", "shift: 0.04")
    assert clone.planned(FIGURE) == {
        "represent_chunk": 2,
        "represent_manifest": 2,
        "tag_score_varied": 2,
        "tag_response": 1,
        "review_entry": 1,
    }
