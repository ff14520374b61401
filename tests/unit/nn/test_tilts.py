"""Tilts: closed forms of one function, moments that are reached, sums that stay."""

import numpy as np
import torch
from scipy import optimize

from resonaut.nn.networks.tilts import tilted_cells, tilted_layers


def test_layers_are_those_of_least_relative_entropy():
    above = torch.tensor([[1.0, 4.0, 6.0, 3.0, 0.5]], dtype=torch.float64)
    floor = torch.tensor([[0.1, 0.2, 0.2, 0.1, 0.0]], dtype=torch.float64)
    total, mean, width = (torch.tensor([x], dtype=torch.float64) for x in (16.0, 2.1, 1.1))
    found = tilted_layers(above, floor, total, mean, width)[0].numpy()
    layers = np.arange(5)
    energy = found + floor[0].numpy()
    assert np.isclose(energy.sum(), 16)
    assert np.isclose(energy @ layers / 16, 2.1, atol=1e-6)
    assert np.isclose(np.sqrt(energy @ (layers - 2.1) ** 2 / 16), 1.1, atol=1e-6)
    own = above[0].numpy()
    wanted = np.array([16.0, 16 * 2.1, 16 * (1.1**2 + 2.1**2)]) - floor[0].numpy() @ np.vander(
        layers, 3, increasing=True
    )
    least = optimize.minimize(
        lambda e: np.sum(e * np.log(e / own) - e),
        own,
        constraints={"type": "eq", "fun": lambda e: e @ np.vander(layers, 3, increasing=True) - wanted},
        bounds=[(1e-9, None)] * 5,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert np.allclose(found, least.x, atol=1e-4)


def test_what_layers_cannot_reach_is_approached():
    above = torch.tensor([[0.0, 2.0, 0.0, 0.0]])
    found = tilted_layers(
        above, torch.zeros(1, 4), torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor([1.0])
    )
    assert torch.allclose(found, above)
    none = tilted_layers(above * 0, torch.zeros(1, 4), torch.ones(1), torch.ones(1), torch.ones(1))
    assert not none.any()


def test_cells_reach_their_moments_and_layers_keep_their_sums():
    torch.manual_seed(2)
    energy = torch.empty(2, 300, dtype=torch.float64).exponential_()
    energy[1, 250:] = 0
    layer = (torch.arange(300) % 3).expand(2, -1)
    x, y = torch.randn(2, 2, 300, dtype=torch.float64)
    powers = torch.stack([x, y, x**2, y**2, (x**2 + y**2).sqrt()], dim=2)
    sums = torch.zeros(2, 3, dtype=torch.float64).scatter_add(1, layer, energy)
    now = (energy[..., None] * powers).sum(1)
    change = torch.tensor([[10.0, -5.0, 20.0, 10.0, 6.0], [0.0, 0.0, -10.0, 8.0, 0.0]], dtype=torch.float64)
    found = tilted_cells(energy, layer, sums, powers, now + change)
    assert torch.allclose((found[..., None] * powers).sum(1), now + change, rtol=1e-3)
    assert torch.allclose(torch.zeros_like(sums).scatter_add(1, layer, found), sums)
    assert not found[1, 250:].any()
    assert torch.allclose(tilted_cells(energy, layer, sums, powers, now), energy, atol=1e-9)


def test_what_cells_cannot_reach_is_approached():
    energy = torch.ones(1, 3)
    place = torch.tensor([[-1.0, 0.0, 1.0]])
    powers = torch.stack([place, 0 * place, place**2, 0 * place, place.abs()], dim=2)
    found = tilted_cells(
        energy,
        torch.zeros(1, 3, dtype=torch.int64),
        energy.sum(1, keepdim=True),
        powers,
        torch.tensor([[9.0, 0.0, 3.0, 0.0, 3.0]]),
    )
    assert found.isfinite().all()
    assert torch.isclose(found.sum(), torch.tensor(3.0))
    assert (found * place).sum() > 0.5
    none = tilted_cells(
        energy[:, :0],
        torch.zeros(1, 0, dtype=torch.int64),
        torch.zeros(1, 1),
        powers[:, :0],
        torch.zeros(1, 5),
    )
    assert none.shape == (1, 0)
