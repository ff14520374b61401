"""The engine on a GPU: half precision, compilation, samples that are sent or streamed. Else skipped."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from resonaut.nn import streaming
from resonaut.nn.device import fits
from resonaut.nn.hdf5_rows import Hdf5Ragged
from resonaut.nn.samples import RaggedSamples, Subset, stream
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.streaming import SentAhead, StreamedSamples
from resonaut.nn.training import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def arrays():
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 9, 600))])
    flat = rng.normal(size=(offsets[-1], 2)).astype(np.float32)
    return flat, offsets, rng.integers(0, 2, 600).astype(np.float32)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, values, mask):
        return (self.layers(values).squeeze(-1) * mask).sum(1)


def cross_entropy(network, values):
    *inputs, label = values
    return nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")


def losses(samples, **more):
    usual = {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "device": "cuda", "precision": "float32"}
    torch.manual_seed(1)
    history = train(
        *(Sum(), Subset(samples, np.arange(500)), Subset(samples, np.arange(500, 600)), cross_entropy),
        ScheduledTraining(**{**usual, **more}),
        seed=3,
        where="test",
    )
    return [epoch.validation_loss for epoch in history.epochs]


def test_losses_are_those_of_the_cpu():
    samples = RaggedSamples(*arrays())
    assert losses(samples) == pytest.approx(losses(samples, device="cpu"), rel=1e-4)


@pytest.mark.parametrize("more", [{"precision": "auto"}, {"compile": "on"}])
def test_faster_arithmetic_gives_nearly_the_same(more):
    samples = RaggedSamples(*arrays())
    assert losses(samples, **more) == pytest.approx(losses(samples), rel=2e-2)


def test_samples_that_do_not_fit_are_sent(monkeypatch):
    samples = RaggedSamples(*arrays())
    expected = losses(samples)
    monkeypatch.setattr(streaming, "fits", lambda *given: False)
    assert losses(samples) == pytest.approx(expected, rel=1e-5)


def test_pinned_batches_arrive_whole(tmp_path):
    flat, offsets, label = arrays()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["offsets"] = offsets
        file["x"], file["y"] = flat.T
    device = torch.device("cuda", 0)
    memory = RaggedSamples(flat, offsets, label)
    source = Hdf5Ragged([tmp_path / "a.h5"], ["x", "y"])
    streamed = StreamedSamples(source, label, pool_size=100).to(device)
    batches = torch.from_numpy(np.random.default_rng(2).permutation(600)).split(32)
    for one in (streamed, SentAhead(memory, device)):
        for batch, expected in zip(stream(one, batches), stream(memory, batches), strict=True):
            assert batch.weight.device == device
            for value, wanted in zip(batch.values, expected.values, strict=True):
                assert torch.equal(value.cpu(), wanted)


def test_what_fits():
    free, _ = torch.cuda.mem_get_info()
    device = torch.device("cuda", 0)
    assert fits(free // 4, device, 0.5)
    assert not fits(free, device, 0.5)
