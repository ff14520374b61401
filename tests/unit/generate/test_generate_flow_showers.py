"""Showers in two factors: sums of layers, cells, symmetries, and what is kept exactly."""

import numpy as np
import pytest
import torch

from resonaut.errors import ConfigError
from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import flow_matching
from resonaut.nn.device import seeded
from resonaut.nn.flow_layers import LayerSums, share_of, stretched
from resonaut.nn.flow_showers import _turned
from resonaut.nn.samples import FixedSamples
from resonaut.nn.shower_samples import SparseShowers
from resonaut.settings import validate
from resonaut.showers import from_dense

GRID = {"kind": "cartesian", "shape": [4, 6, 6]}
THRESHOLD = 1e-4


def toy(count, seed=0):
    """Showers of 20 to 80 GeV, 1 % of it seen; the last layer is empty in every third."""
    random = np.random.default_rng(seed)
    energy = random.uniform(20, 80, count)
    y, x = np.mgrid[-2.5:3, -2.5:3]
    mean = np.exp(-0.5 * (x**2 + y**2))[None] * np.array([0.1, 0.5, 0.3, 0.1])[:, None, None]
    dense = random.gamma(2.0, 0.5, (count, 4, 6, 6)) * mean * 0.01 * energy[:, None, None, None] / 6
    dense[::3, 3] = 0
    dense[dense < THRESHOLD] = 0
    return dense.astype(np.float32), energy.astype(np.float32)[:, None]


def generator_of(kind="showers", dims=(4, 6, 6), conditions=("incident_energy",), geometry=GRID, **settings):
    training = {"epochs": 2, "batch_size": 64, "device": "cpu"}
    base = {"datasets": ["toy"], "learn": kind, "patch": [2, 3, 3], "width": 16, "blocks": 1, "steps": 3}
    settings = {**base, "training": training, "sums_training": training, **settings}
    generator = flow_matching.build(validate(flow_matching.Settings, settings))
    description = {"geometry": geometry} if kind == "showers" else {"normalise": True}
    with seeded(1):
        network = generator.network(Shape(kind, dims, (), conditions, description))
    return generator, network


def fit(generator, network, folder, count=300):
    dense, energy = toy(count)
    shower = from_dense(dense, GRID, {})
    sparse = SparseShowers(shower.cell, shower.energy, shower.offsets, (4, 6, 6), energy)
    other = FixedSamples(*toy(100, 5))
    return generator.fit(network, sparse, other, Job(1, "generate.toy", folder, "inputs", folder / "e.jsonl"))


def measured(count=300):
    generator, network = generator_of()
    dense, energy = (torch.from_numpy(part) for part in toy(count))
    with seeded(2):
        sums = torch.cat(network.layer_sums(dense), dim=1)
        network.measure(dense, sums, energy, THRESHOLD)
    return generator, network, dense, energy


def test_layer_sums_are_those_of_numpy():
    _, network, dense, _ = measured(20)
    energy, hits = network.layer_sums(dense)
    np.testing.assert_allclose(energy, dense.numpy().sum((2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(hits, (dense.numpy() > 0).sum((2, 3)))


def test_sums_come_back_from_what_is_learnt():
    """Energies within the noise of 5e-6 of the sum, numbers of hits exactly, empty layers empty."""
    _, network, dense, energy = measured()
    sums, hits = network.layer_sums(dense)
    with seeded(3):
        learnt = network.layers(sums, hits, energy[:, 0])
        back, back_hits = network.layers.inverse(learnt, energy[:, 0])
    torch.testing.assert_close(back_hits, hits, rtol=0, atol=0)
    scale = sums.sum(1, keepdim=True)
    assert float(((back - sums) / scale).abs().max()) < 1e-4
    assert not back[::3, 3].any()
    torch.testing.assert_close(learnt.mean(0), torch.zeros(8), rtol=0, atol=0.05)


def test_shares_of_two_layers_are_the_published_variables():
    """u_0 = (E_1 + E_2) / (f E), u_1 = E_1 / (E_1 + E_2) (arXiv:2106.05285)."""
    layers = LayerSums(2)
    energy, hits = torch.tensor([[0.2, 0.6]]), torch.tensor([[1.0, 2.0]])
    layers.fraction.fill_(0.1)
    with seeded(1):
        found = share_of(layers._raw(energy, hits, torch.tensor([20.0]))[:, :2])
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.25]]), rtol=0, atol=1e-5)


