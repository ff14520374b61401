"""BIB-AE: published sizes, where the small twin begins, losses of its players, latent densities."""

import numpy as np
import pytest
import torch

from resonaut.errors import ConfigError
from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import bib_ae
from resonaut.nn.networks.bib_ae import BibAE
from resonaut.nn.networks.bib_ae_sizes import SIZES, Sizes
from resonaut.nn.networks.post_processor import PostProcessor
from resonaut.nn.samples import FixedSamples, Subset
from resonaut.nn.training import n_parameters

SHAPE = (2, 15, 15)
ENERGY = ("incident_energy",)
TINY = Sizes(False, (2, 2, 2, 2), 8, 6, 4, 5, 2, 4, 4)


def toy_showers(n, seed):
    """A tenth of the cells of a spot in the middle are hit, up to 0.2 MeV more with the incident energy."""
    random = torch.Generator().manual_seed(seed)
    energy = 10 + 90 * torch.rand(n, 1, generator=random)
    share = torch.zeros(SHAPE)
    share[:, 4:11, 4:11] = torch.tensor([0.2, 0.6])[:, None, None]
    hit = torch.rand(n, *SHAPE, generator=random) < share
    above = torch.rand(n, *SHAPE, generator=random) * energy[:, :, None, None] / 500
    return torch.where(hit, 1e-3 * (0.1 + above), 0.0), energy


def network_of(**settings):
    own = bib_ae.Settings(datasets=["toy"], conditions=list(ENERGY), **settings)
    generator = bib_ae.build(own)
    torch.manual_seed(7)
    return generator, generator.network(Shape("showers", SHAPE, (), ENERGY, {}))


def fitted(folder, *, epochs=2, seed=3, **settings):
    training = {"device": "cpu", "batch_size": 20, "epochs": epochs}
    generator, network = network_of(
        training=training, post_training={"device": "cpu", "epochs": 1}, critic_steps=2, **settings
    )
    whole = FixedSamples(*toy_showers(100, 1))
    parts = Subset(whole, np.arange(80)), Subset(whole, np.arange(80, 100))
    history = generator.fit(network, *parts, Job(seed, "generate.toy", folder, "inputs"))
    return generator, network, history


# -- sizes ---------------------------------------------------------------------------------------------------


def test_published_size():
    """Layer by layer from arXiv:2005.05334; 71 million in encoder and decoder, within 3 %."""
    with torch.device("meta"):
        network = BibAE((30, 30, 30), ENERGY, SIZES["published"])
    found = {name: n_parameters(part) for name, part in network.named_children()}
    convolutions = 8 * 64 + 8 * 16 * 64 + 16 * 32 * 64 + 32 * 64 * 27 + 2 * (16**3 + 9**3 + 2 * 5**3)
    dense = (8001 + 1) * 4000 + (4000 + 1) * 768 + 2 * (768 + 1) * 24
    assert found["encoder"] == convolutions + dense
    dense = (513 + 1) * 768 + (768 + 1) * 4000 + (4000 + 1) * 8000
    convolutions = 8 * 8 * 27 + 8 * 16 * 27 + 16 * 8 * 8 + 27 * (8 * 16 + 16 * 32 + 32 * 16 + 16)
    assert found["decoder"] == dense + convolutions + 2 * (5 * 30**3 + 60**3)
    assert found["encoder"] + found["decoder"] == pytest.approx(71e6, rel=0.03)
    assert found["latent_critic"] == 100 + 5100 + 5050 + 51
    convolutions = 128 * 27 + 2 * 128 * 128 * 27 + 2 * (14**3 + 6**3)
    streams = 2 * (convolutions + (128 * 64 + 1) * 64) + (27_000 + 1) * 64 + 2 * 64
    assert found["critic"] == streams + 3 * (256 + 1) * 256 + 257
    assert found["post_processor"] == 256 * 2 - 320 + 2 * 65 * 64 + 128 * (1 + 192 + 3 * 128 + 1) + 8 * 30**3


def test_small_twin_is_below_a_million():
    with torch.device("meta"):
        network = BibAE((30, 30, 30), ENERGY, SIZES["small"])
    assert n_parameters(network) < 1e6


def test_convolutions_in_space_give_showers_of_the_same_cells():
    torch.manual_seed(1)
    network = BibAE((16, 15, 17), ENERGY, TINY)
    showers = torch.rand(3, 16, 15, 17)
    given = torch.randn(3, 1)
    made = network.reconstruction(showers, given)
    assert made.shape == showers.shape
    assert (made >= 0).all()
    assert network.critic(torch.stack([showers, made], dim=1), given).shape == (3,)


