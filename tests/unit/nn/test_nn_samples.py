"""Samples and batches: padding, subsets, each row exactly once, splits by hash."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.nn.samples import FixedSamples, RaggedSamples, Subset, batches_of_rows
from resonaut.nn.splits import part_of
from resonaut.seeds import event_hash


def ragged(lengths, n_features=2):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.arange(1, offsets[-1] * n_features + 1, dtype=np.float32).reshape(-1, n_features)
    return flat, offsets, RaggedSamples(flat, offsets, np.arange(len(lengths)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_padded_batch_holds_each_row_and_zeros(lengths, random):
    flat, offsets, samples = ragged(lengths)
    rows = random.sample(range(len(lengths)), random.randint(1, len(lengths)))
    padded, mask, number = samples.take(torch.tensor(rows)).values
    assert padded.shape[1] == max(1, max(lengths[row] for row in rows))
    assert number.tolist() == rows
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(padded[place][mask[place]], flat[offsets[row] : offsets[row + 1]])
    assert float(padded[~mask].abs().sum()) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(1, 30), st.booleans())
def test_batches_hold_each_row_once(lengths, batch_size, shuffle):
    rng = np.random.default_rng(1)
    order = rng.permutation(len(lengths))
    batches = batches_of_rows(order, torch.tensor(lengths), batch_size, rng if shuffle else None)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size


def test_bucketing_leaves_little_padding():
    rng = np.random.default_rng(2)
    lengths = torch.tensor(rng.integers(1, 100, 20_000))
    order = rng.permutation(len(lengths))

    def padded(batches):
        return sum(len(rows) * int(lengths[rows].max()) for rows in batches) / int(lengths.sum())

    assert padded(batches_of_rows(order, lengths, 256, rng)) < 1.06
    assert padded(batches_of_rows(order, None, 256)) > 1.9


def test_subset_names_rows_and_replaces_weights():
    flat, offsets, samples = ragged([1, 3, 2, 4])
    subset = Subset(samples, np.array([3, 1]), np.array([0.5, 2.0]))
    assert subset.lengths.tolist() == [4, 3]
    batch = subset.take(torch.tensor([1, 0]))
    assert batch.values[2].tolist() == [1, 3]
    assert batch.weight.tolist() == [2.0, 0.5]
    np.testing.assert_array_equal(batch.values[0][0, :3], flat[offsets[1] : offsets[2]])
    assert Subset(samples, np.array([2])).take(torch.tensor([0])).weight.tolist() == [1.0]


def test_fixed_samples_share_memory_with_numpy():
    column = np.zeros((5, 2), np.float32)
    samples = FixedSamples(column)
    column[3] = 7
    assert samples.take(torch.tensor([3])).values[0].tolist() == [[7, 7]]


def test_parts_have_their_shares_and_do_not_depend_on_order():
    event = np.arange(100_000)
    hashes = event_hash("qcd", event // 1000, event // 100, event, 1, "tag split")
    part = part_of(hashes)
    assert np.bincount(part) / len(part) == pytest.approx([0.6, 0.2, 0.2], abs=0.006)
    order = np.random.default_rng(0).permutation(len(event))
    np.testing.assert_array_equal(part_of(hashes[order]), part[order])
    assert part_of(np.array([0, 2**64 - 1], np.uint64)).tolist() == [0, 2]
