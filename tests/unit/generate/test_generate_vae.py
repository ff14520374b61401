"""Variational generators: likelihoods against closed forms, and what they learn of toys."""

import numpy as np
import pytest
import torch

from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import vae
from resonaut.nn.networks.hurdle import NormalScores, hurdle_nll, sparse_hurdle_nll
from resonaut.nn.networks.shower_sums import ShowerSums
from resonaut.nn.networks.shower_vae import ShowerVAE
from resonaut.nn.networks.vae import kl_divergence
from resonaut.nn.samples import FixedSamples, Subset

SHAPE = (3, 6, 6)
ENERGY = ("incident_energy",)


def toy_showers(n, seed):
    """Cells hit with a probability of their own, visible energy 3 % of 10-100 GeV with 10 % fluctuations."""
    random = torch.Generator().manual_seed(seed)
    energy = 10 + 90 * torch.rand(n, 1, generator=random)
    share = torch.linspace(0.05, 0.95, 108).reshape(SHAPE)
    hit = torch.rand(n, *SHAPE, generator=random) < share
    hit[:, 1, 3, 3] = True
    cells = torch.where(hit, torch.rand(n, *SHAPE, generator=random).add(0.05), 0.0)
    visible = 0.03 * energy[:, 0] * (1 + 0.1 * torch.randn(n, generator=random))
    return cells / cells.sum((1, 2, 3), keepdim=True) * visible[:, None, None, None], energy


def samples_of(*columns):
    rows = np.arange(len(columns[0]))
    whole = FixedSamples(*columns)
    return Subset(whole, rows[rows % 5 > 0]), Subset(whole, rows[rows % 5 == 0])


def fitted(kind, dims, samples, folder, *, names=ENERGY, columns=(), seed=3, settings=None, **training):
    more = {"inputs": list(columns)} if kind == "features" else {}
    own = vae.Settings(
        **{"datasets": ["toy"], "learn": kind, "conditions": list(names), **more, **(settings or {})},
        training={"device": "cpu", "batch_size": 64, **training},
    )
    generator = vae.build(own)
    torch.manual_seed(7)
    network = generator.network(Shape(kind, dims, columns, names, {"normalise": True}))
    generator.fit(network, *samples_of(*samples), Job(seed, "generate.toy", folder, "inputs"))
    return generator, network


# -- likelihoods ---------------------------------------------------------------------------------------------


def test_kl_term_is_that_of_two_normals():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 4), torch.randn(5, 4)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected.sum(1))


def test_scores_are_normal_and_their_inverse_is_not_below_the_threshold():
    torch.manual_seed(1)
    values = 0.1 + torch.rand(20_000).pow(1.5)
    scores = NormalScores()
    scores.measure(values)
    found = scores(values)
    assert abs(float(found.mean())) < 0.01
    assert abs(float(found.std()) - 1) < 0.01
    torch.testing.assert_close(scores.inverse(found), values, rtol=1e-3, atol=0)
    assert float(scores.inverse(torch.tensor([-9.0]))[0]) == pytest.approx(float(values.min()))


def test_hurdle_likelihood_integrates_to_one():
    torch.manual_seed(2)
    scores = NormalScores()
    scores.measure(0.1 + torch.rand(5000))
    scores.double()
    energy = torch.logspace(-4, 2, 200_001, dtype=torch.float64)
    at = scores(energy)
    logit, location, log_scale = (torch.full_like(at, x) for x in (0.4, 0.3, -0.5))
    nll = hurdle_nll(torch.ones_like(at, dtype=torch.bool), at, logit, location, log_scale)
    # Per unit of score; the integral over the score is that over the energy.
    density = torch.exp(-nll) / np.sqrt(2 * np.pi)
    empty = torch.exp(-hurdle_nll(torch.zeros_like(at, dtype=torch.bool), at, logit, location, log_scale))
    assert float(torch.trapezoid(density, at) + empty[0]) == pytest.approx(1, abs=1e-4)


def test_sparse_likelihood_is_the_dense_one():
    torch.manual_seed(3)
    hit = torch.rand(6, 40) < 0.2
    score, maps = torch.randn(6, 40), torch.randn(6, 3, 40)
    expected = hurdle_nll(hit, score, *maps.unbind(1)).sum(1)
    found = sparse_hurdle_nll(hit.flatten().nonzero()[:, 0], score[hit], maps)
    torch.testing.assert_close(found, expected)


def test_sums_begin_at_the_least_squares_response():
    random = torch.Generator().manual_seed(4)
    energy = 10 + 90 * torch.rand(4000, 1, generator=random)
    visible = 0.03 * energy[:, 0] * (1 + 0.08 * torch.randn(4000, generator=random))
    n_hits = (5 * visible.sqrt() + 30).square().round()
    sums = ShowerSums(ENERGY)
    visible[0] = n_hits[0] = 0
    sums.measure(visible, n_hits, energy)
    torch.manual_seed(5)
    for at in (20.0, 80.0):
        drawn, hits = sums.draw(torch.full((4000, 1), at))
        assert float(drawn.mean()) == pytest.approx(0.03 * at, rel=0.01)
        assert float(drawn.std() / drawn.mean()) == pytest.approx(0.08, rel=0.08)
        expected = (5 * drawn.sqrt() + 30).square()
        torch.testing.assert_close(hits, expected, rtol=0.02, atol=0)


