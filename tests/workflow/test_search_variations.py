"""Variations as nuisance parameters of a search, through Snakemake: what is made, and what reruns."""

from __future__ import annotations

import json

import pytest

VARIATIONS = """
variations:
  jes_up: {kind: energy_scale, shift: 0.05}
  jes_down: {kind: energy_scale, shift: -0.05}

ingest: {jets: {pt_min: 100}}

represent:
"""
SEARCH = "data/cwola"
FILES = [
    f"results/tiny/infer/{SEARCH}/significance.json",
    f"results/tiny/review/hunt_response/{SEARCH}.png",
]


@pytest.mark.full
def test_a_search_takes_the_variations_of_its_signal(clone) -> None:
    clone.edit("study.yaml", "methods: [cwola, autoencoder]", "methods: [cwola]")
    clone.edit("study.yaml", "n_events: 1_600", "n_events: 1_000")
    clone.edit("study.yaml", "\nrepresent:\n", VARIATIONS)
    clone.edit("study.yaml", "\ninfer:\n", "\ninfer:\n  signal: {shape: dataset, dataset: wprime}\n")
    nominal = clone.planned(*FILES[:1])
    key = "  uncertainties: {variations: [jes]}\n"
    clone.edit("study.yaml", "dataset: wprime}\n", "dataset: wprime}\n" + key)
    more = {"represent_chunk": 2, "represent_manifest": 2, "hunt_templates": 1}
    wanted = {rule: nominal.get(rule, 0) + more.get(rule, 0) for rule in {**nominal, **more}}
    assert clone.planned(*FILES[:1]) == wanted
    clone.snakemake(*FILES)
    folder = clone.folder / "results/tiny"
    entries = json.loads((folder / "infer" / SEARCH / "significance.json").read_text())["windows"]
    content = json.loads((folder / "hunt" / SEARCH / "variations.json").read_text())["windows"]
    names = set()
    for entry, selected in zip(entries, content, strict=True):
        # All masses move by 5 %, those of the selected events nearly so.
        assert selected["varied"]["jes_up"]["mean_mass_ratio"] == pytest.approx(1.05, abs=0.02)
        assert selected["varied"]["jes_down"]["mean_mass_ratio"] == pytest.approx(0.95, abs=0.02)
        found = entry["variations"]["jes"]
        ratio = selected["varied"]["jes_up"]["acceptance_ratio"]
        assert found["rate_up"] == pytest.approx(ratio, rel=1e-6)
        names |= set(entry["nuisances"]["names"])
        workspace = json.loads((folder / "infer" / SEARCH / "workspaces" / entry["workspace"]).read_text())
        modifiers = workspace["channels"][0]["samples"][0]["modifiers"]
        kinds = {one["type"] for one in modifiers if one["name"] == "jes"}
        assert kinds == ({"normsys", "histosys"} if found["shape"] else {"normsys"})
    assert names == {"jes"}
    assert (folder / "hunt" / SEARCH / "variations.md").read_text().count("| jes_up |") == 4
    # Another shift is another represented signal; the training scores it, so it is done again.
    clone.edit("study.yaml", "shift: 0.05", "shift: 0.04")
    again = clone.planned(*FILES)
    assert again["represent_chunk"] == 1
    assert again["detect_train"] == again["hunt_templates"] == again["infer_significance"] == 1
    assert "simulate_chunk" not in again
