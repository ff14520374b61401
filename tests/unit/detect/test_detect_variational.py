"""The variational autoencoder: rare images, the terms of its score, closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.autoencoding import normal
from resonaut.detect.methods import variational
from resonaut.nn.networks.autoencoder import Reconstruction, VariationalAutoencoder

SETTINGS = {
    "hidden": [16],
    "bottleneck": 4,
    "training": {"epochs": 12, "batch_size": 64, "learning_rate": 3e-3, "patience": 12},
}


@pytest.mark.parametrize("score", ["reconstruction", "both"])
def test_rare_images_score_higher(score: str, toy, scan, context) -> None:
    made = toy(900, 12)
    data = made.data(scan)
    found = (
        registry.build("detect", "variational", {**SETTINGS, "score": score}).fit(data, context).score(data)
    )
    assert roc_auc_score(made.truth, found.score[0]) > 0.95


def test_far_features_have_the_larger_divergence(toy, scan, context) -> None:
    made = toy(1500, 20)
    made.features[made.truth] += 3
    data = made.data(scan)
    settings = {**SETTINGS, "inputs": ["first", "second"], "bottleneck": 2, "score": "kl"}
    score = registry.build("detect", "variational", settings).fit(data, context).score(data).score[0]
    assert roc_auc_score(made.truth, score) > 0.95


def test_terms_are_those_of_the_closed_form() -> None:
    settings = variational.Settings(kl_weight=0.5)
    inputs, outputs = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    mean, log_variance = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, np.log(4.0)]])
    made = Reconstruction(inputs, outputs, mean, torch.ones(2))
    terms = {
        which: variational._terms((made, (mean, log_variance)), settings, which).item()
        for which in ("reconstruction", "kl", "both")
    }
    # KL(N(2, 1) || N(0, 1)) = 2; KL(N(0, 4) || N(0, 1)) = (4 - 1 - ln 4) / 2.
    divergence = 2 + 0.5 * (3 - np.log(4))
    assert terms == pytest.approx({"reconstruction": 5, "kl": divergence, "both": 5 + 0.5 * divergence})


def test_a_draw_has_the_mean_and_the_width_that_the_encoder_says() -> None:
    torch.manual_seed(0)
    network = VariationalAutoencoder(3, [8], 2)
    row = torch.randn(1, 3).expand(20_000, 3)
    noise = normal(torch.tensor(5), (20_000, 2), torch.float32)
    made, (mean, log_variance) = network(row, noise)
    width = (0.5 * log_variance[0]).exp()
    torch.testing.assert_close(made.latent.mean(0), mean[0], atol=4 * width.max().item() / 141, rtol=0)
    torch.testing.assert_close(made.latent.std(0), width, rtol=0.03, atol=0)


def test_normal_numbers_are_normal_and_follow_their_key() -> None:
    from scipy.stats import kstest

    first, again, other = (normal(torch.tensor(key), (5, 2001), torch.float64) for key in (1, 1, 2))
    assert first.shape == (5, 2001)
    assert torch.equal(first, again)
    assert kstest(first.numpy().ravel(), "norm").pvalue > 0.001
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.04
    assert torch.isfinite(normal(torch.tensor(3), (200_000,), torch.float32)).all()
