"""Uncertainty of a tagger in the workflow: one rule, one figure, and reruns that follow its keys only."""

import json

ENTRY = """
uncertainty:
  sure:
    tagger: pfn
    methods: [dropout, laplace]
    n_draws: 4
    calibrations: [temperature]
"""
RESULT = "results/tiny/tag/uncertainty/sure/uncertainty.json"
FIGURE = "results/tiny/review/tag_uncertainty/sure.png"


def test_an_entry_is_one_rule_and_one_figure(finished):
    finished.config.write_text(finished.config.read_text() + ENTRY)
    assert finished.planned(FIGURE) == {"tag_uncertainty": 1, "review_entry": 1}
    finished.snakemake(FIGURE)
    found = json.loads((finished.folder / RESULT).read_text())
    assert list(found["methods"]) == ["tagger", "dropout", "laplace"]
    assert found["n_draws"] == {"tagger": 1, "dropout": 4, "laplace": 4}
    metrics = json.loads((finished.folder / "results/tiny/tag/pfn/metrics.json").read_text())
    assert found["methods"]["tagger"]["auc"] == metrics["auc"]
    assert "| laplace |" in (finished.folder / RESULT).with_suffix(".md").read_text()
    assert (finished.folder / FIGURE).read_bytes().startswith(b"\x89PNG")
    assert finished.planned(FIGURE) == {}
    finished.edit("study.yaml", "n_draws: 4", "n_draws: 5")
    assert finished.planned("tag") == {"tag_uncertainty": 1, "tag": 1}
