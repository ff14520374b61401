"""Networks: Deep Sets do not see order or padding; the VAE's likelihood and samples; parameter counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.pfn import ParticleFlowNetwork
from resonaut.nn.networks.vae import ImageVAE, kl_divergence
from resonaut.nn.training import n_parameters


@pytest.fixture(scope="module")
def pfn():
    torch.manual_seed(0)
    return ParticleFlowNetwork(7, (20, 30), (10,)).double()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 20), padding=st.integers(0, 9), seed=st.integers(0, 2**31))
def test_pfn_does_not_see_order_or_padding(pfn, n, padding, seed):
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(2, n, 7)))
    plain = pfn(values, torch.ones(2, n, dtype=torch.bool))
    wide = torch.zeros(2, n + padding, 7, dtype=torch.float64)
    where = np.sort(rng.permutation(n + padding)[:n])
    wide[:, where] = values[:, rng.permutation(n)]
    mask = torch.zeros(2, n + padding, dtype=torch.bool)
    mask[:, where] = True
    torch.testing.assert_close(pfn(wide, mask), plain, rtol=1e-10, atol=1e-10)


def test_pfn_sums_phi():
    """Two copies of a jet's constituents have twice its latent vector: a sum, not a mean."""
    torch.manual_seed(1)
    network = ParticleFlowNetwork(3, (8, 5), (4,)).double()
    values = torch.randn(1, 6, 3, dtype=torch.float64)
    once = network.encode(values, torch.ones(1, 6, dtype=torch.bool))
    twice = network.encode(torch.cat([values, values], dim=1), torch.ones(1, 12, dtype=torch.bool))
    torch.testing.assert_close(twice, 2 * once)


def test_pfn_has_the_published_size():
    """82k parameters (arXiv:1902.09914, table 1): sum of (inputs + 1) * outputs over its layers."""
    network = ParticleFlowNetwork(7, (100, 100, 256), (100, 100, 100))
    sizes = [(7, 100), (100, 100), (100, 256), (256, 100), (100, 100), (100, 100), (100, 1)]
    assert n_parameters(network) == sum((a + 1) * b for a, b in sizes) == 82_757


def test_standardise_gives_mean_0_and_width_1():
    values = torch.randn(1000, 3) * torch.tensor([1.0, 5.0, 0.0]) + torch.tensor([0.0, -40.0, 7.0])
    layer = Standardise(3)
    layer.measure(values)
    out = layer(values)
    torch.testing.assert_close(out.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5, rtol=0)


def test_dense_activations():
    layers = [type(layer).__name__ for layer in dense([2, 3, 4], last_activation=False)]
    assert layers == ["Linear", "ReLU", "Linear"]
    assert len(dense([2, 3, 4], last_activation=True)) == 4


def test_kl_agrees_with_torch():
    mean, log_variance = torch.randn(50, 6), torch.randn(50, 6)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(-1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def toy_images(n, seed=0, n_pixels=6):
    rng = np.random.default_rng(seed)
    images = rng.exponential(size=(n, n_pixels, n_pixels)) * (rng.random((n, n_pixels, n_pixels)) < 0.3)
    images[:, 0, 0] += 0.5
    return torch.tensor(images / images.sum((1, 2), keepdims=True), dtype=torch.float32)


def test_vae_loss_is_the_likelihood_of_its_parts():
    """Against torch's Bernoulli and normal densities, up to the constant that the docstring allows."""
    torch.manual_seed(2)
    vae = ImageVAE(6, (12,), 3)
    images = toy_images(40)
    vae.measure(images)
    torch.manual_seed(5)
    found = vae.loss(images, kl_weight=0.7)
    torch.manual_seed(5)
    mean, log_variance = vae.encode(images)
    latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    logit, location, log_scale = vae.decode(latent)
    flat = images.flatten(1)
    hit = flat > 0
    bernoulli = torch.distributions.Bernoulli(logits=logit).log_prob(hit.float()).sum(1)
    logs = (flat.clamp_min(1e-30).log() - vae.log_mean) / vae.log_width
    normal = torch.distributions.Normal(location, log_scale.exp()).log_prob(logs) + 0.5 * np.log(2 * np.pi)
    expected = -(bernoulli + (normal * hit).sum(1)) + 0.7 * kl_divergence(mean, log_variance)
    torch.testing.assert_close(found, expected)


def test_vae_starts_at_the_mean_occupancy():
    torch.manual_seed(3)
    vae = ImageVAE(6, (12,), 3)
    images = toy_images(4000)
    vae.measure(images)
    with torch.no_grad():
        vae.decoder[-1].weight.zero_()
    drawn = vae.sample(4000, normalise=True) > 0
    torch.testing.assert_close(
        drawn.float().mean(0), (images > 0).float().mean(0), atol=5 * (0.25 / 2000) ** 0.5, rtol=0
    )


def test_vae_samples_are_physical():
    torch.manual_seed(4)
    vae = ImageVAE(6, (12,), 3)
    vae.measure(toy_images(100))
    with torch.no_grad():
        # So improbable that only the rule 'at least one pixel' fills them.
        vae.decoder[-1].bias[:36] = -40.0
    drawn = vae.sample(200, normalise=True)
    assert (drawn >= 0).all()
    assert ((drawn > 0).sum((1, 2)) == 1).all()
    torch.testing.assert_close(drawn.sum((1, 2)), torch.ones(200))
