"""Thresholds on scores."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resonaut.hunt.selection import allot, passing, threshold, thresholds


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_folds_keep_their_share_and_the_sum_is_right(sizes, efficiency):
    sizes = np.array(sizes)
    kept = allot(sizes, efficiency)
    assert (np.abs(kept - efficiency * sizes) <= 1 + 1e-9).all()
    assert abs(kept.sum() - efficiency * sizes.sum()) <= 0.5 + 1e-9
    assert (kept <= sizes).all()
    assert (kept >= 0).all()


@given(st.permutations(range(40)), st.integers(0, 40))
def test_distinct_scores_are_kept_exactly(scores, n_kept):
    scores = np.array(scores, np.float32)
    assert (scores >= threshold(scores, n_kept)).sum() == n_kept


def test_of_equal_scores_all_or_none_are_kept_whichever_is_nearer():
    scores = np.array([9, 7, 7, 7, 7, 1, 1])
    kept = [int((scores >= threshold(scores, n)).sum()) for n in range(8)]
    assert kept == [0, 1, 1, 5, 5, 5, 7, 7]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_no_threshold_comes_nearer(values, data):
    scores = np.array(values)
    n_kept = data.draw(st.integers(0, len(scores)))
    missed = abs(int((scores >= threshold(scores, n_kept)).sum()) - n_kept)
    possible = [abs(int((scores >= cut).sum()) - n_kept) for cut in [*scores, np.inf]]
    assert missed == min(possible)


def test_each_fold_has_its_own_threshold():
    rng = np.random.default_rng(1)
    fold = np.repeat([0, 1, 2], 1000)
    score = rng.random(3000) + 10.0 * fold
    sideband = rng.random(3000) < 0.5
    cuts = thresholds(score, fold, sideband, 0.1, 3)
    passes = passing(score, fold, cuts)
    for number in range(3):
        here = sideband & (fold == number)
        assert abs(passes[here].sum() - 0.1 * here.sum()) <= 1
    assert passes[sideband].sum() == round(0.1 * sideband.sum())


def test_at_full_efficiency_everything_passes_but_padding():
    score, fold = np.array([-np.inf, 0.0, 5.0, 1.0]), np.array([0, 1, 0, -1])
    cuts = thresholds(score, fold, np.array([False, True, True, False]), 1.0, 2)
    assert passing(score, fold, cuts).tolist() == [True, True, True, False]


@given(st.permutations(range(30)))
def test_the_order_of_events_does_not_matter(order):
    rng = np.random.default_rng(2)
    score, fold, side = rng.random(30), rng.integers(0, 3, 30), rng.random(30) < 0.7
    order = np.array(order)
    one = thresholds(score, fold, side, 0.3, 3)
    two = thresholds(score[order], fold[order], side[order], 0.3, 3)
    assert one.tolist() == two.tolist()
