"""Sparse showers as samples: batches equal those of dense arrays, and memory follows the hits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.nn.samples import FixedSamples
from resonaut.nn.shower_samples import SparseShowers
from resonaut.showers import Showers, from_dense


def showers_of(n: int, shape: tuple[int, int, int], share: float, seed: int) -> Showers:
    random = np.random.default_rng(seed)
    dense = (random.exponential(1e-3, (n, *shape)) * (random.random((n, *shape)) < share)).astype(np.float32)
    columns = {"incident_energy": random.uniform(10, 100, n).astype(np.float32)}
    return from_dense(dense, {"kind": "cartesian", "shape": list(shape)}, columns)


def samples_of(showers: Showers, **options: torch.Tensor) -> SparseShowers:
    condition = showers.columns["incident_energy"][:, None]
    return SparseShowers(
        showers.cell, showers.energy, showers.offsets, showers.geometry["shape"], condition, **options
    )


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9), seed=st.integers(0, 99), share=st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_a_batch_is_that_of_dense_showers(n: int, seed: int, share: float) -> None:
    showers = showers_of(n, (3, 4, 5), share, seed)
    weight = torch.rand(n)
    sparse = samples_of(showers, weight=weight)
    condition = torch.as_tensor(showers.columns["incident_energy"][:, None])
    dense = FixedSamples(torch.as_tensor(showers.dense()), condition, weight=weight)
    assert len(sparse) == len(dense) == n
    # In any order, and a row twice.
    rows = torch.as_tensor(np.random.default_rng(seed).integers(0, n, 2 * n))
    found, expected = sparse.take(rows), dense.take(rows)
    for one, other in zip(found.values, expected.values, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(found.weight, expected.weight)


def test_memory_follows_the_hits() -> None:
    """A 30 x 30 x 30 shower of 540 hits: 4.3 kB of cells and energies, where dense ones take 108 kB."""
    showers = showers_of(20, (30, 30, 30), 0.02, 1)
    samples = samples_of(showers)
    n_hits = len(showers.cell)
    assert n_hits / 20 == pytest.approx(540, rel=0.03)
    assert samples.n_bytes == n_hits * 8 + 21 * 8 + 20 * 4 + 20 * 4
    assert samples.n_bytes / 20 < 27_000 * 4 / 24


def test_moved_samples_are_the_same() -> None:
    samples = samples_of(showers_of(6, (2, 3, 4), 0.3, 2))
    moved = samples.to(torch.device("cpu"))
    rows = torch.tensor([5, 0, 3])
    assert torch.equal(moved.take(rows).values[0], samples.take(rows).values[0])
