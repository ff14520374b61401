"""What the last linear layer of a network is given, and the directions in which it spreads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import ConfigError, InputError
from resonaut.nn import latent as module
from resonaut.nn.latent import PrincipalComponents, latent
from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.pfn import ParticleFlowNetwork
from resonaut.nn.networks.rescaled import Rescaled
from resonaut.nn.networks.trees import TreeEnsemble
from resonaut.nn.samples import FixedSamples, RaggedSamples


class Late(nn.Module):
    """The layer that makes the output is registered first, and layers of other widths follow it."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(7, 1)
        self.body = dense([3, 5, 7], last_activation=True)
        self.never_run = nn.Linear(2, 1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.output(self.body(values)).squeeze(-1)


def test_latent_values_give_the_outputs_in_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ragged rows are batched by their lengths; more than one batch."""
    monkeypatch.setattr(module, "BATCH", 16)
    generator = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(generator.integers(1, 9, 50))])
    samples = RaggedSamples(generator.normal(size=(offsets[-1], 3)).astype(np.float32), offsets)
    network = ParticleFlowNetwork(3, (8, 6), (5, 4)).eval()
    found = latent(network, samples, "w", "cpu")
    with torch.no_grad():
        expected = torch.cat([network(*samples.take(torch.tensor([row])).values) for row in range(50)])
        last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
        made = last(torch.from_numpy(found)).squeeze(-1)
    assert found.shape == (50, 4)
    np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("wrap", [nn.Sequential, Rescaled, lambda inner: nn.Sequential(inner, nn.Sigmoid())])
def test_the_layer_that_runs_last_counts(wrap) -> None:
    network, values = Late(), torch.randn(9, 3)
    found = latent(outer := wrap(network), FixedSamples(values), "w", "cpu")
    with torch.no_grad():
        np.testing.assert_array_equal(found, network.body(values))
    assert not any(layer._forward_pre_hooks for layer in outer.modules())


def test_networks_without_a_last_linear_layer_are_refused() -> None:
    values = FixedSamples(torch.randn(4, 3))
    for network in (TreeEnsemble(3), nn.Sequential(nn.Linear(3, 5), nn.Softmax(1), nn.Flatten(0))):
        with pytest.raises(InputError, match=r"w: a last linear layer does not make its outputs"):
            latent(network, values, "w", "cpu")


def test_principal_components_of_a_known_covariance() -> None:
    """Axes and widths of a rotated Gaussian, exact because the sample is made with that covariance."""
    generator = np.random.default_rng(1)
    rotation = np.linalg.qr(generator.normal(size=(4, 4)))[0]
    white = generator.normal(size=(500, 4))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T, bias=True))).T
    widths = np.array([5.0, 3.0, 1.0, 0.0])
    values = 7 + (white * widths) @ rotation.T
    found = PrincipalComponents.of(values, 2, "w")
    np.testing.assert_allclose(found.widths, [5, 3], rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.axes @ rotation), np.eye(2, 4), atol=1e-9)
    assert (found.axes[np.arange(2), np.abs(found.axes).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(np.abs(found.project(values)), np.abs(white[:, :2]), atol=1e-5)
    with pytest.raises(ConfigError, match=r"4 are wanted, but the latent space of w spreads in 3 directions"):
        PrincipalComponents.of(values, 4, "w")
