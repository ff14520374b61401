"""A study with variations and entries of trust, as the archive keeps its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from resonaut import config
from resonaut.archive import configuration

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def study():
    return config.load(ROOT / "config/trust.yaml")


def test_merged_configuration_is_the_same_study(study):
    merged = configuration.merged(study)
    assert merged["variations"]["jes_up"]["shift"] == 0.05
    assert config.parse(merged) == study


def test_varied_slices_stand_beside_the_nominal_ones(study):
    slices = configuration.slices(study)
    names = [entry["names"] for entry in slices["clouds"]]
    assert names[0] == {}
    expected = {(dataset, name) for dataset in ("qcd", "top") for name in ("jes_down", "jes_up")}
    assert {(one["dataset"], one["variation"]) for one in names[1:]} == expected
    (varied,) = [one for one in slices["clouds"] if one["names"] == {"dataset": "top", "variation": "jes_up"}]
    assert varied["settings"]["variation"]["settings"]["shift"] == 0.05
    assert [entry["names"] for entry in slices["response"]] == [{"name": "energy_scale"}]
    assert [entry["names"] for entry in slices["ingest"]] == [{"dataset": "qcd"}, {"dataset": "top"}]
