"""EFN: infrared and collinear safe, weights are fractions of pt, published size."""

import torch

from resonaut.nn.networks.efn import EnergyFlowNetwork
from resonaut.nn.training import n_parameters
from resonaut.tag.methods.efn import Settings, build


def network():
    torch.manual_seed(0)
    efn = EnergyFlowNetwork(3, (8, 6), (5,)).double()
    efn.standardise.measure(torch.randn(40, 3, dtype=torch.float64) + 2)
    return efn


def jet(*constituents):
    """(values, mask) of one jet from (pt, delta_eta, delta_phi)."""
    values = torch.tensor([constituents], dtype=torch.float64)
    values[..., 0] = values[..., 0].log()
    return values, torch.ones(1, len(constituents), dtype=torch.bool)


def test_collinear_splittings_and_soft_emissions_change_nothing():
    efn = network()
    expected = efn(*jet((100, 0.1, 0.2), (50, -0.3, 0.0)))
    split = efn(*jet((60, 0.1, 0.2), (50, -0.3, 0.0), (40, 0.1, 0.2)))
    torch.testing.assert_close(split, expected, rtol=1e-12, atol=1e-12)
    soft = efn(*jet((100, 0.1, 0.2), (50, -0.3, 0.0), (1e-9, 0.9, -0.9)))
    torch.testing.assert_close(soft, expected, rtol=1e-9, atol=1e-9)


def test_the_latent_space_is_the_mean_by_pt():
    efn = network()
    values, mask = jet((30, 0.1, 0.2), (10, -0.3, 0.0))
    phi = efn.phi(efn.standardise(values)[..., 1:])
    torch.testing.assert_close(efn.encode(values, mask), 0.75 * phi[:, 0] + 0.25 * phi[:, 1])
    scaled, _ = jet((3000, 0.1, 0.2), (1000, -0.3, 0.0))
    torch.testing.assert_close(efn.encode(scaled, mask), efn.encode(values, mask))


def test_order_does_not_matter():
    efn = network()
    values, mask = torch.randn(4, 9, 3, dtype=torch.float64), torch.rand(4, 9) < 0.7
    order = torch.randperm(9)
    torch.testing.assert_close(efn(values[:, order], mask[:, order]), efn(values, mask))


def test_it_has_the_published_size():
    """82k (arXiv:1902.09914, table 1): sum of (inputs + 1) * outputs over the layers."""
    tagger = build(Settings(signal=["top"], background=["qcd"]))
    assert tagger.inputs == ("log_pt", "delta_eta", "delta_phi")
    sizes = [(2, 100), (100, 100), (100, 256), (256, 100), (100, 100), (100, 100), (100, 1)]
    assert n_parameters(tagger.network()) == sum((a + 1) * b for a, b in sizes) == 82_257
