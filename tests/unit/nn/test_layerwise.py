"""Showers layer by layer: draws with fixed numbers and sums, the likelihood, and what is learnt."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from resonaut.nn.networks.cell_draws import fixed_number
from resonaut.nn.networks.layer_totals import LayerTotals
from resonaut.nn.networks.layerwise import Cells

THRESHOLD = 1e-4


def test_a_fixed_number_of_cells_with_their_odds():
    torch.manual_seed(3)
    logit = torch.tensor([2.0, 0.0, 0.0, -1.0, -3.0, 1.0])
    taken = fixed_number(logit.expand(40_000, -1), torch.full((40_000,), 2.0))
    assert (taken.sum(1) == 2).all()
    # The probabilities of the same odds, shifted so that they sum to 2.
    low, high = -5.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if torch.sigmoid(logit + middle).sum() < 2 else (low, middle)
    expected = torch.sigmoid(logit + low)
    error = (expected * (1 - expected) / len(taken)).sqrt()
    assert ((taken.float().mean(0) - expected).abs() < 4 * error).all()


@pytest.mark.parametrize("number", [0, 6])
def test_none_and_all(number):
    taken = fixed_number(torch.randn(50, 6), torch.full((50,), float(number)))
    assert (taken.sum(1) == number).all()


def made(n=400, seed=0):
    """Toy showers of (4, 6, 6): n_l hits of exponential energies near the centre."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(10, 40, n)
    dense = np.zeros((n, 4, 6, 6), np.float32)
    y, x = np.indices((6, 6)) - 2.5
    p = np.exp(-(x**2 + y**2) / 4)
    for layer, share in enumerate((0.5, 1.5, 1.0, 0.2)):
        hit = rng.random((n, 6, 6)) < np.minimum(0.95, share * p * energy[:, None, None] / 40)
        dense[:, layer] = hit * THRESHOLD * (1 + rng.exponential(3, (n, 6, 6)))
    return torch.from_numpy(dense), torch.tensor(energy[:, None], dtype=torch.float32)


def sums_of(dense):
    cells = dense.flatten(2)
    return torch.stack([cells.sum(2), (cells > 0).float().sum(2)], dim=-1)


def test_drawn_cells_have_the_sums_that_were_asked_for():
    torch.manual_seed(1)
    dense, conditions = made()
    cells = Cells((4, 6, 6), THRESHOLD, 1, width=8)
    cells.measure((dense > 0).float().mean(0).flatten(1), conditions)
    sums = sums_of(dense)
    drawn = cells.draw(sums, cells.moments(dense), conditions)
    found = sums_of(drawn)
    assert torch.equal(found[..., 1], sums[..., 1])
    assert torch.allclose(found[..., 0], sums[..., 0], rtol=1e-4)
    assert drawn[drawn > 0].min() >= THRESHOLD * (1 - 1e-6)
    # Before any training the hits follow the mean occupancy.
    difference = (drawn > 0).float().mean(0) - (dense > 0).float().mean(0)
    assert difference.abs().max() < 0.12


def test_loss_is_the_likelihood_of_a_layer():
    torch.manual_seed(2)
    dense, conditions = made(5)
    cells = Cells((4, 6, 6), THRESHOLD, 1, width=8, components=2).double()
    with torch.no_grad():
        for parameter in cells.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    dense, conditions = dense.double(), conditions.double()
    found = cells.loss(dense, conditions, 4)
    flat, expected = dense.flatten(2), []
    for n in range(5):
        total = 0.0
        for layer in range(4):
            zero = torch.zeros(1, 36, dtype=torch.float64)
            before = flat[n : n + 1, layer - 1] if layer else zero
            second = flat[n : n + 1, layer - 2] if layer > 1 else zero
            own = flat[n, layer]
            behind = flat[n, layer:].sum(0)
            left = (behind @ cells.powers / behind.sum())[:2] if behind.sum() > 0 else torch.zeros(2)
            hidden, logit = cells.hidden(
                torch.tensor([layer]),
                before,
                second,
                flat[n : n + 1, :layer].sum(1),
                sums_of(dense[n : n + 1])[:, layer],
                left[None].double(),
                cells.moments(dense[n : n + 1]),
                conditions[n : n + 1],
            )
            for cell in range(36):
                p = torch.sigmoid(logit[0, cell]).item()
                if own[cell] == 0:
                    total -= math.log(1 - p)
                    continue
                weight, mean, log_width = (part[0] for part in cells.mixture(hidden[:, cell]))
                value = math.log(own[cell] / THRESHOLD - 1)
                density = sum(
                    math.exp(weight[k].item())
                    * stats.norm.pdf(value, mean[k].item(), math.exp(log_width[k].item()))
                    for k in range(2)
                )
                total -= math.log(p) + math.log(density)
        expected.append(total / 4)
    assert np.allclose(found.detach().numpy(), expected, rtol=1e-9)


