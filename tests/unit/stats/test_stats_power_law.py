"""Power laws with a floor: exact curves, Gaussian noise, and what is flagged."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut.stats import power_law

SIZES = np.array([250, 500, 1000, 2000, 4000, 8000], float)


def curve(size, limit=0.3, amplitude=4.0, exponent=0.6):
    return limit + amplitude * size**-exponent


def test_an_exact_curve_is_recovered():
    law = power_law.fit(SIZES, curve(SIZES), np.full(len(SIZES), 1e-4))
    assert law.status == "converged"
    assert law.exponent.value == pytest.approx(0.6, rel=0.004)
    assert law.limit.value == pytest.approx(0.3, abs=3e-4)
    assert law.amplitude == pytest.approx(4.0 * law.n_0**-0.6, rel=0.01)
    value, lower, upper = law.at(np.array([80_000.0]))
    assert value[0] == pytest.approx(curve(80_000.0), abs=2e-4)
    assert lower[0] < value[0] < upper[0]


@pytest.mark.parametrize("at", [100.0, 4000.0, 80_000.0])
def test_an_interval_ends_where_chi2_rises_by_one(at):
    """A curve that is forced through an end of the interval, by a further exact point, costs 1 in chi2."""
    standard = np.full(len(SIZES), 0.0005)
    law = power_law.fit(SIZES, curve(SIZES), standard)
    _, lower, upper = law.at(np.array([at]))
    for end in (lower[0], upper[0]):
        size, value = np.append(SIZES, at), np.append(curve(SIZES), end)
        forced = power_law.fit(size, value, np.append(standard, 1e-7))
        assert forced.chi2 - law.chi2 == pytest.approx(1, abs=0.05)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(5)
    inside = {"exponent": 0, "limit": 0, "extrapolated": 0}
    n_trials, standard = 300, np.full(len(SIZES), 0.0005)
    for _ in range(n_trials):
        law = power_law.fit(SIZES, curve(SIZES) + standard * rng.standard_normal(len(SIZES)), standard)
        _, lower, upper = law.at(np.array([80_000.0]))
        inside["extrapolated"] += lower[0] < curve(80_000.0) < upper[0]
        inside["limit"] += law.limit.lower < 0.3 < law.limit.upper
        inside["exponent"] += (law.exponent.lower or 0) < 0.6 < (law.exponent.upper or 9)
    # 68 %, and a little more: errors are scaled up where chi2 is large by chance, and never down.
    for name, count in inside.items():
        assert 0.62 < count / n_trials < 0.88, (name, count)


def test_errors_grow_with_a_bad_chi2():
    rng = np.random.default_rng(1)
    value = curve(SIZES) + 0.003 * rng.standard_normal(len(SIZES))
    law = power_law.fit(SIZES, value, np.full(len(SIZES), 0.0005))
    assert law.scale == pytest.approx(np.sqrt(law.chi2 / 3))
    assert law.scale > 2


def test_what_cannot_be_fitted_is_said():
    assert power_law.fit(SIZES[:3], curve(SIZES[:3]), np.full(3, 0.001)) is None
    flat = power_law.fit(SIZES, np.full(len(SIZES), 0.3), np.full(len(SIZES), 0.001))
    assert flat.status == "no fall"
    assert flat.limit.value == pytest.approx(0.3, abs=1e-3)
    logarithm = power_law.fit(SIZES, 2.0 - 0.05 * np.log(SIZES), np.full(len(SIZES), 0.01))
    assert logarithm.status == "exponent not bounded"
    assert logarithm.exponent.lower is None


def test_a_limit_below_zero_is_not_given():
    law = power_law.fit(SIZES, 2.0 * SIZES**-0.5 - 0.01, np.full(len(SIZES), 0.002))
    assert law.limit.value == 0
    assert law.limit.lower == 0
    assert law.limit.upper > 0
