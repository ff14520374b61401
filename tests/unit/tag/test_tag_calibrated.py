"""The calibrated sum: the curve through means, back and forth, and fixed energies as bins."""

import numpy as np
import pytest

from resonaut.calibration_curve import Curve
from resonaut.tag.evaluation import calibrated, responses
from resonaut.tag.evaluation.binning import edges_of
from resonaut.tag.evaluation.summary import Scored, regression


def test_a_straight_response_is_found_exactly():
    target = np.random.default_rng(1).uniform(10, 100, 1000)
    curve = calibrated.fit(0.5 + 0.02 * target, target)
    np.testing.assert_allclose(curve.calibrated(0.5 + 0.02 * np.array([1.0, 55.5, 200.0])), [1, 55.5, 200])


def test_energies_of_a_beam_are_knots():
    rng = np.random.default_rng(2)
    target = rng.choice([10.0, 20.0, 50.0], 3000)
    value = np.sqrt(target) + rng.normal(0, 0.05, 3000)
    curve = calibrated.fit(value, target)
    assert curve.target == (10.0, 20.0, 50.0)
    np.testing.assert_allclose(curve.value, [value[target == energy].mean() for energy in (10, 20, 50)])
    np.testing.assert_allclose(edges_of(target), [5, 15, 35, 65])
    # sigma / E = sigma_V / V * d ln E / d ln V, in the middle of a piece as at its knots.
    ratio = curve.calibrated(value[target == 50]) / 50
    slope = (50 - 20) / (curve.value[2] - curve.value[1])
    found = responses.response(ratio)
    assert found["resolution"] == pytest.approx(0.05 * slope / 50, rel=0.06)
    assert found["median"] == pytest.approx(1, abs=0.002)


def test_bins_that_fall_are_taken_together():
    target, value = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    assert calibrated.fit(value, target) == Curve((1.0, 2.5, 4.0), (1.0, 2.5, 4.0))
    assert calibrated.fit(-value, target) is None
    assert calibrated.fit(value[:1], target[:1]) is None
    assert calibrated.fit(value[:0], target[:0]) is None


def test_the_curve_is_of_training_rows_only():
    rng = np.random.default_rng(3)
    target = rng.uniform(10, 100, 4000)
    value, twice = 0.03 * target, 0.06 * target
    test = Scored(target.copy(), target=target, reference=twice)
    found = regression(test, Scored(target.copy(), target=target, reference=value))
    assert found["calibrated"]["median"] == pytest.approx(2)
    assert found["uncorrected"]["median"] == pytest.approx(0.06)
    assert [entry["median"] for entry in found["bins"]["target"]["calibrated"]] == pytest.approx([2] * 10)
    assert "calibrated" not in regression(test, Scored(target.copy(), target=target))
