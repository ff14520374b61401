"""Networks of cells: locally connected layers against explicit loops, parameters counted, cells filled."""

import itertools

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from resonaut.nn.networks.cells import StandardiseCells
from resonaut.nn.networks.cnn3d import ShowerCNN
from resonaut.nn.networks.locally_connected import LocallyConnected3d, LocallyConnectedNetwork


@pytest.mark.parametrize(("shape", "window"), [((6, 4, 2), 2), ((7, 5, 4), 3), ((4, 3, 2), 1)])
def test_against_explicit_loops(shape, window):
    torch.manual_seed(1)
    layer = LocallyConnected3d(shape, 2, 3, window).double()
    torch.nn.init.normal_(layer.bias)
    values = torch.randn(4, 2, *shape, dtype=torch.float64)
    found = layer(values)
    places = [-(-size // window) for size in shape]
    assert found.shape == (4, 3, *places)
    weight = layer.weight.detach().reshape(*places, 2, window, window, window, 3)
    bias = layer.bias.detach().reshape(*places, 3)
    for place in itertools.product(*map(range, places)):
        expected = bias[place].expand(4, 3).clone()
        for offset in itertools.product(range(window), repeat=3):
            cell = [p * window + k for p, k in zip(place, offset, strict=True)]
            if all(c < size for c, size in zip(cell, shape, strict=True)):
                for channel in range(2):
                    inputs = values[(slice(None), channel, *cell)][:, None]
                    expected += inputs * weight[(*place, channel, *offset)]
        assert_close(found[(slice(None), slice(None), *place)], expected)


def test_equal_weights_are_a_convolution():
    torch.manual_seed(2)
    layer = LocallyConnected3d((6, 6, 6), 2, 4, 3)
    convolution = torch.nn.Conv3d(2, 4, 3, 3)
    with torch.no_grad():
        layer.weight[:] = convolution.weight.flatten(1).T
        layer.bias[:] = convolution.bias
    values = torch.randn(5, 2, 6, 6, 6)
    assert_close(layer(values), convolution(values))


def n_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_in_closed_form():
    network = LocallyConnectedNetwork((30, 30, 30), (8, 16), (3, 2), hidden=(64, 32))
    expected = 10**3 * (27 + 1) * 8 + 5**3 * (8 * 8 + 1) * 16
    expected += (5**3 * 16 + 1 + 1) * 64 + 65 * 32 + 33
    assert n_parameters(network) == expected
    network = ShowerCNN((38, 24, 24), (8, 16), hidden=(10,), n_outputs=3)
    # 38, 24 -> 19, 12 -> 10, 6.
    expected = (27 + 1) * 8 + (27 * 8 + 1) * 16 + (10 * 6 * 6 * 16 + 1 + 1) * 10 + 11 * 3
    assert n_parameters(network) == expected


def hits(n=6, shape=(4, 5, 3), seed=3):
    rng = np.random.default_rng(seed)
    dense = rng.exponential(1.0, (n, *shape)).astype(np.float32) * (rng.random((n, *shape)) < 0.3)
    dense[1] = 0
    counts = (dense > 0).reshape(n, -1).sum(axis=1)
    values = np.full((n, counts.max() + 2, 2), 1e6, np.float32)
    mask = np.arange(counts.max() + 2) < counts[:, None]
    for row, shower in enumerate(dense.reshape(n, -1)):
        cell = np.flatnonzero(shower)
        values[row, : len(cell), 0], values[row, : len(cell), 1] = cell, shower[cell]
    return dense, torch.from_numpy(values), torch.from_numpy(mask)


def test_cells_are_filled_whatever_the_padding_and_the_order():
    dense, values, mask = hits()
    layer = StandardiseCells(dense.shape[1:])
    np.testing.assert_array_equal(layer.fill(values, mask).numpy(), dense)
    order = torch.randperm(values.shape[1])
    np.testing.assert_array_equal(layer.fill(values[:, order], mask[:, order]).numpy(), dense)
    layer.measure(values[mask])
    energy = dense[dense > 0].astype(np.float64)
    assert float(layer.scale) == pytest.approx(np.exp(np.log(energy).mean()))
    cells, total = layer(values, mask)
    np.testing.assert_allclose(cells[:, 0], np.log1p(dense / float(layer.scale)), rtol=1e-5)
    sums = dense.sum(axis=(1, 2, 3)) / float(layer.scale)
    np.testing.assert_allclose(total[:, 0], np.log1p(sums) / 10, rtol=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("kind", ["cnn", "local"])
def test_networks_learn_in_every_weight(kind, n_outputs):
    torch.manual_seed(4)
    dense, values, mask = hits()
    made = (dense.shape[1:], (2, 3))
    if kind == "cnn":
        network = ShowerCNN(*made, n_outputs=n_outputs, activation="tanh")
    else:
        network = LocallyConnectedNetwork(*made, (2, 2), n_outputs=n_outputs, activation="tanh")
    found = network(values, mask)
    assert found.shape == ((6,) if n_outputs == 1 else (6, 3))
    found.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
