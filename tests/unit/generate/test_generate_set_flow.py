"""The generator of sets: symmetries, the distribution of the number of points, a toy, constraints."""

import numpy as np
import pytest
import torch

from resonaut import ragged
from resonaut.errors import ConfigError
from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import set_flow
from resonaut.nn import training
from resonaut.nn.device import seeded
from resonaut.nn.networks.jet_axis import JetAxis
from resonaut.nn.networks.set_flow import CountDistribution, SetFlow, SetVelocity
from resonaut.nn.samples import RaggedSamples

JET = ("delta_eta", "delta_phi", "log_pt_fraction")
RADIUS, WIDTH = 2.0, 0.1


def rings(n, seed):
    """Points on a ring, as many as a Poisson distribution with the condition as its mean gives."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(4, 14, n)
    offsets = ragged.offsets_of(rng.poisson(mean))
    angle = rng.uniform(0, 2 * np.pi, offsets[-1])
    radius = rng.normal(RADIUS, WIDTH, offsets[-1])
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return RaggedSamples(flat.astype(np.float32), offsets, mean.astype(np.float32)[:, None])


def made(shape, **more):
    options = {"hidden": 32, "n_global": 8, "layers": 2, "steps": 12, **more}
    settings = set_flow.Settings.model_validate({"datasets": ["qcd"], **options})
    generator = set_flow.build(settings)
    with seeded(3):
        return generator, generator.network(shape)


def ring_shape():
    return Shape("clouds", (2,), ("x", "y"), ("mean",), {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    how = {"epochs": 18, "batch_size": 64, "learning_rate": 5e-3, "ema": 0.99, "device": "cpu"}
    generator, network = made(ring_shape(), training=how, count_training={"device": "cpu"})
    job = Job(1, "generate.toy", tmp_path_factory.mktemp("kept"), "")
    history = generator.fit(network, rings(2000, 1), rings(300, 2), job)
    return generator, network, history


def draw(trained, mean, n, seed=1):
    generator, network, _ = trained
    with seeded(seed):
        return generator.sample(network, torch.full((n, 1), mean))


@pytest.mark.parametrize("mean", [6.0, 11.0])
def test_number_of_points_follows_its_condition(trained, mean):
    network = trained[1]
    with seeded(1), torch.no_grad():
        counts = network.counts.draw(network.conditions(torch.full((4000, 1), mean))).double()
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 4000) + 0.25)
    assert counts.var() == pytest.approx(mean, rel=0.2)


def test_points_lie_on_the_ring(trained):
    padded, mask = draw(trained, 9.0, 600)
    points = padded[mask].double()
    radius = points.norm(dim=1)
    assert radius.mean() == pytest.approx(RADIUS, abs=0.05)
    assert radius.std() < 0.35
    error = RADIUS / np.sqrt(2 * len(points))
    assert points.mean(0).abs().max() < 5 * error + 0.05
    np.testing.assert_allclose((points**2).mean(0), RADIUS**2 / 2, rtol=0.1)
    assert (padded[~mask] == 0).all()


def test_loss_falls(trained):
    losses = [epoch.validation_loss for epoch in trained[2].epochs]
    assert losses[trained[2].best_epoch - 1] == min(losses) < losses[0] - 0.3


def test_same_seed_gives_the_same_sets(trained):
    first, again, other = (draw(trained, 8.0, 50, seed) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert first[0].shape != other[0].shape or not torch.equal(first[0], other[0])


def test_killed_training_goes_on_with_equal_bits(tmp_path, monkeypatch):
    how = {"epochs": 4, "batch_size": 64, "device": "cpu"}
    samples = rings(300, 1), rings(100, 2)

    def fit(folder):
        generator, network = made(ring_shape(), training=how, count_training=how)
        generator.fit(network, *samples, Job(1, "generate.toy", tmp_path / folder, "x"))
        return network.state_dict()

    whole = fit("whole")
    train, killed_in = training.train, []

    def killed(*arguments, **options):
        def stop(epoch):
            if epoch.epoch == 2 and options["where"] == killed_in[-1]:
                raise KeyboardInterrupt

        return train(*arguments, on_epoch=stop, **options)

    for where in ("generate.toy.count_training", "generate.toy"):
        killed_in.append(where)
        with monkeypatch.context() as patch:
            patch.setattr(training, "train", killed)
            with pytest.raises(KeyboardInterrupt):
                fit("part")
    resumed = fit("part")
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


# -- symmetries ----------------------------------------------------------------------------------------------


def velocity_of(values, mask):
    with seeded(0):
        network = SetVelocity(3, 2, hidden=16, n_global=4, layers=3).double()
    context = torch.linspace(-1, 1, 2 * len(values), dtype=torch.float64).reshape(-1, 2)
    time = torch.linspace(0.1, 0.9, len(values), dtype=torch.float64)
    return network(values, mask, time, context, mask.sum(1, keepdim=True) / 5)


def test_velocity_is_equivariant_and_does_not_see_padding():
    rng = torch.Generator().manual_seed(1)
    values = torch.randn(4, 7, 3, generator=rng, dtype=torch.float64)
    mask = (torch.arange(7) < torch.tensor([7, 5, 1, 3])[:, None]).double()
    before = velocity_of(values, mask)
    order = torch.randperm(7, generator=rng)
    after = velocity_of(values[:, order], mask[:, order])
    real = mask[..., None]
    torch.testing.assert_close(after * real[:, order], (before * real)[:, order], atol=1e-6, rtol=0)
    other = torch.where(real > 0, values, torch.full_like(values, 37.0))
    longer = torch.cat([other, torch.full((4, 2, 3), -5.0, dtype=torch.float64)], 1)
    found = velocity_of(longer, torch.cat([mask, torch.zeros(4, 2, dtype=torch.float64)], 1))
    torch.testing.assert_close(found[:, :7] * real, before * real, atol=1e-6, rtol=0)
    moved = values.clone()
    moved[0, 0] += 1
    assert (velocity_of(moved, mask)[0, 1:] - before[0, 1:]).abs().max() > 1e-4


# -- number of points ----------------------------------------------------------------------------------------


def test_probabilities_of_counts_sum_to_one_and_are_those_of_draws():
    with seeded(5):
        counts = CountDistribution(1, 8, 4)
    counts.measure(torch.tensor([3, 4, 9, 5, 5, 6]))
    values = torch.arange(3, 10)
    context = torch.full((7, 1), 0.4)
    with torch.no_grad():
        probability = counts.log_prob(values, context).exp()
        assert probability.sum() == pytest.approx(1, abs=1e-5)
        with seeded(1):
            drawn = counts.draw(torch.full((20_000, 1), 0.4))
    found = torch.bincount(drawn, minlength=10)[3:] / 20_000
    error = (probability * (1 - probability) / 20_000).sqrt()
    assert ((found - probability).abs() < 4.5 * error + 1e-6).all()


def test_sets_of_one_size_stay_so_and_far_counts_have_finite_losses():
    counts = CountDistribution(0, 8, 4)
    counts.measure(torch.full((5,), 6))
    with torch.no_grad():
        assert (counts.draw(torch.zeros(50, 0)) == 6).all()
        assert counts.log_prob(torch.tensor([6]), torch.zeros(1, 0)) == pytest.approx(0, abs=1e-6)
    counts.measure(torch.arange(1000))
    far = counts.log_prob(torch.tensor([1, 999, 500]), torch.zeros(3, 0))
    far.sum().backward()
    assert far.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in counts.parameters())


# -- columns and constraints ---------------------------------------------------------------------------------


def jets(n, seed, columns=JET):
    rng = torch.Generator().manual_seed(seed)
    padded = 0.3 * torch.randn(n, 9, len(columns), generator=rng, dtype=torch.float64)
    padded[..., 2] -= 2
    mask = torch.arange(9) < torch.randint(1, 10, (n, 1), generator=rng)
    return padded * mask[..., None], mask


def test_constrained_jets_have_the_sums_of_real_ones_and_keep_their_shape():
    axis = JetAxis(JET).double()
    axis.measure(*jets(40, 1))
    padded, mask = jets(200, 2)
    with seeded(1):
        moved = axis.impose(padded, mask)
    sums = axis.of(moved, mask)
    nearest = (sums[:, None] - axis.sums).abs().amax(2).amin(1)
    assert nearest.max() < 1e-9
    assert len(torch.unique(axis.sums, dim=0)) == 40
    # A turn, a boost along the beam and a scale leave the mass over pt and distances as they are.
    for name in (0, 1):
        shift = (moved - padded)[..., name]
        assert ((shift - shift[:, :1]).abs() * mask).max() < 1e-12
    assert sums[:, 0].std() > 0.1


def test_sum_of_two_points_by_hand():
    padded = torch.tensor([[[0.2, 0.3, np.log(0.5)], [0.2, -0.3, np.log(0.5)]], [[0.0] * 3] * 2])
    mask = torch.tensor([[True, True], [False, False]])
    log_pt, rapidity, phi = JetAxis(JET).of(padded, mask).T
    assert log_pt[0] == pytest.approx(np.log(np.cos(0.3)), abs=1e-6)
    assert rapidity[0] == pytest.approx(np.arctanh(np.tanh(0.2)), abs=1e-6)
    assert phi[0] == pytest.approx(0, abs=1e-6)
    assert log_pt[1] == rapidity[1] == phi[1] == 0


def test_pt_in_gev_is_not_scaled():
    columns = ("delta_eta", "delta_phi", "log_pt")
    axis = JetAxis(columns).double()
    axis.measure(*jets(40, 1))
    padded, mask = jets(20, 2)
    moved = axis.impose(padded, mask)
    torch.testing.assert_close(moved[..., 2], padded[..., 2])
    assert not JetAxis.possible(("delta_eta", "log_pt"))


def test_whole_numbers_stay_whole_and_distances_are_computed():
    columns = (*JET, "charge", "delta_r")
    padded, mask = jets(300, 3, columns)
    padded = padded.float()
    padded[..., 3] = padded[..., 3].sign() * mask
    options = {"hidden": 16, "n_global": 4, "layers": 1, "components": 3, "solver": "midpoint", "steps": 3}
    with seeded(1):
        network = SetFlow(columns, ("pt",), constrained=True, **options)
        network.measure(padded, mask, torch.full((300, 1), 500.0))
        assert network.loss(padded, mask, torch.full((300, 1), 500.0)).isfinite().all()
        drawn, real = network.sample(torch.full((100, 1), 500.0))
    assert len(network.learnt) == 4
    assert set(drawn[real][:, 3].tolist()) <= {-1.0, 0.0, 1.0}
    torch.testing.assert_close(drawn[..., 4], torch.hypot(drawn[..., 0], drawn[..., 1]))
    pt = JetAxis(JET).of(drawn, real)[:, 0]
    assert pt.min() >= network.axis.sums[:, 0].min() - 1e-4
    assert pt.max() <= network.axis.sums[:, 0].max() + 1e-4


def test_no_conditions_and_no_rows():
    _, network = made(Shape("clouds", (2,), ("x", "y"), (), {}))
    padded, mask = rings(50, 1).take(torch.arange(50)).values[:2]
    network.measure(padded, mask, torch.zeros(50, 0))
    assert network.loss(padded, mask, torch.zeros(50, 0)).isfinite().all()
    assert network.sample(torch.zeros(7, 0))[1].shape[0] == 7
    assert network.sample(torch.zeros(0, 0))[0].shape == (0, 1, 2)


def test_other_kinds_are_refused():
    with pytest.raises(ConfigError, match="'images' is found where 'clouds' is expected"):
        made(Shape("images", (8, 8), (), (), {}))
