"""Weights with widths against closed forms: divergence, moments of draws, Bayesian linear regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import ConfigError
from resonaut.nn.networks import bayesian
from resonaut.nn.networks.bayesian import PACE, BayesianLinear, bayesian_like, drawing
from resonaut.nn.networks.dense import dense
from resonaut.nn.row_layers import dropped, replaced, row_layers


def layer(n_inputs=3, n_outputs=2, prior_width=0.7, seed=0):
    torch.manual_seed(seed)
    made = BayesianLinear(n_inputs, n_outputs, prior_width).double()
    with torch.no_grad():
        made.weight_spread.copy_(torch.randn(n_outputs, n_inputs).double() / PACE)
        made.bias_spread.copy_(torch.randn(n_outputs).double() / PACE)
    return made


def widths(made):
    return (PACE * made.weight_spread).exp().detach(), (PACE * made.bias_spread).exp().detach()


def test_divergence_is_that_of_gaussians():
    made = layer()
    expected = 0.0
    for mean, width in zip((made.weight, made.bias), widths(made), strict=True):
        posterior = torch.distributions.Normal(mean.detach(), width)
        prior = torch.distributions.Normal(torch.zeros_like(width), torch.full_like(width, 0.7))
        expected += float(torch.distributions.kl_divergence(posterior, prior).sum())
    assert made.divergence().item() == pytest.approx(expected, rel=1e-12)
    assert bayesian.divergence(nn.Sequential(made, nn.ReLU(), layer(seed=0))).item() == pytest.approx(
        2 * expected
    )


def test_what_is_drawn_has_the_moments_of_drawn_weights():
    made, n = layer(), 200_000
    x = torch.tensor([0.5, -1.0, 2.0]).double()
    with torch.no_grad(), drawing(made):
        found = made(x.expand(n, -1))
    of_weight, of_bias = widths(made)
    random = torch.Generator().manual_seed(2)
    weights = made.weight + of_weight * torch.randn(n, 2, 3, generator=random, dtype=torch.float64)
    biases = made.bias + of_bias * torch.randn(n, 2, generator=random, dtype=torch.float64)
    explicit = (weights @ x + biases).detach()
    width = ((x**2) @ (of_weight**2).T + of_bias**2).sqrt()
    for drawn in (found, explicit):
        pull = (drawn.mean(0) - made(x).detach()) / (width / math.sqrt(n))
        assert pull.abs().max() < 4
        assert torch.allclose(drawn.std(0), width, rtol=0.01)
    assert abs(float(torch.corrcoef(found.T)[0, 1])) < 0.01


def test_outside_of_drawing_it_is_the_layer_of_the_means():
    made, x = layer().eval(), torch.randn(4, 3).double()
    assert torch.equal(made(x), nn.functional.linear(x, made.weight, made.bias))
    with drawing(made):
        assert not torch.equal(made(x), made(x))
    assert torch.equal(made(x), made(x))
    assert not torch.equal(made.train()(x), made(x))


def test_drawing_leaves_batch_normalisation_alone():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1)).train()
    with drawing(network):
        assert network[1].training
        assert not network[0].training
    assert not network[1].training


def test_widths_of_zero_inputs_have_gradients():
    made = layer().train()
    made(torch.zeros(5, 3).double()).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


def test_bayesian_linear_regression():
    """With noise of known width s the posterior is N(P^-1 X^T y / s^2, P^-1), P = X^T X / s^2 + 1 / p^2; the
    nearest independent Gaussians have its means, and widths 1 / sqrt(P_ii) (Bishop 2006, section 10.1.2).
    """
    random = np.random.default_rng(5)
    n, noise, prior = 60, 0.5, 1.0
    # Orthogonal columns, so that these widths are those of the posterior itself.
    x, _ = np.linalg.qr(random.normal(size=(n, 3)))
    x = x * np.sqrt(n) * np.array([1.0, 0.5, 0.2])
    y = x @ np.array([1.0, -2.0, 0.5]) + random.normal(0, noise, n)
    design = np.concatenate([x, np.ones((n, 1))], 1)
    precision = design.T @ design / noise**2 + np.eye(4) / prior**2
    mean = np.linalg.solve(precision, design.T @ y / noise**2)
    torch.manual_seed(1)
    made = BayesianLinear(3, 1, prior).double()
    optimiser = torch.optim.Adam(made.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 900)
    inputs, target = torch.from_numpy(x).repeat(8, 1), torch.from_numpy(y).repeat(8)
    for _ in range(900):
        optimiser.zero_grad()
        loss = 0.5 * ((made(inputs)[:, 0] - target) / noise).square().mean() * n + bayesian.divergence(made)
        loss.backward()
        optimiser.step()
        schedule.step()
    found = torch.cat([made.weight[0], made.bias]).detach().numpy()
    width = torch.cat([part.reshape(-1) for part in widths(made)]).numpy()
    assert np.allclose(width, 1 / np.sqrt(np.diag(precision)), rtol=0.05)
    assert np.abs((found - mean) / width).max() < 0.1
    covariance = np.linalg.inv(precision)
    assert np.allclose(width[:3], np.sqrt(np.diag(covariance))[:3], rtol=0.1)


class OfConstituents(nn.Module):
    """Two layers of constituents, two of rows."""

    def __init__(self):
        super().__init__()
        self.phi = dense((3, 4, 5), last_activation=True)
        self.f = dense((5, 6, 1), last_activation=False)

    def forward(self, values, mask):
        return self.f((self.phi(values) * mask[..., None]).sum(1)).squeeze(-1)


def test_only_layers_of_rows_are_found():
    network, inputs = OfConstituents().train(), (torch.randn(7, 4, 3), torch.ones(7, 4, dtype=torch.bool))
    names = row_layers(network, inputs, "toy")
    assert names == ["f.0", "f.2"]
    assert network.training
    replaced(network, names, lambda layer: bayesian_like(layer, 0.3))
    assert [type(part) for part in network.f.modules() if hasattr(part, "in_features")] == [
        BayesianLinear
    ] * 2
    assert network.f[2].prior_width == 0.3
    assert network(*inputs).shape == (7,)


def test_dropout_stands_before_a_layer():
    network = dropped(nn.Linear(2000, 1), 0.25)
    nn.init.ones_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    with torch.no_grad(), drawing(network):
        found = network(torch.ones(400, 2000))[:, 0]
    # Sums of 2000 numbers that are 0 or 4 / 3.
    assert float(found.mean()) == pytest.approx(2000, rel=0.01)
    assert float(found.std()) == pytest.approx(math.sqrt(2000 * 0.25 / 0.75), rel=0.15)


def test_a_network_without_layers_of_rows_is_refused():
    with pytest.raises(ConfigError, match=r"tag\.caps: the network has no linear layer of whole rows"):
        row_layers(nn.Flatten(), (torch.randn(3, 4),), "tag.caps")
