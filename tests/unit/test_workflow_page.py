"""What the page of the review is made from: a new method is in it with no edit."""

from __future__ import annotations

import shlex

import pytest
import yaml

from resonaut import workflow


@pytest.fixture(scope="module")
def tiny(root):
    return yaml.safe_load((root / "tests/workflow/tiny.yaml").read_text())


def words(raw):
    """Figures and results that the command line of the page names."""
    line = shlex.split(workflow.Plan(workflow.parse(raw)).page_arguments())
    figures, results = line.index("--figures"), line.index("--results")
    assert line[: figures + 1] == ["--folder", f"results/{raw['study']}", "--figures"]
    return set(line[figures + 1 : results]), set(line[results + 1 :])


def test_the_page_holds_every_figure_and_quotes_what_is_made(tiny):
    plan = workflow.Plan(workflow.parse(tiny))
    figures, results = words(tiny)
    assert figures == set(plan.figures())
    assert {
        "ingest/qcd/nominal/manifest.json",
        "tag/pfn/metrics.json",
        "generate/vae/training.json",
        "detect/data/cwola/metrics.json",
        "hunt/data/cwola/hunt.json",
        "infer/data/cwola/significance.json",
        "infer/data/global.json",
        "review/checks.json",
    } <= results
    made = plan.page_figures()
    assert len(made) == 4 * len(figures)
    assert "results/tiny/review/infer/data/cwola.svg" in made
    assert plan.targets("review")[-1] == "results/tiny/review/index.html"


def test_a_new_method_is_on_the_page(tiny):
    mixture = {**tiny["mixtures"]["data"], "methods": ["cwola", "autoencoder", "random_score"]}
    more = {
        **tiny,
        "tag": {**tiny["tag"], "mine": {"kind": "pfn", "signal": ["wprime"], "background": ["qcd"]}},
        "detect": {**tiny["detect"], "random_score": {}},
        "mixtures": {"data": mixture},
    }
    figures, results = (new - old for new, old in zip(words(more), words(tiny), strict=True))
    assert {"tag/mine", "tag_compare", "hunt/data/random_score", "infer/data/random_score"} <= figures
    assert {"tag/mine/metrics.json", "infer/data/random_score/significance.json"} <= results
