"""Density in latent space: rare codes have a high score."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resonaut import registry

SETTINGS = {
    "hidden": [16],
    "bottleneck": 3,
    "components": 3,
    "training": {"epochs": 12, "batch_size": 64, "learning_rate": 3e-3, "patience": 12},
}
FLOW = {
    "kind": "nsf",
    "transforms": 1,
    "hidden": [16],
    "keep_epochs": 1,
    "training": {"epochs": 25, "batch_size": 128, "learning_rate": 5e-3, "patience": 25},
}


def test_rare_images_score_higher(toy, scan, context) -> None:
    made = toy(900, 10)
    data = made.data(scan)
    scores = registry.build("detect", "latent_density", SETTINGS).fit(data, context).score(data)
    assert roc_auc_score(made.truth, scores.score[0]) > 0.9


@pytest.mark.parametrize("density", ["mixture", "flow"])
def test_events_between_two_clusters_are_rare_in_latent_space(density: str, toy, scan, context) -> None:
    """Along a line, between two clusters: inside the range of the data, near the mean of all."""
    random = np.random.default_rng(0)
    data = toy(1500, 0).data(scan)
    rare = np.arange(1500) < 30
    clusters = random.choice([-2, 2], 1500) + random.normal(0, 0.3, 1500)
    along = np.where(rare, random.normal(0, 0.1, 1500), clusters)
    features = {"first": along, "second": along + random.normal(0, 0.2, 1500)}
    data = dataclasses.replace(data, features=features)
    settings = {**SETTINGS, "inputs": ["first", "second"], "bottleneck": 1, "density": density, "flow": FLOW}
    score = registry.build("detect", "latent_density", settings).fit(data, context).score(data).score[0]
    assert roc_auc_score(rare, score) > 0.95
