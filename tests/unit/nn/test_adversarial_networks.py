"""Networks of adversarial generators: sizes as published, scales of sparse rows, what critics are given."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.errors import ConfigError
from resonaut.nn.adversarial_losses import gradient_penalty
from resonaut.nn.networks.adversaries import adversaries, constrainer, encoder
from resonaut.nn.networks.censored import Censored, CensoredCells, Sums
from resonaut.nn.networks.scaled_conditions import ScaledConditions
from resonaut.nn.training import n_parameters

GRID = {"threshold": 0.1, "geometry": {"kind": "cartesian", "shape": [6, 8, 8]}}


def network_of(kind="showers", dims=(6, 8, 8), names=("incident_energy",), about=GRID, **more):
    torch.manual_seed(0)
    return adversaries(kind, dims, names, about, **{"n_noise": 4, "width": 4, **more})


def showers(n, seed=0):
    """Log-normal cells above 0.1 MeV, a third of them hit, that grow with the incident energy."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(10, 100, n)
    cells = 1e-4 * np.exp(rng.normal(0.02, 0.5, (n, 6, 8, 8)) * 2) * (energy / 50)[:, None, None, None]
    cells[cells < 1.5e-4] = 0
    return torch.tensor(cells, dtype=torch.float32), torch.tensor(energy[:, None], dtype=torch.float32)


def test_the_published_size_has_the_published_number_of_parameters():
    """arXiv:2005.05334: 3.7 million in the generator and 250,000 in the critic; within 5 %."""
    about = {"threshold": 0.1, "geometry": {"kind": "cartesian", "shape": [30, 30, 30]}}
    network = network_of(dims=(30, 30, 30), about=about, n_noise=100, published=True)
    assert n_parameters(network.generator) == pytest.approx(3.7e6, rel=0.05)
    assert n_parameters(network.critic) == pytest.approx(250e3, rel=0.05)
    made = network.draw(torch.tensor([[50.0]]))
    assert made.shape == (1, 30, 30, 30)
    assert torch.isfinite(made).all()
    assert made.min() == 0


def test_the_published_size_of_pictures_is_refused():
    with pytest.raises(
        ConfigError, match=r"size: 'published' is for showers on a grid .* images of shape 8 x 8"
    ):
        network_of("images", (8, 8), (), {"normalise": True}, published=True)


@pytest.mark.parametrize("published", [False, True])
def test_the_penalty_of_showers_has_slopes_to_all_that_the_critic_computes_of_them(published):
    dims = (16, 16, 16) if published else (6, 8, 8)
    about = {"threshold": 0.1, "geometry": {"kind": "cartesian", "shape": list(dims)}}
    network = network_of(dims=dims, about=about, published=published)
    rows, made = torch.rand(2, 3, *dims)
    scaled = torch.zeros(3, 1)
    gradient_penalty(lambda x: network.judged(x, scaled), rows, made).sum().backward()
    for name, parameter in network.critic.named_parameters():
        # The last offset moves no slope.
        if name != "judge.4.bias":
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    assert network.critic.judge[4].weight.grad.abs().sum() > 0


def test_values_come_back_from_the_censored_scale_and_those_below_the_threshold_do_not():
    scale = Censored(1e-4, False)
    values = torch.tensor([[0.0, 5e-5, 1.1e-4, 3e-3, 0.2]])
    torch.testing.assert_close(scale.encode(values)[0, 3:], (values[0, 3:] / 1e-4).log())
    back = scale.decode(scale.encode(values))
    torch.testing.assert_close(back, torch.tensor([[0.0, 0.0, 1.1e-4, 3e-3, 0.2]]))
    assert (back[0, :2] == 0).all()


def test_a_measured_scale_bounds_what_can_be_drawn():
    scale = Censored(0.1, False)
    scale.measure(torch.tensor([[0.0, 0.5, 20.0]]))
    drawn = scale.decode(scale.censor(torch.tensor([[100.0, -3.0]])))
    torch.testing.assert_close(drawn, torch.tensor([[20 * math.e, 0.0]]))


@given(st.integers(0, 2**31), st.floats(-8, 3))
@settings(max_examples=30, deadline=None)
def test_normalised_pictures_have_sum_one_whatever_the_network_says(seed, shift):
    scale = Censored(None, True)
    pictures = torch.rand(40, 6, 6, generator=torch.Generator().manual_seed(1))
    scale.measure(pictures / pictures.sum((1, 2), keepdim=True))
    rows = shift + torch.randn(5, 6, 6, generator=torch.Generator().manual_seed(seed))
    drawn = scale.decode(scale.censor(rows))
    torch.testing.assert_close(drawn.sum((1, 2)), torch.ones(5))
    assert (drawn >= 0).all()


def test_sums_in_closed_form():
    """Two layers of 2 x 2 cells: sums 5 and 3 thresholds, the spread of two cells one apart."""
    sums = Sums((2, 2, 2), [4, 4], 0)
    u = torch.zeros(1, 2, 2, 2)
    u[0, 0, 0, 0], u[0, 1, 0, 1] = math.log(5), math.log(3)
    found = sums.raw(u)[0]
    assert found[:3].tolist() == pytest.approx([math.log(6), math.log(4), math.log(9)], rel=1e-5)
    soft = [1 - 5**-5, 1 - 3**-5]
    roots = [math.sqrt(hits + 0.2) for hits in (*soft, sum(soft))]
    assert found[3:6].tolist() == pytest.approx(roots, rel=1e-5)
    # x is -1/2 with weight 5/8 and 1/2 with 3/8: its variance is 15/64; y is -1/2.
    assert float(found[6]) == pytest.approx(math.sqrt(15 / 64 + 0.2), rel=1e-5)


