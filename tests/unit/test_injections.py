"""Injected signals: one entry of the configuration stands for many mixtures."""

from __future__ import annotations

import copy

import pytest
import yaml

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.workflow import Plan

STUDY = yaml.safe_load("""
study: toy
datasets:
  qcd: {source: pythia, label: qcd, process: qcd_dijet, n_events: 100, cuts: {pt_hat_min: 1100}}
  wprime: {source: pythia, label: wprime, process: wprime_xy, n_events: 100}
mixtures:
  injected:
    datasets: {qcd: all}
    inject: {wprime: [0, 250]}
    seeds: [0, 3]
    methods: [cwola]
scan:
  mass_min: 2500
  mass_max: 6000
  windows: [{low: 3300, high: 3700}, {low: 3800, high: 4200}, {low: 4300, high: 4700}]
detect:
  cwola: {features: [mj1, dmj], windows_per_job: 2}
""")


def _study(**mixture):
    raw = copy.deepcopy(STUDY)
    raw["mixtures"]["injected"].update(mixture)
    return parse(raw)


def test_counts_and_seeds_are_mixtures_of_their_own() -> None:
    study = _study()
    assert sorted(study.mixtures) == [
        "injected:0:seed0", "injected:0:seed3", "injected:250:seed0", "injected:250:seed3",
    ]  # fmt: skip
    mixture = study.mixtures["injected:250:seed3"]
    assert mixture.datasets == {"qcd": "all", "wprime": 250}
    assert (mixture.seed, mixture.methods, mixture.inject) == (3, ("cwola",), None)
    assert '"draw":3' in study.slice("mix", mixture="injected:250:seed3").replace(" ", "")


def test_seeds_alone_repeat_a_mixture() -> None:
    study = _study(inject=None, datasets={"qcd": "all", "wprime": 50}, seeds=[1, 2])
    assert sorted(study.mixtures) == ["injected:seed1", "injected:seed2"]


def test_without_either_the_name_stays() -> None:
    assert list(_study(inject=None, seeds=None).mixtures) == ["injected"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inject": {"wprime": [10], "qcd": [3]}}, "inject: one dataset is expected, got 2"),
        ({"inject": {"qcd": [10]}}, "'qcd' is among the datasets too"),
        ({"inject": {"wprime": [-1]}}, "greater than or equal to 0"),
        ({"inject": {"wprim": [10]}}, "unknown dataset 'wprim'. Did you mean 'wprime'?"),
        ({"seeds": [1, 1]}, "a seed is named twice"),
    ],
)
def test_what_cannot_be_injected_is_said(change, words) -> None:
    with pytest.raises(ConfigError, match="mixtures") as error:
        _study(**change)
    assert words in str(error.value)


def test_a_split_scan_has_a_job_for_each_part_with_its_own_windows() -> None:
    plan = Plan(_study())
    assert plan.split(into_parts=True) == "cwola"
    files = plan.part_files("injected:0:seed0", "cwola", "scores.h5")
    assert [path.split("/")[-2] for path in files] == ["3300-3700+1", "4300-4700+0"]
    names = {"mixture": "injected:0:seed0", "method": "cwola"}
    last = plan.settings("detect", **names, windows="4300-4700+0")
    assert '"low":4300' in last.replace(" ", "")
    assert '"low":3300' not in last.replace(" ", "")
    assert '"low":3300' in plan.settings("detect", **names).replace(" ", "")


def test_samples_of_a_detector_are_among_its_inputs() -> None:
    raw = copy.deepcopy(STUDY)
    raw["detect"]["iad"] = {"features": ["mj1"], "background": ["extra"]}
    raw["datasets"]["extra"] = {**raw["datasets"]["qcd"], "n_events": 50}
    raw["mixtures"]["injected"]["methods"] = ["iad"]
    plan = Plan(parse(raw))
    assert "extra=" in plan.detector_arguments("injected:0:seed0", "iad")
    raw["detect"]["iad"]["background"] = ["extras"]
    with pytest.raises(ConfigError, match=r"detect\.iad: unknown dataset 'extras'\. Did you mean 'extra'\?"):
        parse(raw)