# -- what is learnt ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def showers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("showers")
    return fitted("showers", SHAPE, toy_showers(1500, 1), folder, epochs=4, learning_rate=5e-3)


@pytest.mark.parametrize("energy", [20.0, 50.0, 90.0])
def test_mean_visible_energy_follows_the_incident_energy(showers, energy):
    generator, network = showers
    torch.manual_seed(1)
    drawn = generator.sample(network, torch.full((600, 1), energy)).sum((1, 2, 3))
    assert float(drawn.mean()) == pytest.approx(0.03 * energy, rel=0.02)
    assert float(drawn.std() / drawn.mean()) == pytest.approx(0.1, rel=0.2)


def test_showers_are_sparse_finite_and_hit_the_same_cells(showers):
    generator, network = showers
    real, energy = toy_showers(1500, 2)
    torch.manual_seed(2)
    drawn = generator.sample(network, energy)
    assert drawn.shape == real.shape
    assert drawn.isfinite().all()
    assert float(drawn.min()) == 0
    least = float(network.scores.lowest.exp())
    assert float(drawn[drawn > 0].min()) >= 0.999 * least
    occupancy = [(showers > 0).float().mean(0) for showers in (drawn, real)]
    assert float((occupancy[0] - occupancy[1]).abs().max()) < 0.1
    hits = [(showers > 0).sum((1, 2, 3)).float() for showers in (drawn, real)]
    assert float(hits[0].mean()) == pytest.approx(float(hits[1].mean()), rel=0.03)


def test_showers_of_voxels(tmp_path):
    cells, energy = toy_showers(200, 3)
    generator, network = fitted("showers", (108,), (cells.flatten(1), energy), tmp_path, epochs=1)
    torch.manual_seed(1)
    drawn = generator.sample(network, energy)
    assert drawn.shape == (200, 108)
    torch.testing.assert_close(drawn.sum(1).mean(), cells.sum((1, 2, 3)).mean(), rtol=0.05, atol=0)


def test_a_killed_training_goes_on_and_seeds_count(tmp_path):
    """Two epochs, or one that ends by a failure in the second and two: equal bits."""
    data = toy_showers(150, 4)
    options = {"epochs": 2, "settings": {"n_latent": 3}}
    _, straight = fitted("showers", SHAPE, data, tmp_path / "a", **options)
    calls, true_loss = [], ShowerVAE.loss

    def failing(network, *values, **more):
        calls.append(1)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return true_loss(network, *values, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShowerVAE, "loss", failing)
        with pytest.raises(KeyboardInterrupt):
            fitted("showers", SHAPE, data, tmp_path / "b", **options)
    assert (tmp_path / "b" / "training.safetensors").exists()
    _, resumed = fitted("showers", SHAPE, data, tmp_path / "b", **options)
    _, other = fitted("showers", SHAPE, data, tmp_path / "c", seed=4, **options)
    first, second, third = (dict(network.state_dict()) for network in (straight, resumed, other))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["decoder.place"], third["decoder.place"])


def test_features_follow_their_conditions(tmp_path):
    """x = 2 c + noise, y = x + noise: means, width and correlation, with c in its own units."""
    random = torch.Generator().manual_seed(5)
    given = 50 + 2 * torch.randn(4000, 1, generator=random)
    noise = torch.randn(4000, 2, generator=random)
    x = 2 * given[:, 0] + 5 * noise[:, 0]
    values = torch.stack([x, x + 3 * noise[:, 1]], dim=1)
    generator, network = fitted(
        *("features", (2,), (values, given), tmp_path),
        names=("mjj",),
        columns=("x", "y"),
        epochs=12,
        settings={"hidden": [32], "n_latent": 2},
        learning_rate=1e-2,
    )
    torch.manual_seed(1)
    for at in (48.0, 52.0):
        drawn = generator.sample(network, torch.full((4000, 1), at))
        assert float(drawn[:, 0].mean()) == pytest.approx(2 * at, abs=1.0)
        assert float(drawn[:, 0].std()) == pytest.approx(5, rel=0.15)
        assert float(torch.corrcoef(drawn.T)[0, 1]) == pytest.approx(5 / 34**0.5, abs=0.1)


def test_images_follow_their_class(tmp_path):
    """The first class has its pixels in the upper half, the second below."""
    random = torch.Generator().manual_seed(6)
    images = torch.rand(1000, 6, 6, generator=random) * (torch.rand(1000, 6, 6, generator=random) < 0.5)
    images[:, 2, 2] = images[:, 4, 4] = 0.5
    classes = torch.eye(2)[torch.arange(1000) % 2]
    images[classes[:, 0] == 1, 3:] = 0
    images[classes[:, 1] == 1, :3] = 0
    images = images / images.sum((1, 2), keepdim=True)
    generator, network = fitted(
        *("images", (6, 6), (images, classes), tmp_path),
        names=("class_a", "class_b"),
        epochs=6,
        settings={"hidden": [32], "n_latent": 4, "conditions": []},
        learning_rate=1e-2,
    )
    torch.manual_seed(1)
    drawn = generator.sample(network, classes)
    torch.testing.assert_close(drawn.sum((1, 2)), torch.ones(1000))
    for number, rows in enumerate((slice(0, 3), slice(3, 6))):
        assert float(drawn[classes[:, number] == 1, rows].sum((1, 2)).mean()) > 0.95
