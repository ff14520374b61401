"""The adversarial autoencoder: rare images, a latent space like the prior, gradients of a game."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.nn.networks.autoencoder import AdversarialAutoencoder

SETTINGS = {
    "hidden": [16],
    "bottleneck": 4,
    "training": {"epochs": 25, "batch_size": 64, "learning_rate": 3e-3, "patience": 25},
}


def test_rare_images_score_higher(toy, scan, context) -> None:
    made = toy(900, 12)
    data = made.data(scan)
    scores = registry.build("detect", "adversarial", SETTINGS).fit(data, context).score(data)
    assert roc_auc_score(made.truth, scores.score[0]) > 0.95


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_critic_makes_the_latent_space_normal(weight: float, toy, scan, context) -> None:
    """|z|^2 of a latent vector like the prior is chi-squared; without the critic it is anything."""
    made = toy(1500, 0)
    # Features of heavy tails, which a plain encoder passes on.
    made.features = np.random.default_rng(1).standard_t(3, size=(1500, 2)) * [1, 5]
    data = made.data(scan)
    more = {"inputs": ["first", "second"], "bottleneck": 1, "score": "latent", "critic_weight": weight}
    training = {**SETTINGS["training"], "epochs": 30, "patience": 30}
    detector = registry.build("detect", "adversarial", {**SETTINGS, **more, "training": training})
    score = detector.fit(data, context).score(data).score[0]
    distance = kstest(2 * score, "chi2", args=(1,)).statistic
    assert distance < 0.12 if weight else distance > 0.15


def test_the_critic_descends_where_the_encoder_climbs() -> None:
    torch.manual_seed(0)
    network = AdversarialAutoencoder(3, [8], 2, [4])
    rows = torch.randn(10, 3)
    softplus = torch.nn.functional.softplus

    def gradient(latent: torch.Tensor, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(softplus(network.critic(latent)[..., 0]).sum(), weights)

    made, _, of_latent = network(rows, torch.zeros(10, 2))
    first, last = network.encoder[0].weight, network.critic[0].weight
    ours = torch.autograd.grad(softplus(of_latent).sum(), (first, last), retain_graph=True)
    plain = gradient(made.latent, first, last)
    torch.testing.assert_close(ours[0], -plain[0])
    torch.testing.assert_close(ours[1], plain[1])
