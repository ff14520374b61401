"""Calibration errors and maps against closed forms, repeated samples and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from resonaut.tag.evaluation.calibration import reliability
from resonaut.tag.uncertainty import calibration_error as errors
from resonaut.tag.uncertainty import recalibration
from resonaut.tag.uncertainty.calibration_error import BINNINGS, Rows


def right(n, seed, temperature=1.0, weight=None):
    """Predictions that are right, or whose log odds were multiplied by `temperature`."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, n)
    happened = (random.random(n) < expit(logits)).astype(float)
    return Rows(expit(temperature * logits), happened, np.ones(n) if weight is None else weight(random, n))


def test_error_in_closed_form():
    """Two predictions, 0.2 and 0.7, of which 40 % and 60 % happen: |0.2| and |-0.1|, in equal shares."""
    probability = np.repeat([0.2, 0.7], 100)
    happened = np.concatenate([np.arange(100) < 40, np.arange(100) < 60]).astype(float)
    for binning in BINNINGS:
        found = errors.error(Rows(probability, happened, np.ones(200)), binning, 1)
        assert found["value"] == pytest.approx(0.15)
        assert found["n_bins"] == 2
        width = [math.sqrt(p * (1 - p) / 100) for p in (0.2, 0.7)]
        assert found["floor"] == pytest.approx(math.sqrt(2 / math.pi) * np.mean(width))
        # Shifts far from 0: the error of each is that of its fraction, and nothing is to be taken away.
        spread = [math.sqrt(p * (1 - p) / 100) for p in (0.4, 0.6)]
        assert found["standard"] == pytest.approx(0.5 * math.hypot(*spread), rel=0.15)
        assert found["debiased"] == pytest.approx(0.15, abs=0.003)


def test_weights_move_the_shares():
    probability = np.repeat([0.2, 0.7], 100)
    happened = np.concatenate([np.arange(100) < 40, np.arange(100) < 60]).astype(float)
    weight = np.repeat([3.0, 1.0], 100)
    found = errors.error(Rows(probability, happened, weight), "equal_mass", 1)
    assert found["value"] == pytest.approx(0.75 * 0.2 + 0.25 * 0.1)


def test_whole_weights_are_copies():
    rows = right(400, 3)
    copies = np.random.default_rng(1).integers(1, 4, 400)
    weighted = errors.error(Rows(rows.probability, rows.happened, copies.astype(float)), "equal_width", 1)
    copied = Rows(
        np.repeat(rows.probability, copies), np.repeat(rows.happened, copies), np.ones(copies.sum())
    )
    assert errors.error(copied, "equal_width", 1)["value"] == pytest.approx(weighted["value"])


def test_it_is_the_error_of_the_reliability_curve():
    rows = right(5000, 4, temperature=1.7)
    curve = reliability(rows.probability, rows.happened == 1, rows.weight)
    found = errors.error(rows, "equal_mass", 1)["value"]
    assert found == pytest.approx(curve["expected_calibration_error"])


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("weight", [None, lambda random, n: random.exponential(1.0, n)])
def test_the_floor_is_the_mean_error_of_right_predictions(binning, weight):
    found = [errors.error(right(2000, seed, weight=weight), binning, 1) for seed in range(40)]
    values = np.array([entry["value"] for entry in found])
    standard = values.std() / math.sqrt(len(values))
    floor = np.mean([entry["floor"] for entry in found])
    assert abs(values.mean() - floor) < 4 * standard
    assert np.mean([entry["floor_standard"] for entry in found]) == pytest.approx(values.std(), rel=0.35)
    # More than half of what chance adds is taken away.
    assert np.mean([entry["debiased"] for entry in found]) < 0.7 * values.mean()


def test_debiasing_and_the_error_against_repeated_samples():
    """Log odds that are 1.3 times too large; the truth is the error of a million rows."""
    many = right(1_000_000, 99, temperature=1.3)
    truth = reliability(many.probability, many.happened == 1, many.weight)["expected_calibration_error"]
    found = [errors.error(right(3000, seed, temperature=1.3), "equal_mass", 1) for seed in range(40)]
    values = np.array([entry["value"] for entry in found])
    debiased = np.array([entry["debiased"] for entry in found])
    assert values.mean() - truth > 0.003
    assert abs(debiased.mean() - truth) < 0.5 * (values.mean() - truth)
    assert np.mean([entry["standard"] for entry in found]) == pytest.approx(values.std(), rel=0.3)


