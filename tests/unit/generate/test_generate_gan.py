"""Adversarial generators: modes and conditions that they find, on known mixtures and small showers."""

import numpy as np
import pytest
import torch

from resonaut import registry
from resonaut.errors import TrainingError
from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import gan, vae_gan, wgan_gp
from resonaut.nn.samples import FixedSamples
from resonaut.nn.shower_samples import SparseShowers

GRID = {"threshold": 0.1, "geometry": {"kind": "cartesian", "shape": [4, 8, 8]}}
METHODS = {"gan": gan, "wgan_gp": wgan_gp, "vae_gan": vae_gan}
FEATURES = Shape("features", (2,), ("x", "y"), (), {})


def job(folder, seed=1):
    return Job(seed, "generate.toy", folder, "inputs", folder / "epochs.jsonl")


def training(**more):
    return {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3, "ema": 0.98, "device": "cpu", **more}


def generator(method, kind, inputs=(), conditions=(), **more):
    chosen = {"datasets": ["toy"], "learn": kind, "inputs": list(inputs), "conditions": list(conditions)}
    module = METHODS[method]
    return module.build(module.Settings.model_validate({**chosen, **more}))


def fitted(made, shape, samples, validation, folder, seed=1):
    torch.manual_seed(seed)
    network = made.network(shape)
    history = made.fit(network, samples, validation, job(folder, seed))
    return network, history


def drawn(made, network, conditions, seed=0):
    torch.manual_seed(seed)
    return made.sample(network, torch.as_tensor(conditions, dtype=torch.float32))