def test_sums_at_given_conditions_have_mean_0_and_width_1():
    network = network_of()
    values, conditions = showers(2000)
    network.measure(values, conditions)
    rows, scaled = network.encode(*(part[:1000] for part in (values, conditions)))
    rest = network.sums.rest(rows, scaled)
    for part in (scaled[:, 0] < -0.7, scaled[:, 0] > 0.7):
        assert float(rest[part].mean(0).abs().max()) < 0.6
    torch.testing.assert_close(rest.mean(0), torch.zeros(rest.shape[1]), atol=0.15, rtol=0)
    torch.testing.assert_close(rest.std(0), torch.ones(rest.shape[1]), atol=0.15, rtol=0)
    # The sum follows the energy: over all energies the rest is a small part of the whole.
    assert float(network.sums.rest_width[6]) < 0.3


def test_an_untrained_generator_begins_with_the_cells_of_the_showers():
    """Occupancy of layers and mean energy within 10 %, at the ends of the range of energies 25 %."""
    network = network_of()
    values, conditions = showers(3000)
    network.measure(values, conditions)
    torch.manual_seed(1)
    drawn = network.draw(conditions)
    assert float(drawn[drawn > 0].min()) >= 0.99e-4
    hit, expected = ((v > 0).float().mean((0, 2, 3)) for v in (drawn, values))
    torch.testing.assert_close(hit, expected, rtol=0.1, atol=0)
    low, high = conditions[:, 0] < 30, conditions[:, 0] > 80
    for part in (low, high):
        ratio = float(drawn[part].sum() / values[part].sum())
        assert ratio == pytest.approx(1, abs=0.25)
    assert float(drawn.sum() / values.sum()) == pytest.approx(1, abs=0.1)


def test_cells_that_are_never_hit_stay_almost_empty():
    cells = CensoredCells((5,), 0)
    cells.measure(torch.zeros(2000, 5), torch.zeros(2000, 0))
    assert float((cells(torch.zeros(4000, 5), torch.zeros(4000, 0)) > 0).float().mean()) < 2e-3


def test_conditions_are_standardised_and_energies_as_logarithms():
    names = ("incident_energy", "theta", "jets/pt", "log_pt", "class_qcd")
    scale = ScaledConditions(names)
    assert scale.logarithmic.tolist() == [True, False, True, False, False]
    rng = np.random.default_rng(0)
    rows = torch.tensor(
        np.stack([rng.lognormal(3, 0.5, 5000), *rng.normal(4, 2, (4, 5000))], axis=1).clip(0.1)
    )
    scale.measure(rows)
    scaled = scale(rows)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(5, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0), torch.ones(5, dtype=torch.double), atol=1e-3, rtol=0)
    assert float(scale.mean[0]) == pytest.approx(3, abs=0.05)
    constant = ScaledConditions(("theta",))
    constant.measure(torch.full((10, 1), 0.3))
    assert constant(torch.tensor([[0.3]])).item() == pytest.approx(0, abs=1e-6)


def test_features_that_are_never_negative_stay_so():
    network = network_of("features", (2,), (), {})
    rng = np.random.default_rng(0)
    values = torch.tensor(
        np.stack([rng.exponential(1, 500), rng.normal(5, 1, 500)], axis=1), dtype=torch.float32
    )
    values[:, 1] -= 5
    network.measure(values, torch.zeros(500, 0))
    torch.testing.assert_close(
        network.scale.decode(network.scale.encode(values)), values, rtol=1e-4, atol=1e-5
    )
    decoded = network.scale.decode(torch.full((1, 2), -4.0))
    assert float(decoded[0, 0]) == 0
    assert float(decoded[0, 1]) < -3


def test_showers_on_a_cylinder_are_judged_layer_by_layer():
    layers = [{"id": 0, "r_edges": [0, 5], "n_alpha": 3}, {"id": 1, "r_edges": [0, 5, 10], "n_alpha": 2}]
    about = {"threshold": 0.1, "geometry": {"kind": "cylindrical", "layers": layers}}
    network = network_of(dims=(7,), about=about)
    assert network.sums.layer_sizes == [3, 4]
    network.constrainer = constrainer(network, 0, 4)
    values = 1e-3 * torch.rand(300, 7)
    energy = values.sum(1, keepdim=True) * 1e4
    network.measure(values, energy)
    rows, scaled = network.encode(values, energy)
    assert network.constrainer.squared_error(rows, scaled).shape == (300,)
    drawn = network.draw(energy)
    assert drawn.shape == (300, 7)
    assert (drawn >= 0).all()


def test_the_difference_of_equal_rows_is_0_and_encoders_give_a_latent_vector():
    network = network_of()
    values, conditions = showers(300)
    network.measure(values, conditions)
    network.encoder = encoder(network, 4)
    rows, scaled = network.encode(values, conditions)
    assert (network.difference(rows, rows) == 0).all()
    assert (network.difference(rows[:9], rows[9:18]) > 0).all()
    latent, mean, log_variance = network.latent(rows, scaled)
    assert latent.shape == mean.shape == log_variance.shape == (300, network.n_noise)
    assert network.made(scaled, latent).shape == rows.shape


def test_a_checkpoint_of_the_network_holds_all_its_scales():
    network, other = network_of(), network_of()
    network.measure(*showers(300))
    other.load_state_dict(network.state_dict())
    torch.manual_seed(3)
    first = network.draw(torch.tensor([[20.0], [70.0]]))
    torch.manual_seed(3)
    assert torch.equal(first, other.draw(torch.tensor([[20.0], [70.0]])))