def moments_of(dense):
    return Cells((4, 6, 6), THRESHOLD, 1).moments(dense)


def test_moments_of_two_hits():
    dense = torch.zeros(1, 4, 6, 6)
    dense[0, 1, 0, 5], dense[0, 3, 2, 2] = 3.0, 1.0
    # The hits stand at (x, y) = (2.5, -2.5) and (-0.5, -0.5): 3 and 2 cells apart.
    x, y = (3 * 2.5 - 0.5) / 4, (-3 * 2.5 - 0.5) / 4
    distance = (3 * 1 + 3) / 4 * math.hypot(3, 2) / 4
    expected = [x, y, 3 * 9 / 16, 3 * 4 / 16, distance]
    assert np.allclose(moments_of(dense)[0].numpy(), expected)


def test_sums_come_back_from_their_variables():
    torch.manual_seed(4)
    dense, conditions = made()
    sums, moments = sums_of(dense), moments_of(dense)
    network = LayerTotals(4, THRESHOLD, 36, 1)
    network.measure(sums, moments, conditions)
    back = network._sums(network._raw(sums), network.globals(sums, moments))
    assert torch.equal(back[..., 1], sums[..., 1])
    assert torch.allclose(back[..., 0], sums[..., 0], rtol=1e-4, atol=1e-8)


def test_drawn_layers_have_the_mean_and_width_of_their_shower():
    torch.manual_seed(6)
    dense, conditions = made()
    sums, moments = sums_of(dense), moments_of(dense)
    network = LayerTotals(4, THRESHOLD, 36, 1)
    network.measure(sums, moments, conditions)
    whole = network.globals(sums, moments)
    # The layers of another shower of about this energy, hits and all.
    order = conditions[:, 0].argsort()
    back = network._sums(network._raw(sums[order[1:]]), whole[order[:-1]])
    found = network.globals(back, moments[order[:-1]])
    # Hits keep the threshold at least, which not every energy and mean layer allow.
    off = (found - whole[order[:-1]])[:, :3].abs()
    assert (off.median(0).values < 1e-3 * whole[:, :3].std(0)).all()


def test_drawn_cells_have_the_moments_that_were_asked_for():
    torch.manual_seed(7)
    dense, conditions = made()
    cells = Cells((4, 6, 6), THRESHOLD, 1, width=8)
    cells.measure((dense > 0).float().mean(0).flatten(1), conditions)
    moments = moments_of(dense)
    drawn = cells.draw(sums_of(dense), moments, conditions)
    # Showers of few hits cannot have any moments; independent of those wanted, they would be 1.1 widths off.
    many = (dense > 0).sum((1, 2, 3)) > 25
    assert many.sum() > 50
    off = (moments_of(drawn) - moments)[many].abs().median(0).values
    assert (off < 0.4 * moments[many].std(0)).all()


@pytest.mark.full
def test_sums_are_learnt_given_the_energy():
    torch.manual_seed(5)
    dense, conditions = made(4000)
    sums, moments = sums_of(dense), moments_of(dense)
    network = LayerTotals(4, THRESHOLD, 36, 1, width=64, blocks=2)
    network.measure(sums, moments, conditions)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    whole, _ = network.whole_of(sums, moments, conditions)
    for _ in range(600):
        rows = torch.randint(len(sums), (256,))
        optimiser.zero_grad()
        given = conditions[rows]
        loss = network.loss(sums[rows], moments[rows], given) + network.whole.loss(whole[rows], given)
        loss.mean().backward()
        optimiser.step()
    for energy in (12.0, 25.0, 38.0):
        near = (conditions[:, 0] - energy).abs() < 2
        drawn, drawn_moments = network.draw(torch.full((4000, 1), energy))
        for column in (0, 1):
            real, made_up = sums[near][..., column], drawn[..., column]
            error = 4 * (real.std(0) / near.sum() ** 0.5 + made_up.std(0) / 4000**0.5)
            assert ((made_up.mean(0) - real.mean(0)).abs() < error + 0.03 * real.mean(0)).all()
            visible, wanted = made_up.sum(1), real.sum(1)
            assert abs(visible.std() / wanted.std() - 1) < 0.12
        wanted = moments[near].std(0)
        assert torch.allclose(drawn_moments.std(0)[:2], wanted[:2], rtol=0.12)
        assert torch.allclose(drawn_moments.std(0)[2:], wanted[2:], rtol=0.25)
    assert (drawn[..., 0] >= drawn[..., 1] * THRESHOLD * (1 - 1e-6)).all()
