"""On a GPU: the same random numbers bit for bit, the same ensembles to rounding. Else skipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonaut.nn import ensemble, random
from resonaut.nn.settings import TrainingSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def test_random_numbers_are_those_of_the_cpu() -> None:
    keys = torch.arange(5, dtype=torch.int64)
    lengths = torch.tensor([7, 100, 64, 1, 33])
    for draw in (
        lambda device: random.uniform(keys.to(device), 1000, torch.float64),
        lambda device: random.permutations(keys.to(device), lengths.to(device), 100),
    ):
        torch.testing.assert_close(draw("cuda").cpu(), draw("cpu"), rtol=0, atol=0)


def test_an_ensemble_is_that_of_the_cpu() -> None:
    rng = np.random.default_rng(1)
    table = torch.from_numpy(rng.normal(size=(400, 3)))
    target = (table[:, 0] > 0).numpy().astype(float)
    rows = np.arange(300)
    samples = [
        ensemble.Sample(rows, np.ones(300), target[:300]),
        ensemble.Sample(np.arange(300, 400), np.ones(100), target[300:]),
    ]
    members = [ensemble.Member(seed, 0, 1) for seed in range(4)]
    settings = TrainingSettings(epochs=3, batch_size=32)
    scores = [
        ensemble.train(table.to(device), samples, members, (8, 8), "cross_entropy", settings).scores(
            table.to(device), range(4), np.arange(400)
        )
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-6)