@given(st.floats(-3, 3), st.floats(0.05, 3))
def test_folded_mean(mean, spread):
    x = np.linspace(mean - 9 * spread, mean + 9 * spread, 40_001)
    density = np.exp(-0.5 * ((x - mean) / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    expected = (np.abs(x) * density).sum() * (x[1] - x[0])
    assert errors.folded_mean(np.array([mean]), np.array([spread]))[0] == pytest.approx(expected, rel=1e-4)
    assert errors.folded_mean(np.array([mean]), np.array([0.0]))[0] == pytest.approx(abs(mean))


def test_of_several_classes_the_predicted_one_counts():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    rows = errors.of_prediction(probabilities, np.array([0, 1]), np.ones(2))
    assert rows.probability.tolist() == [0.5, 0.7]
    assert rows.happened.tolist() == [1, 0]
    of_classes = errors.of_classes(probabilities, np.array([0, 1]), np.ones(2))
    assert [entry.happened.tolist() for entry in of_classes] == [[1, 0], [0, 1], [0, 0]]


# -- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_temperature_of_two_classes(temperature):
    pulls = []
    for seed in range(10):
        rows = right(4000, seed, temperature)
        found = recalibration.temperature(rows.probability, rows.happened.astype(int), rows.weight).numbers
        pulls.append((found["temperature"] - temperature) / found["temperature_standard"])
    assert abs(np.mean(pulls)) < 4 / math.sqrt(10)
    assert 0.5 < np.std(pulls) < 1.7


def classes(n, seed, temperature):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, 3))
    label = (random.random(n)[:, None] > softmax(logits, axis=1).cumsum(1)).sum(1)
    return softmax(temperature * logits, axis=1), label


def test_temperature_of_several_classes():
    probabilities, label = classes(60_000, 2, 1.8)
    found = recalibration.fit("temperature", probabilities, label, np.ones(len(label)))
    assert abs(found.numbers["temperature"] - 1.8) < 4 * found.numbers["temperature_standard"]
    assert found.numbers["temperature_standard"] < 0.02
    better = found(probabilities)
    assert np.allclose(better.sum(1), 1)
    assert np.array_equal(better.argmax(1), probabilities.argmax(1))
    before, after = (
        errors.error(errors.of_prediction(values, label, np.ones(len(label))), "equal_mass", 1)
        for values in (probabilities, better)
    )
    assert before["value"] > 0.08
    assert after["value"] < after["floor"] + 4 * after["floor_standard"]


def test_platt_is_a_logistic_regression_on_log_odds():
    from sklearn.linear_model import LogisticRegression

    rows = right(3000, 5, 1.7)
    weight = np.random.default_rng(1).uniform(0.2, 2, 3000)
    label = rows.happened.astype(int)
    logits = recalibration.logits_of(rows.probability) + 0.4
    moved = expit(logits[:, 0])
    found = recalibration.platt(moved, label, weight).numbers
    peer = LogisticRegression(C=1e12, tol=1e-10).fit(logits, label, weight)
    assert found["scale"] == pytest.approx(peer.coef_[0].tolist(), rel=1e-3)
    assert found["shift"] == pytest.approx(peer.intercept_.tolist(), abs=1e-3)


def test_vector_scaling_undoes_scales_and_shifts():
    random = np.random.default_rng(6)
    logits = random.normal(0, 1.5, (40_000, 3))
    label = (random.random(40_000)[:, None] > softmax(logits, axis=1).cumsum(1)).sum(1)
    spoilt = softmax(logits / [1.0, 1.0, 1.0] + [0.5, 0.0, -0.5], axis=1)
    found = recalibration.fit("platt", spoilt, label, np.ones(40_000))
    assert np.allclose(found(spoilt), softmax(logits, axis=1), atol=0.02)


def test_isotonic_is_that_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    rows = right(2000, 7, 2.0)
    probability = np.round(rows.probability, 2)
    weight = np.random.default_rng(1).uniform(0.2, 2, 2000)
    found = recalibration.isotonic(probability, rows.happened == 1, weight)
    peer = IsotonicRegression().fit(probability, rows.happened, weight)
    middle, steps = found.knots[0]
    assert np.all(np.diff(steps) > 0)
    # The middle of a step is inside it, where the peer's function is flat.
    assert np.allclose(steps, peer.predict(middle), atol=1e-9)
    assert np.array_equal(found(middle), steps)


def test_isotonic_of_several_classes_sums_to_one():
    probabilities, label = classes(5000, 8, 2.5)
    found = recalibration.fit("isotonic", probabilities, label, np.ones(5000))(probabilities)
    assert np.allclose(found.sum(1), 1)
    assert np.all(found >= 0)


def test_certain_scores_stay_finite():
    probability, label = np.array([0.0, 1.0, 0.3, 0.8]), np.array([0, 1, 1, 0])
    for kind in ("temperature", "platt", "isotonic"):
        found = recalibration.fit(kind, probability, label, np.ones(4))(probability)
        assert np.isfinite(found).all()
