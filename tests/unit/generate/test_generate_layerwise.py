"""The method `layerwise`: two trainings, draws with hits above the threshold, turns, and what it refuses."""

import numpy as np
import pytest
import torch

from resonaut.errors import ConfigError
from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import layerwise
from resonaut.nn.device import seeded
from resonaut.nn.shower_samples import SparseShowers

THRESHOLD = 1e-4
SMALL = {
    "datasets": ["photons"],
    "conditions": ["incident_energy"],
    "width": 4,
    "sums_width": 16,
    "sums_blocks": 1,
    "sums_training": {"epochs": 40, "learning_rate": 5e-3, "ema": None, "device": "cpu"},
    "training": {"epochs": 4, "device": "cpu"},
}


def showers(n, seed):
    """(3, 4, 4) cells, each hit with probability E / 60; hits of mean energy 3 thresholds."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(10, 40, n)
    hit = rng.random((n, 48)) < energy[:, None] / 60
    _owner, cell = np.nonzero(hit)
    value = (THRESHOLD * (1 + rng.exponential(2, len(cell)))).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(hit.sum(1))])
    return SparseShowers(cell, value, offsets, (3, 4, 4), energy[:, None].astype(np.float32))


def shape(dims=(3, 4, 4)):
    return Shape("showers", dims, (), ("incident_energy",), {"threshold": 0.1})


def trained(folder, **more):
    generator = layerwise.build(layerwise.Settings(**{**SMALL, **more}))
    torch.manual_seed(1)
    network = generator.network(shape())
    job = Job(3, "generate.layerwise", folder, "x", folder / "epochs.jsonl")
    history = generator.fit(network, showers(1500, 1), showers(300, 2), job)
    return generator, network, history


def test_hits_follow_the_energy_and_stand_above_the_threshold(tmp_path):
    generator, network, history = trained(tmp_path)
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) == 4
    assert len((tmp_path / "epochs.sums.jsonl").read_text().splitlines()) == 40
    for energy in (15.0, 35.0):
        with seeded(7):
            drawn = generator.sample(network, torch.full((1000, 1), energy))
        assert drawn.shape == (1000, 3, 4, 4)
        assert drawn[drawn > 0].min() >= THRESHOLD * (1 - 1e-6)
        hits = (drawn > 0).flatten(1).sum(1).float()
        assert float(hits.mean()) == pytest.approx(48 * energy / 60, rel=0.06)
        visible = float(drawn.flatten(1).sum(1).mean())
        assert visible == pytest.approx(3 * THRESHOLD * 48 * energy / 60, rel=0.08)
    with seeded(7):
        assert torch.equal(generator.sample(network, torch.full((1000, 1), energy)), drawn)


def test_a_second_fit_goes_on_where_the_first_ended(tmp_path):
    _, first, _ = trained(tmp_path)
    _, second, _ = trained(tmp_path)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])


def test_the_eight_turns_are_those_of_the_square():
    dense = torch.arange(2 * 9.0).reshape(1, 2, 3, 3)
    turned = [layerwise.turned(dense, which) for which in range(8)]
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    assert all(torch.equal(one.sum((2, 3)), dense.sum((2, 3))) for one in turned)
    assert all(torch.equal(one[..., 1, 1], dense[..., 1, 1]) for one in turned)


def test_what_it_cannot_learn_is_refused():
    generator = layerwise.build(layerwise.Settings(**SMALL))
    with pytest.raises(ConfigError, match="cylindrical"):
        generator.network(shape((533,)))
    turning = layerwise.build(layerwise.Settings(**{**SMALL, "symmetries": True}))
    with pytest.raises(ConfigError, match="4 rows and 5 columns"):
        turning.network(shape((3, 4, 5)))
