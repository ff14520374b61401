"""Detectors that read a tagger's latent space: what the plan makes of it, and what a study may not ask."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from resonaut.config import parse, read_yaml
from resonaut.errors import ConfigError
from resonaut.workflow import Plan


@pytest.fixture
def raw(root: Path) -> dict:
    """The default study with a tagger that learns from datasets of its own."""
    study = read_yaml(root / "config/demo.yaml")
    for name in ("qcd", "wprime"):
        study["datasets"][f"{name}_train"] = copy.deepcopy(study["datasets"][name])
    study["tag"]["pfn"] |= {"signal": ["wprime_train"], "background": ["qcd_train"]}
    study["detect"]["cwola"]["features"] = ["tau21_j1", "pfn:0_j1", "pfn:3_j2"]
    return study


def test_the_plan_encodes_what_is_searched_with_components_of_the_training_sample(raw: dict) -> None:
    plan = Plan(parse(raw))
    folder = "results/demo/tag/pfn/encoded"
    words = plan.detector_arguments("data", "cwola").split()
    assert words[words.index("--encoded") + 1 :] == [
        f"pfn/qcd={folder}/qcd.json",
        f"pfn/wprime={folder}/wprime.json",
    ]
    files = plan.detector_files("data", "cwola")
    assert {f"{folder}/qcd.json", f"{folder}/qcd/000/000003.h5", f"{folder}/wprime/000/000001.h5"} <= set(
        files
    )
    reference = "results/demo/represent/qcd_train/nominal/clouds/000/000000.h5"
    assert plan.encoding("pfn") == (4, reference)
    assert "--encoded" not in plan.detector_arguments("data", "autoencoder")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("tag", "pfn", "background", ["qcd"]),
            r"'pfn' learns from 'qcd' with labels, and the mixture 'data'",
        ),
        (("detect", "cwola", "features", ["pnf:0_j1"]), r"unknown tagger 'pnf'. Did you mean 'pfn'"),
        (("detect", "cwola", "features", ["pfn:j1"]), r"'pfn:j1' names no component"),
    ],
)
def test_what_is_refused(raw: dict, change: tuple, message: str) -> None:
    stage, method, key, value = change
    raw[stage][method][key] = value
    with pytest.raises(ConfigError, match=message):
        parse(raw)
