"""LoLa: four-momenta, the Lorentz layer in closed form, invariance, published size."""

import math

import numpy as np
import torch

from resonaut.kinematics import cartesian
from resonaut.nn.networks.lola import CombinationLayer, LoLa, LorentzLayer, MomentumScale, four_momenta
from resonaut.nn.training import n_parameters


def test_four_momenta_are_those_of_a_massless_particle():
    rng = np.random.default_rng(0)
    eta, phi, pt = rng.normal(size=20), rng.normal(size=20), rng.exponential(50, 20)
    values = torch.from_numpy(np.stack([eta, phi, np.log(pt)], axis=-1))
    px, py, pz, energy = cartesian(pt, eta, phi, np.zeros(20))
    expected = np.stack([energy, px, py, pz], axis=-1)
    np.testing.assert_allclose(four_momenta(values).numpy(), expected, rtol=1e-12)


def test_the_unit_is_the_mean_pt_by_pt():
    scale = MomentumScale()
    scale.measure(torch.tensor([[0.0, 0.0, math.log(10.0)], [0.0, 0.0, math.log(30.0)]]))
    torch.testing.assert_close(scale(torch.tensor(25.0)), torch.tensor(1.0))


def test_combinations_are_the_sum_each_and_the_trained():
    layer = CombinationLayer(3, 2).double()
    momenta = torch.randn(2, 3, 4, dtype=torch.float64)
    out = layer(momenta)
    torch.testing.assert_close(out[:, 0], momenta.sum(1))
    torch.testing.assert_close(out[:, 1:4], momenta)
    torch.testing.assert_close(out[:, 5], torch.einsum("i,nif->nf", layer.weight[1], momenta))


def test_the_lorentz_layer_in_closed_form():
    """Momentum by momentum, from the definition (arXiv:1707.08966)."""
    torch.manual_seed(3)
    layer = LorentzLayer(4).double()
    k = torch.randn(1, 4, 4, dtype=torch.float64)

    def squared(p):
        return p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2

    distance = torch.stack([torch.stack([squared(k[0, j] - k[0, m]) for m in range(4)]) for j in range(4)])
    out = layer(k)[0]
    for j in range(4):
        expected = [
            squared(k[0, j]),
            torch.hypot(k[0, j, 1], k[0, j, 2]),
            (layer.of_energy[j] * k[0, :, 0]).sum(),
            *((layer.of_sums[copy, j] * distance[j]).sum() for copy in range(2)),
            *((layer.of_minima[copy, j] * distance[j]).min() for copy in range(2)),
        ]
        torch.testing.assert_close(out[j], torch.stack(expected))


def test_masses_do_not_see_a_boost_along_the_beam_or_a_rotation():
    """Shifts of eta and phi of all constituents: m^2, and all that is made of distances, stay."""
    torch.manual_seed(3)
    network = LoLa(6, 2, (5,)).double()
    values = torch.randn(3, 6, 3, dtype=torch.float64)
    mask = torch.ones(3, 6, dtype=torch.bool)
    expected = network.encode(values, mask)
    found = network.encode(values + torch.tensor([0.7, -0.4, 0.0], dtype=torch.float64), mask)
    for quantity in (0, 1, 3, 4, 5, 6):
        torch.testing.assert_close(found[..., quantity], expected[..., quantity], rtol=1e-8, atol=1e-8)
    assert (found[..., 2] - expected[..., 2]).abs().max() > 1e-3


def test_a_boosted_resonance_has_its_mass_in_float32():
    """Two massless constituents of pt 500 GeV, 0.32 apart in phi: m^2 = 2 pt^2 (1 - cos 0.32)."""
    network = LoLa(2, 1, (5,))
    values = torch.tensor([[[0.0, 0.16, math.log(500.0)], [0.0, -0.16, math.log(500.0)]]])
    found = network.encode(values, torch.ones(1, 2, dtype=torch.bool))[0, 0, 0].item()
    assert math.isclose(found, 2 * 500.0**2 * (1 - math.cos(0.32)), rel_tol=1e-4)


def test_only_the_hardest_are_used():
    network = LoLa(4, 2, (5,)).double()
    values, mask = torch.randn(3, 9, 3, dtype=torch.float64), torch.ones(3, 9, dtype=torch.bool)
    torch.testing.assert_close(network(values, mask), network(values[:, :4], mask[:, :4]))


def test_it_has_the_published_size():
    """127k (arXiv:1902.09914, table 1), from 5 K^2 + 19 * 80 + the dense layers, K = 1 + 80 + 19."""
    dense = 701 * 100 + 101 * 50 + 51 * 2
    assert n_parameters(LoLa(n_outputs=2)) == 5 * 100**2 + 19 * 80 + dense == 126_772