def test_stretching_is_undone_at_both_ends():
    share = torch.tensor([0.0, 1e-3, 0.5, 1.0])
    with seeded(1):
        value = stretched(share)
    assert value.isfinite().all()
    torch.testing.assert_close(share_of(value), share, rtol=0, atol=6e-6)


def test_drawn_showers_have_the_sums_of_the_first_factor():
    _, network, _, energy = measured()
    with seeded(4):
        for parameter in network.cells.velocity.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        sums, hits = network.draw_sums(energy)
        cells = network.draw_cells(sums, hits, energy)
    assert (hits == 0).any()
    assert (hits > 0).any()
    found = cells.reshape(-1, 4, 36)
    np.testing.assert_array_equal((found > 0).sum(2), hits)
    np.testing.assert_allclose(found.sum(2), sums, rtol=2e-6, atol=1e-12)
    assert float(cells[cells > 0].min()) >= network.layers.threshold * (1 - 1e-6)


def test_cells_keep_their_order_and_shares():
    """Where nothing is at the threshold, energies are the shares of the largest cells."""
    _, network, _, _ = measured()
    share = torch.zeros(1, 144)
    share[0, [3, 7, 20, 40, 100]] = torch.tensor([0.5, 0.3, 0.2, 1.0, 0.4])
    energy, hits = torch.tensor([[1.0, 2.0, 3.0, 0.0]]), torch.tensor([[2.0, 1.0, 1.0, 0.0]])
    found = network._with_sums(share, energy, hits)
    assert found.nonzero()[:, 1].tolist() == [3, 7, 40, 100]
    torch.testing.assert_close(
        found[0, [3, 7, 40, 100]], torch.tensor([0.625, 0.375, 2.0, 3.0]), rtol=1e-3, atol=0
    )


def test_turned_showers_are_the_eight_of_the_square():
    shower = torch.arange(32.0).reshape(1, 2, 4, 4)
    eight = {
        tuple((part.transpose(2, 3) if swap else part).flatten().tolist())
        for part in (shower.rot90(number, (2, 3)) for number in range(4))
        for swap in (False, True)
    }
    with seeded(1):
        found = {tuple(one.flatten().tolist()) for one in _turned(shower.expand(400, -1, -1, -1))}
    assert len(eight) == 8
    assert found == eight


def test_cells_go_through_patches_unchanged():
    _, network, dense, energy = measured(30)
    with seeded(1):
        tokens, context = network.prepared_cells(dense, energy)
        expected = network.scale(network._stretched(dense.flatten(1), dense.sum((2, 3))))
    assert tokens.shape == (30, 8, 18)
    assert context.shape == (30, 10)
    found = tokens.flatten(1)[:, network.place]
    hit = dense.flatten(1) > 0
    torch.testing.assert_close(found[hit], expected[hit], rtol=0, atol=0.1)


@pytest.mark.full
def test_a_trained_network_draws_showers_that_follow_the_energy(tmp_path):
    training = {"epochs": 12, "batch_size": 64, "learning_rate": 4e-3, "device": "cpu", "ema": 0.9}
    sums = {**training, "epochs": 60, "ema": 0.98}
    generator, network = generator_of(symmetries=True, steps=8, training=training, sums_training=sums)
    history = fit(generator, network, tmp_path, count=600)
    assert [epoch.metrics["part"] for epoch in history.epochs] == [0.0] * 60 + [1.0] * 12
    assert history.epochs[history.best_epoch - 1].metrics["part"] == 1.0
    assert history.epochs[-1].validation_loss < 0.8 * history.epochs[60].validation_loss
    with seeded(3):
        soft, hard = (
            generator.sample(network, torch.full((400, 1), energy)).double() for energy in (30.0, 70.0)
        )
    true, energy = toy(4000, 8)
    ratio = true.sum((1, 2, 3)).sum() / energy.sum()
    for found, value in ((soft, 30.0), (hard, 70.0)):
        assert found.shape == (400, 4, 6, 6)
        visible = float(found.sum((1, 2, 3)).mean())
        assert visible == pytest.approx(ratio * value, rel=0.08)
    profile, layers = soft.sum((0, 2, 3)) / soft.sum(), true.sum((0, 2, 3)) / true.sum()
    np.testing.assert_allclose(profile, layers, atol=0.06)
    centre = soft.sum((0, 1))
    assert centre[2:4, 2:4].mean() > 3 * centre[0].mean()


