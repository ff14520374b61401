"""Counter-based random numbers: published values, uniformity, independence of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from resonaut import seeds
from resonaut.nn import random


def _keys(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def test_words_are_the_published_splitmix64_stream() -> None:
    # First outputs of SplitMix64 seeded with 0 (the reference implementation of its authors).
    published = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], np.uint64)
    words = random._words(_keys(0), 3).numpy().view(np.uint64)[0]
    np.testing.assert_array_equal(words, published)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_mix64_has_the_bits_of_the_numpy_one(values: list[int]) -> None:
    ours = random.mix64(_keys(*values)).numpy().view(np.uint64)
    np.testing.assert_array_equal(ours, seeds.mix64(np.array(values, np.int64).view(np.uint64)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_is_uniform(dtype: torch.dtype) -> None:
    numbers = random.uniform(random.subkeys(_keys(1, 2, 3), 0), 50_000, dtype).numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for row in numbers:
        assert stats.kstest(row, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(row[:-1], row[1:])[0, 1]) < 4 / np.sqrt(len(row))
    assert abs(np.corrcoef(numbers)[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(numbers.shape[1])


def test_numbers_depend_on_the_own_key_only() -> None:
    keys = _keys(11, -5, 2**62, 7)
    together = random.uniform(random.subkeys(keys, 3, 1), 10, torch.float64)
    alone = random.uniform(random.subkeys(keys[2:3], 3, 1), 10, torch.float64)
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=0)
    other_path = random.uniform(random.subkeys(keys, 1, 3), 10, torch.float64)
    assert not (together == other_path).any()


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6), extra=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_permutations_are_permutations_of_any_padding(lengths: list[int], extra: int) -> None:
    keys = random.subkeys(_keys(*range(len(lengths))), 0)
    width = max(lengths) + extra
    rows = random.permutations(keys, torch.tensor(lengths), width).numpy()
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        np.testing.assert_array_equal(np.sort(row[:length]), np.arange(length))
        np.testing.assert_array_equal(row[length:], np.arange(length, width))
        alone = random.permutations(keys[number : number + 1], torch.tensor([length]), length).numpy()[0]
        np.testing.assert_array_equal(row[:length], alone)


def test_all_permutations_are_equally_likely() -> None:
    n_networks = 24_000
    keys = random.subkeys(torch.arange(n_networks), 5)
    rows = random.permutations(keys, torch.full((n_networks,), 4), 4).numpy()
    _, counts = np.unique(rows @ [64, 16, 4, 1], return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
