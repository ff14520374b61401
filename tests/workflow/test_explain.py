"""What a tagger looks at, in the workflow: one rule and one figure, and reruns that follow its own keys."""

import json

ENTRY = """
explain:
  look:
    what: attributions
    tagger: pfn
    attributions: [integrated_gradients]
    n_jets: 50
    n_steps: 16
  latent:
    what: latent
    tagger: pfn
    n_jets: 50
    observables: [jets/mass, jets/pt]
"""
RESULT = "results/tiny/tag/explain/look/explain.json"
FIGURES = [f"results/tiny/review/tag_explain/{name}.png" for name in ("look", "latent")]


def test_entries_are_one_rule_and_one_figure_each(finished):
    finished.config.write_text(finished.config.read_text() + ENTRY)
    assert finished.planned(*FIGURES) == {"tag_explain": 2, "review_entry": 2}
    finished.snakemake(*FIGURES)
    found = json.loads((finished.folder / RESULT).read_text())
    # 60 and 240 events of two jets, of which a fifth are test rows.
    assert found["n"] == {"background": 50, "signal": 50}
    assert found["gap"]["integrated_gradients"] < 0.2
    metrics = json.loads((finished.folder / "results/tiny/tag/pfn/metrics.json").read_text())
    assert found["tagger"] == metrics["method"] == "pfn"
    assert "Delta R" in (finished.folder / RESULT).with_suffix(".md").read_text()
    for figure in FIGURES:
        assert (finished.folder / figure).read_bytes().startswith(b"\x89PNG")
    assert finished.planned(*FIGURES) == {}
    finished.edit("study.yaml", "n_steps: 16", "n_steps: 17")
    assert finished.planned("tag") == {"tag_explain": 1, "tag": 1}