def test_parts_have_their_records_and_go_on(tmp_path):
    settings = {"distil": {"steps": [2], "n_compared": 10, "training": {"epochs": 1, "device": "cpu"}}}
    generator, network = generator_of(**settings)
    history = fit(generator, network, tmp_path)
    assert (tmp_path / "e.jsonl").exists()
    assert (tmp_path / "e.sums.jsonl").exists()
    assert (tmp_path / "e.steps2.jsonl").exists()
    _, again = generator_of(**settings)
    assert fit(generator, again, tmp_path) == history
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_students_draw_where_they_are_asked_to(tmp_path):
    settings = {
        "distil": {"steps": [2], "draw_with": 2, "n_compared": 10, "training": {"epochs": 1, "device": "cpu"}}
    }
    generator, network = generator_of(**settings)
    fit(generator, network, tmp_path)
    calls = []
    network.cells.students["2"].register_forward_hook(lambda *_: calls.append(1))
    network.cells.velocity.register_forward_hook(lambda *_: calls.append("teacher"))
    generator.sample(network, torch.full((3, 1), 40.0))
    assert calls == [1, 1]


def test_images_are_showers_of_one_layer(tmp_path):
    generator, network = generator_of("images", (6, 6), ("jets/pt",))
    dense, energy = toy(200)
    images = dense.sum(1)
    images /= images.sum((1, 2), keepdims=True)
    samples = FixedSamples(images[:150], energy[:150]), FixedSamples(images[150:], energy[150:])
    generator.fit(network, *samples, Job(1, "generate.toy", tmp_path, "inputs"))
    with seeded(1):
        drawn = generator.sample(network, torch.full((50, 1), 40.0))
    assert drawn.shape == (50, 6, 6)
    np.testing.assert_allclose(drawn.sum((1, 2)), 1, rtol=1e-5)
    assert float(drawn.min()) == 0


def test_cylinders_are_learnt_layer_by_layer():
    geometry = {
        "kind": "cylindrical",
        "layers": [
            {"id": 0, "r_edges": [0, 1, 2], "n_alpha": 3},
            {"id": 1, "r_edges": [0, 5], "n_alpha": 10},
        ],
    }
    generator, network = generator_of(dims=(16,), geometry=geometry)
    dense = torch.rand(40, 16) + 0.1
    energy = torch.rand(40, 1) + 1
    with seeded(1):
        network.measure(dense, torch.cat(network.layer_sums(dense), dim=1), energy, 0.1)
        drawn = generator.sample(network, energy)
    assert drawn.shape == (40, 16)
    torch.testing.assert_close(
        network.layer_sums(dense)[0], torch.stack([dense[:, :6].sum(1), dense[:, 6:].sum(1)], dim=1)
    )


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"conditions": ("incident_energy", "theta")}, "the condition 'theta' have none"),
        ({"dims": (4, 6, 5), "geometry": {**GRID, "shape": [4, 6, 5]}}, r"found \[4, 6, 5\]"),
    ],
)
def test_symmetries_of_what_has_none_are_refused(more, named):
    with pytest.raises(ConfigError, match=named):
        generator_of(symmetries=True, **more)


def test_density_of_showers_is_refused():
    generator, network = generator_of()
    with pytest.raises(ConfigError, match="learn: features only"):
        generator.log_prob(network, torch.zeros(1, 4, 6, 6), torch.ones(1, 1))
