"""Rates of a trigger: thresholds, errors and efficiencies with closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erfc, erfcinv

from resonaut.errors import ConfigError
from resonaut.tag.trigger import rates
from resonaut.tag.trigger.settings import TriggerSettings


def above(x):
    """Of a unit Gaussian."""
    return 0.5 * erfc(x / math.sqrt(2))


def test_a_threshold_lets_no_more_pass_than_is_allowed():
    score = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    weight = np.ones(5)
    assert rates.threshold(score, weight, 0.4) == 4.0
    assert rates.threshold(score, weight, 0.39) == 5.0
    assert rates.threshold(score, weight, 1.0) == 1.0
    # Equal scores pass together, or not at all.
    assert rates.threshold(np.array([1.0, 3.0, 3.0, 3.0]), np.ones(4), 0.5) == np.nextafter(3.0, np.inf)
    # 4 and 5 weigh 3 of 6.
    assert rates.threshold(score, np.array([1.0, 1.0, 1.0, 2.0, 1.0]), 0.5) == 4.0


def test_errors_are_binomial_for_equal_weights():
    passed = np.arange(200) < 30
    for scale in (1.0, 7.0):
        fraction, error = rates.accepted(passed, np.full(200, scale))
        assert fraction == pytest.approx(0.15)
        assert error == pytest.approx(math.sqrt(0.15 * 0.85 / 200))


def test_errors_of_weighted_rows_are_those_of_repeated_draws():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        weight = rng.exponential(size=300)
        found.append(rates.accepted(rng.uniform(size=300) < 0.2, weight))
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(0.2, abs=0.005)
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)


def gaussians(n, seed):
    """Background at 0, signal at 2; two datasets of background."""
    rng = np.random.default_rng(seed)
    label = (np.arange(2 * n) >= n).astype(float)
    dataset = np.where(label == 1, 2, np.arange(2 * n) % 2)
    score = rng.normal(2 * label)
    return score, rates.Sample(label, dataset, np.ones(2 * n), ("a", "b", "top"))


def test_rate_and_efficiency_of_gaussians():
    validation, of_validation = gaussians(40_000, 1)
    test, of_test = gaussians(40_000, 2)
    both = {"float": validation, "fixed": validation}, {"float": test, "fixed": test}
    found = rates.measure(*both, (of_validation, of_test), 100.0, 1.0)
    cut = math.sqrt(2) * erfcinv(2 * 0.01)
    entry = found["float"]
    assert entry["threshold"] == pytest.approx(cut, abs=0.05)
    assert abs(entry["rate_khz"] - 1.0) < 3 * entry["expected_standard_khz"]
    assert entry["expected_standard_khz"] == pytest.approx(100 * math.sqrt(2 * 0.01 * 0.99 / 40_000), rel=0.1)
    assert entry["efficiency"]["value"] == pytest.approx(above(cut - 2), abs=0.02)
    parts = entry["datasets"]
    assert parts["a"]["rate_khz"] + parts["b"]["rate_khz"] == pytest.approx(entry["rate_khz"])
    assert (parts["top"]["class"], parts["top"]["n"]) == ("signal", 40_000)
    assert parts["top"]["value"] == entry["efficiency"]["value"]
    curve = entry["curve"]
    columns = (curve[name] for name in ("rate_khz", "rate_khz_standard", "efficiency", "efficiency_standard"))
    for rate, rate_error, kept, error in zip(*columns, strict=True):
        # The threshold comes from the background, and its error with it.
        low, high = (
            above(math.sqrt(2) * erfcinv(2 * max(rate + side * 3 * rate_error, 1e-3) / 100) - 2)
            for side in (-1, 1)
        )
        assert low - 3 * error < kept < high + 3 * error
    assert found["stability"] == {"rate_ratio": 1.0, "rate_ratio_standard": 0.0}


def test_stability_counts_only_rows_that_change():
    _, sample = gaussians(1000, 3)
    sample = rates.Sample(np.zeros(2000), sample.dataset, sample.weight, sample.names)
    before = np.where(np.arange(2000) < 100, 1.0, 0.0)
    after = np.where((np.arange(2000) >= 10) & (np.arange(2000) < 115), 1.0, 0.0)
    found = rates.stability({"float": before, "fixed": after}, sample, 0.5)
    # 10 are lost, 15 are won: 105 / 100, error sqrt(25) / 100.
    assert found == {"rate_ratio": pytest.approx(1.05), "rate_ratio_standard": pytest.approx(0.05)}
    assert rates.stability({"float": before, "fixed": after}, sample, 2.0)["rate_ratio"] is None


def test_a_bandwidth_that_cannot_be_measured_is_refused():
    own = TriggerSettings(tagger="dense", input_rate_khz=100, bandwidth_khz=0.5)
    label = np.concatenate([np.zeros(1000), np.ones(10)])
    with pytest.raises(ConfigError, match=r"trigger\.t\.bandwidth_khz: .* 5\.0 of 1000 .* ask for 1 kHz"):
        rates.require_rows(label, np.ones(1010), own, "trigger.t")
    rates.require_rows(label, np.ones(1010), own.model_copy(update={"bandwidth_khz": 1.0}), "trigger.t")
