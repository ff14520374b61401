"""Training in fixed point: what is rounded forwards, the gradient backwards, weights that stay pruned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonaut.nn.fixed_point import FixedPoint, profiled, smallest
from resonaut.nn.quantised import Layers, straight_through


def network_of(seed: int, bits: int = 8):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(6, 4)), rng.normal(size=(1, 6))]
    biases = [rng.normal(size=6), rng.normal(size=1)]
    fixed = profiled(weights, biases, (True, False), rng.normal(size=(500, 4)), bits, 16)
    return weights, biases, fixed


def test_rounding_has_the_gradient_of_a_clip():
    one = FixedPoint(4, 2)
    values = torch.tensor([-3.0, -1.99, -0.1, 0.3, 1.74, 1.76, 9.0], requires_grad=True)
    rounded = straight_through(values, one)
    np.testing.assert_array_equal(rounded.detach().numpy(), one.apply(values.detach().numpy()))
    rounded.backward(torch.arange(1.0, 8.0))
    assert values.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]


@pytest.mark.parametrize("bits", [4, 8])
def test_what_is_trained_is_what_is_exported(bits):
    weights, biases, fixed = network_of(1, bits)
    layers = Layers(weights, biases, (True, False), [np.ones_like(w) for w in weights], fixed)
    rng = np.random.default_rng(2)
    optimiser = torch.optim.SGD(layers.parameters(), lr=0.05)
    for _ in range(5):
        rows = torch.tensor(rng.normal(size=(64, 4)), dtype=torch.float32)
        optimiser.zero_grad()
        (layers(rows)[:, 0] - rows.sum(1)).square().mean().backward()
        optimiser.step()
    rows = rng.normal(size=(300, 4)).astype(np.float32)
    with torch.no_grad():
        found = layers(torch.tensor(rows)).double().numpy()
    # Sums of these few small numbers are exact in float32 too.
    np.testing.assert_array_equal(found, layers.in_fixed_point()(rows))
    assert not np.array_equal(layers.in_fixed_point().layers[0].weight, fixed.layers[0].weight)


def test_pruned_weights_stay_zero():
    weights, biases, fixed = network_of(3)
    weights = [np.where(smallest(weight, 0.5), 0.0, weight) for weight in weights]
    layers = Layers(weights, biases, (True, False), [weight != 0 for weight in weights], fixed)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=0.1)
    rows = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        optimiser.zero_grad()
        layers(rows).square().mean().backward()
        optimiser.step()
    for before, after in zip(weights, layers.arrays()[0], strict=True):
        assert (after[before == 0] == 0).all()
        assert (after[before != 0] != before[before != 0]).any()
    assert [int((weight == 0).sum()) for weight in layers.arrays()[0]] == [12, 3]


def test_layers_of_floats_have_no_formats():
    weights, biases, _ = network_of(4)
    layers = Layers(weights, biases, (True, False), [np.ones_like(w) for w in weights])
    rows = np.random.default_rng(5).normal(size=(10, 4)).astype(np.float32)
    with torch.no_grad():
        found = layers(torch.tensor(rows)).numpy()
    hidden = np.maximum(rows @ weights[0].T + biases[0], 0)
    np.testing.assert_allclose(found, hidden @ weights[1].T + biases[1], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="no formats"):
        layers.in_fixed_point()
