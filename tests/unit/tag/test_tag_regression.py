"""Response, resolution and gain of regressions against closed forms and toys."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from resonaut.errors import BadValueError, InputError
from resonaut.tag.evaluation import responses
from resonaut.tag.evaluation.summary import Scored, regression


def sample(n=20_000, seed=1, width=0.1, scale=1.0):
    rng = np.random.default_rng(seed)
    target = rng.uniform(50, 200, n)
    return target * rng.normal(scale, width, n), target


def test_response_of_a_gaussian():
    found = responses.response(np.random.default_rng(1).normal(0.95, 0.08, 200_000))
    assert found["median"] == pytest.approx(0.95, abs=5e-4)
    assert found["mean"] == pytest.approx(0.95, abs=5e-4)
    assert found["resolution"] == pytest.approx(0.08 / 0.95, rel=0.01)
    # Error of a median: sqrt(pi / 2) sigma / sqrt(n).
    assert found["median_error"] == pytest.approx(0.08 * np.sqrt(np.pi / 2 / 200_000), rel=0.1)


def test_tails_do_not_widen_the_resolution():
    rng = np.random.default_rng(2)
    core = rng.normal(1, 0.1, 99_000)
    found = responses.response(np.concatenate([core, rng.uniform(5, 10, 1000)]))
    assert found["resolution"] == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("draw", ["normal", "lognormal"])
def test_errors_are_the_spread_of_repeated_samples(draw):
    rng = np.random.default_rng(3)
    toys = [
        responses.response(rng.normal(1, 0.1, 400) if draw == "normal" else np.exp(rng.normal(0, 0.8, 1500)))
        for _ in range(500)
    ]
    for key in ("median", "resolution"):
        values = np.array([toy[key] for toy in toys])
        errors = np.array([toy[f"{key}_error"] for toy in toys])
        # The spread of 500 toys is known to 3 %; the errors of single toys differ by 25 %.
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.15), (draw, key)


def test_errors_of_a_gaussian_width_in_closed_form():
    tail = norm.sf(1)
    variance = tail * (1 - 2 * tail) / (2 * norm.pdf(1) ** 2)
    found = responses.response(np.random.default_rng(4).normal(1, 0.05, 400_000))
    assert found["resolution_error"] == pytest.approx(0.05 * np.sqrt(variance / 400_000), rel=0.1)


def test_summary_in_closed_form():
    target = np.array([100.0, 200.0, 50.0])
    found = responses.summary(target * np.e, target)
    assert found["rmse_log"] == pytest.approx(1.0)
    assert found["mean_absolute_error"] == pytest.approx((np.e - 1) * 350 / 3)
    assert found["median"] == pytest.approx(np.e)
    assert found["resolution"] == pytest.approx(0, abs=1e-12)


def test_gain_is_the_ratio_of_resolutions():
    after, target = sample(width=0.08)
    before, _ = sample(width=0.16, scale=0.9, seed=1)
    found = regression(Scored(after, target=target, reference=before), Scored(after, target=target))
    json.dumps(found, allow_nan=False)
    # 0.16 / 0.9 over 0.08.
    assert abs(found["gain"]["resolution"] - 0.16 / 0.9 / 0.08) < 4 * found["gain"]["resolution_error"]
    assert found["gain"]["resolution_error"] < 0.05
    assert found["uncorrected"]["median"] == pytest.approx(0.9, abs=0.005)
    assert found["gain"]["mean_absolute_error"] == pytest.approx(
        np.abs(before - target).mean() / np.abs(after - target).mean()
    )


def test_bins_hold_the_jets_of_their_range():
    rng = np.random.default_rng(5)
    after, target = sample(seed=5)
    pt = rng.uniform(500, 1000, len(target))
    after = np.where(pt > 750, 1.1, 1.0) * after
    before = 0.8 * after
    test = Scored(after, target=target, reference=before, jets={"pt": pt, "mass": before})
    found = regression(test, test)["bins"]
    assert sorted(found) == ["pt", "reference", "target"]
    edges = np.array(found["pt"]["edges"])
    medians = np.array([entry["median"] for entry in found["pt"]["corrected"]])
    np.testing.assert_allclose(medians[edges[1:] <= 750], 1.0, atol=0.015)
    np.testing.assert_allclose(medians[edges[:-1] >= 750], 1.1, atol=0.015)
    own = (target >= found["target"]["edges"][1]) & (target < found["target"]["edges"][2])
    assert found["target"]["corrected"][1] == responses.response(after[own] / target[own])
    assert found["target"]["uncorrected"][1]["median"] == pytest.approx(
        0.8 * found["target"]["corrected"][1]["median"]
    )


def test_restarts_and_overtraining():
    after, target = sample()
    other = sample(seed=8, width=0.12)[0] * 0 + target * (after / target) ** 1.2
    seen, seen_target = sample(5000, seed=9, width=0.05)
    found = regression(
        Scored(after, np.stack([after, other]), target=target), Scored(seen, target=seen_target)
    )
    widths = [responses.summary(values, target)["resolution"] for values in (after, other)]
    assert found["spread"]["resolution"]["mean"] == pytest.approx(np.mean(widths))
    assert found["overtraining"]["kolmogorov_smirnov"]["p_value"] < 1e-6
    assert found["overtraining"]["training"]["resolution"] == pytest.approx(0.05, rel=0.05)
    assert "uncorrected" not in found
    assert "gain" not in found


def test_targets_that_are_not_positive_have_no_response():
    found = regression(
        Scored(np.array([1.0, 2.0, -1.0, 5.0]), target=np.array([1.0, 0.0, 2.0, 4.0])),
        Scored(np.empty(0), target=np.empty(0)),
    )
    json.dumps(found, allow_nan=False)
    assert found["n"] == 3
    assert found["rmse_log"] is None
    assert found["mean_absolute_error"] == pytest.approx((0 + 2 + 3 + 1) / 4)
    assert found["overtraining"]["kolmogorov_smirnov"] is None


def test_one_row_has_no_width():
    found = regression(
        Scored(np.array([3.0]), target=np.array([2.0])), Scored(np.empty(0), target=np.empty(0))
    )
    json.dumps(found, allow_nan=False)
    assert (found["n"], found["resolution"], found["mean_absolute_error"]) == (1, None, 1.0)


@pytest.mark.parametrize(
    ("prediction", "target", "error", "message"),
    [
        ([1.0, np.inf], [1.0, 1.0], BadValueError, "prediction: inf in row 1"),
        ([1.0, 1.0], [np.nan, 1.0], BadValueError, "target: nan in row 0"),
        ([1.0], [1.0, 1.0], InputError, r"got \(1,\) and \(2,\)"),
        ([], [], InputError, r"got \(0,\)"),
    ],
)
def test_bad_input(prediction, target, error, message):
    with pytest.raises(error, match=message):
        regression(
            Scored(np.array(prediction), target=np.array(target)), Scored(np.ones(1), target=np.ones(1))
        )
    with pytest.raises(InputError, match="the true value of each row"):
        regression(Scored(np.ones(2)), Scored(np.ones(2)))