def showers(n=96, seed=0):
    """Sparse samples whose visible energy is 2 % of the incident one."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(10, 100, n).astype(np.float32)
    cell = np.argsort(rng.random((n, 256)), axis=1)[:, :40]
    cell.sort(axis=1)
    share = rng.exponential(1, (n, 40))
    deposit = 0.02 * energy[:, None] * share / share.sum(1, keepdims=True)
    kept = deposit > 1e-4
    offsets = np.concatenate([[0], np.cumsum(kept.sum(1))])
    columns = energy[:, None]
    return SparseShowers(cell[kept], deposit[kept].astype(np.float32), offsets, (4, 8, 8), columns)


def pictures(n=96, seed=0):
    values = np.random.default_rng(seed).exponential(1, (n, 8, 8)).astype(np.float32)
    values[values < 1.2] = 0
    values /= values.sum((1, 2), keepdims=True)
    return FixedSamples(values, np.zeros((n, 0), np.float32))


SHOWERS = Shape("showers", (4, 8, 8), (), ("incident_energy",), GRID)
PICTURES = Shape("images", (8, 8), (), (), {"normalise": True})


@pytest.mark.parametrize("method", sorted(METHODS))
def test_small_showers(method, tmp_path):
    """Finite, sparse, nothing below the threshold, the same for the same seed; energies near those learnt."""
    made = generator(method, "showers", (), ["incident_energy"], width=4, training=training())
    network, history = fitted(made, SHOWERS, showers(), showers(seed=1), tmp_path)
    conditions = np.repeat([[20.0], [80.0]], 200, axis=0)
    found = drawn(made, network, conditions)
    assert found.shape == (400, 4, 8, 8)
    assert torch.isfinite(found).all()
    hits = found[found > 0]
    assert 0.02 < len(hits) / found.numel() < 0.5
    assert float(hits.min()) >= 0.9999e-4
    assert torch.equal(found, drawn(made, network, conditions))
    assert not torch.equal(found, drawn(made, network, conditions, seed=1))
    visible = found.sum((1, 2, 3)) / torch.from_numpy(conditions[:, 0])
    assert float(visible.mean()) == pytest.approx(0.02, rel=0.4)
    assert len(history.epochs) == 2
    assert not network.training


@pytest.mark.parametrize("method", sorted(METHODS))
def test_small_pictures(method, tmp_path):
    made = generator(method, "images", width=4, training=training(epochs=1))
    network, _ = fitted(made, PICTURES, pictures(), pictures(seed=1), tmp_path)
    found = drawn(made, network, np.zeros((50, 0)))
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(50))
    assert 0.5 < float((found == 0).float().mean()) < 0.9


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_registry_finds_the_methods(method):
    slice_ = {"method": "toy", "kind": method, "settings": {"datasets": ["a"], "learn": "images"}, "seed": 1}
    settings, made, where = registry.from_slice("generate", slice_)
    assert type(settings) is METHODS[method].Settings
    assert settings.representation() in made.kinds
    assert where == "generate.toy"


def test_the_constrainer_is_frozen_and_reads_the_energy(tmp_path):
    """It is trained before the players and does not move with them; its error is below the spread of 1."""
    chosen = {"width": 4, "constrainer_training": {"epochs": 8, "batch_size": 16, "device": "cpu"}}
    made = generator("wgan_gp", "showers", (), ["incident_energy"], **chosen, training=training(epochs=1))
    samples, validation = showers(400), showers(seed=1)
    network, _ = fitted(made, SHOWERS, samples, validation, tmp_path)
    assert not any(p.requires_grad for p in network.constrainer.parameters())
    values, conditions = validation.take(torch.arange(96)).values
    error = network.constrainer.squared_error(*network.encode(values, conditions)).mean()
    assert float(error) < 0.1
    again = generator("wgan_gp", "showers", (), ["incident_energy"], **chosen, training=training(epochs=2))
    longer, _ = fitted(again, SHOWERS, samples, validation, tmp_path / "longer")
    for ours, theirs in zip(network.constrainer.parameters(), longer.constrainer.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert any(
        not torch.equal(ours, theirs)
        for ours, theirs in zip(network.generator.parameters(), longer.generator.parameters(), strict=True)
    )


def test_a_finished_training_is_taken_from_its_folder(tmp_path):
    made = generator("wgan_gp", "showers", (), ["incident_energy"], width=4, training=training(epochs=1))
    first, history = fitted(made, SHOWERS, showers(), showers(seed=1), tmp_path)
    again, again_history = fitted(made, SHOWERS, showers(), showers(seed=1), tmp_path)
    assert history == again_history
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_no_rows_are_an_error(tmp_path):
    empty = FixedSamples(np.zeros((0, 2), np.float32), np.zeros((0, 0), np.float32))
    made = generator("gan", "features", ["x", "y"], training=training())
    with pytest.raises(TrainingError, match=r"generate\.toy: no training rows"):
        fitted(made, FEATURES, empty, empty, tmp_path)


def conditional(n, seed):
    """y is normal around 2 c, with width 0.5."""
    rng = np.random.default_rng(seed)
    c = rng.uniform(-1, 1, (n, 1))
    y = 2 * c + rng.normal(0, 0.5, (n, 1))
    return FixedSamples(y.astype(np.float32), c.astype(np.float32))


def follows_its_condition(method, folder, **more):
    chosen = training(batch_size=128, learning_rate=2e-3, schedule="cosine", patience=200, **more.pop("fit"))
    made = generator(method, "features", ["y"], ["theta"], width=8, n_noise=2, training=chosen, **more)
    shape = Shape("features", (1,), ("y",), ("theta",), {})
    network, _ = fitted(made, shape, conditional(1000, 0), conditional(500, 1), folder)
    for c in (-0.7, 0.0, 0.7):
        found = drawn(made, network, np.full((4000, 1), c))[:, 0]
        assert float(found.mean()) == pytest.approx(2 * c, abs=0.2)
        assert float(found.std()) == pytest.approx(0.5, abs=0.15)


def test_features_of_a_gan_follow_their_condition(tmp_path):
    follows_its_condition("gan", tmp_path, penalty=0.3, label_smoothing=0, fit={"epochs": 40})


@pytest.mark.full
def test_features_of_a_wasserstein_gan_follow_their_condition(tmp_path):
    follows_its_condition("wgan_gp", tmp_path, penalty=0.1, critic_steps=2, fit={"epochs": 150})


def ring(n, seed):
    """Eight normal distributions of width 0.1 on a circle of radius 2."""
    rng = np.random.default_rng(seed)
    angle = rng.integers(0, 8, n) * np.pi / 4
    values = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, 0.1, (n, 2))
    return FixedSamples(values.astype(np.float32), np.zeros((n, 0), np.float32))


@pytest.mark.full
@pytest.mark.parametrize("method", ["gan", "wgan_gp"])
def test_all_modes_of_a_ring_are_found(method, tmp_path):
    """Each of the eight within a factor 2 of its share, and most rows within five widths of one."""
    more = {"gan": {"penalty": 0.3, "label_smoothing": 0}, "wgan_gp": {"penalty": 1.0, "critic_steps": 3}}
    chosen = training(epochs=100, batch_size=128, patience=100)
    made = generator(method, "features", ["x", "y"], width=16, n_noise=4, training=chosen, **more[method])
    network, _ = fitted(made, FEATURES, ring(4000, 0), ring(2000, 1), tmp_path)
    found = drawn(made, network, np.zeros((4000, 0))).numpy()
    angle = np.arange(8) * np.pi / 4
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    distance = np.linalg.norm(found[:, None] - centres, axis=-1)
    near = distance.min(axis=1) < 0.5
    assert near.mean() > 0.75
    share = np.bincount(distance.argmin(axis=1)[near], minlength=8) / near.sum()
    assert share.min() > 1 / 16
    assert share.max() < 1 / 4
