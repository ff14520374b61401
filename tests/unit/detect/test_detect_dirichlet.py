"""The Dirichlet autoencoder: components, the Laplace approximation, scores that work both ways."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.methods import dirichlet
from resonaut.errors import BadValueError, ConfigError

SETTINGS = {
    "hidden": [16],
    "training": {"epochs": 25, "batch_size": 64, "learning_rate": 1e-2, "patience": 25},
}


@pytest.mark.parametrize(("score", "n_rare"), [("latent", 150), ("reconstruction", 10)])
def test_rare_images_score_higher(score: str, n_rare: int, toy, scan, context) -> None:
    made = toy(700, n_rare)
    data = made.data(scan)
    detector = registry.build("detect", "dirichlet", {**SETTINGS, "score": score})
    found = detector.fit(data, context).score(data).score[0]
    assert roc_auc_score(made.truth, found) > 0.95
    if score == "latent":
        # Weights of a component of two jets: from 0 to 2 together.
        assert found.min() >= 0
        assert found.max() <= 2


def test_the_score_works_both_ways(toy, scan, context) -> None:
    """Complex jets among simple ones, and simple ones among complex ones: both are the rarer component."""
    random = np.random.default_rng(0)
    data = toy(800, 0).data(scan)
    for rare_is_simple in (True, False):
        rare = np.arange(800) < 160
        simple = rare == rare_is_simple
        pixels = np.where(simple[:, None], random.dirichlet([30.0] * 3 + [0.1] * 33, 800), 0)
        pixels += np.where(simple[:, None], 0, random.dirichlet([0.1] * 3 + [2.0] * 33, 800))
        images = np.repeat(pixels.reshape(-1, 1, 6, 6), 2, axis=1).astype(np.float32)
        detector = registry.build("detect", "dirichlet", {**SETTINGS, "kl_weight": 0.01})
        changed = dataclasses.replace(data, images=images)
        score = detector.fit(changed, context).score(changed).score[0]
        assert roc_auc_score(rare, score) > 0.95


def test_prior_is_the_laplace_approximation() -> None:
    """The softmax of the prior has the mean of a Dirichlet distribution, and its variance for large a."""
    for n, concentration in ((2, 5.0), (3, 10.0)):
        width = dirichlet.prior_variance(concentration) ** 0.5
        exponents = np.exp(np.random.default_rng(1).normal(0, width, (200_000, n)))
        share = exponents / exponents.sum(1, keepdims=True)
        expected = (n - 1) / n**2 / (n * concentration + 1)
        assert share.mean(0) == pytest.approx(np.full(n, 1 / n), abs=0.003)
        assert share.var(0) == pytest.approx(np.full(n, expected), rel=0.12)


def test_divergence_vanishes_at_the_prior_and_has_its_closed_form() -> None:
    variance = dirichlet.prior_variance(0.7)
    mean, log_variance = torch.zeros(1, 3), torch.full((1, 3), float(np.log(variance)))
    assert dirichlet.divergence(mean, log_variance, 0.7).item() == pytest.approx(0, abs=1e-6)
    moved = dirichlet.divergence(mean + 2, log_variance + np.log(2.0), 0.7).item()
    assert moved == pytest.approx(1.5 * (2 + 4 / variance - 1 - np.log(2)), rel=1e-5)


def test_error_of_pixels_is_a_divergence_of_distributions() -> None:
    from resonaut.nn.networks.autoencoder import Reconstruction

    inputs = torch.tensor([[2.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    outputs = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    made = Reconstruction(inputs, outputs, inputs, torch.ones(3))
    error = dirichlet._error(made, dirichlet.Settings())
    torch.testing.assert_close(error, torch.tensor([0.0, float(np.log(4))]))


def test_negative_pixels_and_constituents_are_refused(toy, scan, context) -> None:
    data = toy(100, 0).data(scan)
    data.images[5, 0, 0, 0] = -1
    with pytest.raises(BadValueError, match=r"a pixel of mixture 'data' is -1"):
        registry.build("detect", "dirichlet", SETTINGS).fit(data, context)
    with pytest.raises(ConfigError, match="use images or features"):
        registry.build("detect", "dirichlet", {"inputs": "constituents"})
