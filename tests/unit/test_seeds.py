"""Seeds, hashes and folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resonaut.seeds import event_hash, fold_of, generator, integer_seed, mix64


def test_mix64_gives_the_published_stream():
    # SplitMix64 with seed 0 adds its constant to a state; these are the first outputs.
    state = np.array([0, 0x9E3779B97F4A7C15], np.uint64)
    assert [hex(int(value)) for value in mix64(state)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]


def test_seeds_depend_on_every_name_and_on_nothing_else():
    draws = {
        names: generator(*names).random()
        for names in [
            (1, "simulate", "qcd", 0),
            (1, "simulate", "qcd", 1),
            (1, "tag", "qcd", 0),
            (2, "simulate", "qcd", 0),
        ]
    }
    assert len(set(draws.values())) == 4
    assert generator(1, "simulate", "qcd", 0).random() == draws[1, "simulate", "qcd", 0]
    assert 0 <= integer_seed(1, "x", bits=31) < 2**31


@given(st.integers(0, 2**32), st.integers(1, 1000))
def test_hash_does_not_depend_on_order_or_chunking(seed, cut):
    event = np.arange(1200)
    lumi, run = event // 100, np.ones_like(event)
    whole = event_hash("qcd", run, lumi, event, seed)
    split = np.concatenate(
        [
            event_hash("qcd", run[part], lumi[part], event[part], seed)
            for part in (slice(0, cut), slice(cut, None))
        ]
    )
    assert (whole == split).all()
    backwards = event_hash("qcd", run[::-1], lumi[::-1], event[::-1], seed)
    assert (whole == backwards[::-1]).all()


@pytest.mark.parametrize("other", [("wprime", 1, "split"), ("qcd", 2, "split"), ("qcd", 1, "mixture 0")])
def test_hashes_of_other_datasets_seeds_and_purposes_are_independent(other):
    event = np.arange(20_000)
    ones = np.ones_like(event)
    one = fold_of(event_hash("qcd", ones, ones, event, 1, "split"), 5)
    dataset, seed, purpose = other
    two = fold_of(event_hash(dataset, ones, ones, event, seed, purpose), 5)
    table = np.histogram2d(one, two, bins=5)[0]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_folds_are_uniform():
    event = np.arange(100_000)
    folds = fold_of(event_hash("qcd", np.ones_like(event), np.ones_like(event), event, 1), 5)
    assert stats.chisquare(np.bincount(folds)).pvalue > 1e-3
