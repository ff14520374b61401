"""Calibration against scikit-learn, closed forms and toys."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from resonaut.tag.evaluation import calibration
from resonaut.tag.evaluation.binning import equal_class_weights


def calibrated(n, seed, signal_share=0.5):
    """Scores that are probabilities for equal classes, in a sample of any composition."""
    rng = np.random.default_rng(seed)
    kept = max(signal_share, 1 - signal_share)
    p = rng.random(int(3 * n / kept))
    labels = (rng.random(len(p)) < p).astype(int)
    share = np.where(labels == 1, signal_share, 1 - signal_share) / kept
    chosen = np.flatnonzero(rng.random(len(p)) < share)[:n]
    return p[chosen], labels[chosen]


def test_reliability_equals_scikit_learn():
    p, labels = calibrated(7500, 1)
    found = calibration.reliability(p, labels == 1, np.ones(len(p)), 15)
    fraction, mean = calibration_curve(labels, p, n_bins=15, strategy="quantile")
    np.testing.assert_allclose(found["fraction"], fraction, atol=1e-12)
    np.testing.assert_allclose(found["probability"], mean, atol=1e-12)
    assert found["n"] == [500] * 15
    assert found["expected_calibration_error"] == pytest.approx(np.abs(fraction - mean).mean())


def test_brier_score_and_log_loss_equal_scikit_learn():
    p, labels = calibrated(5000, 2, 0.2)
    weight = equal_class_weights(labels)
    found = calibration.binary(p, labels)
    assert found["brier_score"] == pytest.approx(brier_score_loss(labels, p, sample_weight=weight))
    assert found["log_loss"] == pytest.approx(log_loss(labels, p, sample_weight=weight))
    both = calibration.classes(np.stack([1 - p, p], 1), labels)
    assert both["log_loss"] == pytest.approx(found["log_loss"])
    assert both["brier_score"] == pytest.approx(2 * found["brier_score"])


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_scores_for_equal_classes_are_calibrated_in_any_composition(share):
    p, labels = calibrated(60_000, 3, share)
    assert labels.mean() == pytest.approx(share, abs=0.01)
    found = calibration.binary(p, labels)
    assert found["expected_calibration_error"] < 0.02
    # Uniform p: mean of p (1 - p) is 1/6, mean of the entropy is 1/2.
    assert found["brier_score"] == pytest.approx(1 / 6, abs=0.006)
    assert found["log_loss"] == pytest.approx(0.5, abs=0.015)
    too_sure = calibration.binary(p**2 / (p**2 + (1 - p) ** 2), labels)
    assert too_sure["expected_calibration_error"] > 0.05


def test_intervals_are_clopper_pearson_for_equal_weights():
    p = np.repeat([0.2, 0.7], [10, 30])
    correct = np.zeros(40, bool)
    correct[:3] = correct[10:40] = True
    found = calibration.reliability(p, correct, np.ones(40), 4)
    tail = norm.sf(1)
    assert found["n"] == [10, 30]
    assert found["fraction"] == pytest.approx([0.3, 1.0])
    assert found["lower"] == pytest.approx([beta.ppf(tail, 3, 8), beta.ppf(tail, 30, 1)])
    assert found["upper"] == pytest.approx([beta.ppf(1 - tail, 4, 7), 1.0])


@pytest.mark.parametrize("share", [0.5, 0.15])
def test_intervals_cover_also_for_unequal_classes(share):
    inside, n_bins = 0, 0
    for seed in range(60):
        found = calibration.binary(*calibrated(3000, 100 + seed, share))
        middle = np.array(found["probability"])
        hit = (np.array(found["lower"]) <= middle) & (middle <= np.array(found["upper"]))
        inside, n_bins = inside + hit.sum(), n_bins + len(hit)
    # 900 bins: the share is known to 1.5 %; class weights that are measured help a little.
    assert 0.63 < inside / n_bins < 0.80


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=50), st.integers(1, 20))
def test_equal_scores_share_a_bin_and_every_jet_counts_once(rows, n_bins):
    p = np.array([value for value, _ in rows]) / 4
    correct = np.array([flag for _, flag in rows])
    found = calibration.reliability(p, correct, np.ones(len(p)), n_bins)
    assert sum(found["n"]) == len(p)
    assert len(found["n"]) <= min(n_bins, len(np.unique(p)))
    assert (np.diff(found["probability"]) > 0).all()
    for low, middle, high in zip(found["lower"], found["fraction"], found["upper"], strict=True):
        assert 0 <= low <= middle <= high <= 1


def test_scores_of_nought_and_one_that_are_wrong_have_a_finite_loss():
    found = calibration.binary(np.float32([0, 1, 1, 0]), np.array([1, 0, 1, 0]))
    json.dumps(found, allow_nan=False)
    assert found["log_loss"] == pytest.approx(-np.log(calibration.SMALLEST) / 2)
    assert found["brier_score"] == 0.5