def test_other_cells_are_refused():
    with pytest.raises(ConfigError, match=r"these have voxels \(368\)"):
        BibAE((368,), ENERGY, SIZES["small"])
    with pytest.raises(ConfigError, match="nothing is left of 4 x 9 x 9 cells after convolution 3 of 3"):
        BibAE((4, 9, 9), ENERGY, SIZES["small"])


# -- parts ---------------------------------------------------------------------------------------------------


def test_small_twin_begins_at_occupancy_and_energy_of_each_cell():
    _, network = network_of(post_processing=False)
    showers, energy = toy_showers(1000, 2)
    network.measure([(showers[:600], energy[:600]), (showers[600:], energy[600:])])
    with torch.no_grad():
        # What the network adds to the maps of the cells.
        network.decoder.cells.last.weight.zero_()
    torch.manual_seed(1)
    drawn = network.sample(energy)
    occupancy = [(cells > 0).float().mean(0) for cells in (drawn, showers)]
    torch.testing.assert_close(*occupancy, atol=0.08, rtol=0)
    assert float(drawn[drawn > 0].min()) >= 0.999e-4
    assert float(drawn.sum()) == pytest.approx(float(showers.sum()), rel=0.2)


def test_cells_below_the_threshold_are_empty():
    network = BibAE((16, 15, 17), ENERGY, TINY)
    found = network.cells(torch.tensor([0.0, 0.05, 0.1, 2.0]))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 1e-4, 2e-3]))


def test_latent_critic_looks_at_each_number():
    _, network = network_of()
    latent = torch.randn(5, 24)
    parts = [network.latent_critic(latent[:, i : i + 1]) for i in range(24)]
    torch.testing.assert_close(network.latent_critic(latent), sum(parts))


def test_residual_post_processor_begins_as_the_identity():
    showers, energy = toy_showers(4, 3)
    post = PostProcessor(SHAPE, 1, 4, residual=True)
    torch.testing.assert_close(post(showers, energy), showers)


def test_remembered_latents_are_those_of_like_conditions():
    _, network = network_of(latent="kde")
    network.latent_given.copy_(torch.linspace(-2, 2, 4096)[:, None])
    network.latent_mean.copy_(3 * network.latent_given.expand(-1, 24))
    network.latent_width.fill_(0.5)
    torch.manual_seed(1)
    for at in (-1.0, 1.0):
        drawn = network.latent(torch.full((2000, 1), at))
        assert float(drawn.mean()) == pytest.approx(3 * at, abs=0.05)
        scott = 4096 ** (-1 / 5)
        assert float(drawn[:, 0].std()) == pytest.approx((0.25 + (3 * scott) ** 2) ** 0.5, rel=0.06)
    assert network_of(latent="normal")[1].latent(torch.zeros(4000, 1)).std() == pytest.approx(1, abs=0.01)


def test_players_step_towards_their_goals():
    """Steps of the critics alone lower their losses; that of the autoencoder is a number per shower."""
    generator, network = network_of()
    batch = toy_showers(32, 4)
    network.measure([batch])
    for part, loss in (("critic", "_critic_loss"), ("latent_critic", "_latent_critic_loss")):
        parameters = list(getattr(network, part).parameters())
        optimiser = torch.optim.Adam(parameters, 3e-3)
        losses = []
        for _ in range(12):
            optimiser.zero_grad()
            torch.manual_seed(1)
            losses.append(getattr(generator, loss)(network, batch).mean())
            losses[-1].backward(inputs=parameters)
            optimiser.step()
        assert losses[-1].item() < 0.8 * losses[0].item(), part
    losses = generator._autoencoder_loss(network, batch)
    assert losses.shape == (32,)
    assert losses.isfinite().all()


# -- training ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("trained"), latent="kde")


def test_trained_twin_draws_sparse_finite_showers(trained):
    generator, network, history = trained
    assert len(history.epochs) == 2
    assert {"loss/critic", "loss/latent_critic", "loss/autoencoder"} <= set(history.epochs[0].metrics)
    assert float(network.latent_width.min()) > 0
    torch.manual_seed(1)
    drawn = generator.sample(network, torch.full((50, 1), 50.0))
    assert drawn.shape == (50, *SHAPE)
    assert drawn.isfinite().all()
    assert 0.02 < float((drawn > 0).float().mean()) < 0.2
    assert network.post_processor.last.weight.detach().abs().max() > 0


def test_seeds_repeat_bit_for_bit_and_a_second_call_goes_on(trained, tmp_path):
    _, again, _ = fitted(tmp_path / "a", latent="kde")
    first, second = trained[1].state_dict(), again.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    _, _, history = fitted(tmp_path / "a", latent="kde")
    assert len(history.epochs) == 2
    _, other, _ = fitted(tmp_path / "b", epochs=1, seed=4, post_processing=False)
    assert not torch.equal(first["decoder.cells.place"], other.state_dict()["decoder.cells.place"])
