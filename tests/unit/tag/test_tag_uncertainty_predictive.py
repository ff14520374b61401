"""Parts of an uncertainty, pulls, and how strange rows are told apart, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import norm

from resonaut.errors import InputError
from resonaut.tag.uncertainty import measured, predictive, pulls, strange
from resonaut.tag.uncertainty.measured import Truth
from resonaut.tag.uncertainty.predictive import GaussianPredictive


def entropy(*shares):
    return -sum(share * math.log(share) for share in shares if share > 0)


def test_two_networks_that_disagree():
    """0.9 and 0.1: total ln 2, aleatoric H(0.9); two that agree on 0.5 have no epistemic part."""
    draws = [logit(np.array([[0.9], [0.5]])), logit(np.array([[0.1], [0.5]]))]
    found = predictive.classification(draws)
    assert found.mean == pytest.approx([0.5, 0.5])
    assert found.total == pytest.approx([math.log(2)] * 2)
    assert found.aleatoric == pytest.approx([entropy(0.9, 0.1), math.log(2)])
    assert found.epistemic == pytest.approx([math.log(2) - entropy(0.9, 0.1), 0], abs=1e-12)
    assert found.deviation == pytest.approx([0.4, 0], abs=1e-12)
    assert found.spread == pytest.approx([math.log(9), 0], abs=1e-12)


def test_two_classes_are_the_same_as_a_score():
    random = np.random.default_rng(1)
    scores = [random.normal(0, 2, (50, 1)) for _ in range(4)]
    both = [np.concatenate([np.zeros_like(x), x], axis=1) for x in scores]
    one, two = predictive.classification(scores), predictive.classification(both)
    assert np.allclose(two.mean[:, 1], one.mean)
    for name in ("total", "aleatoric", "epistemic", "deviation"):
        assert np.allclose(getattr(one, name), getattr(two, name))
    # Logits 0 and x are, less their mean, -x / 2 and x / 2.
    assert np.allclose(two.spread, one.spread / 2)


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 10**6))
def test_epistemic_is_a_mutual_information(n_draws, n_classes, seed):
    logits = np.random.default_rng(seed).normal(0, 3, (n_draws, 8, n_classes))
    found = predictive.classification(iter(logits))
    assert np.all(found.epistemic >= 0)
    assert np.all(found.epistemic <= math.log(min(n_draws, n_classes)) + 1e-9)
    assert np.allclose(found.mean.sum(1), 1)
    # Another order of the draws is the same.
    assert np.allclose(predictive.classification(logits[::-1]).epistemic, found.epistemic)


def test_mixture_of_gaussians():
    draws = [np.array([[1.0, math.log(4.0)]]), np.array([[3.0, math.log(2.0)]])]
    found = predictive.regression(draws)
    assert (found.mean[0], found.aleatoric[0], found.epistemic[0]) == pytest.approx((2.0, 3.0, 1.0))
    assert found.width[0] == pytest.approx(2.0)


def gaussian(n=100_000, promised=1.0, seed=1):
    """Answers whose width is `promised` times the true one."""
    random = np.random.default_rng(seed)
    width = random.uniform(0.5, 2, n)
    mean = random.normal(0, 5, n)
    target = mean + 0.1 * width + width * random.standard_normal(n)
    return GaussianPredictive(mean, 0.5 * (promised * width) ** 2, 0.5 * (promised * width) ** 2), target


def test_pulls_of_a_gaussian():
    answer, target = gaussian()
    found = pulls.measure(answer, target, np.ones(len(target)), 1.0)
    assert abs(found["mean"] - 0.1) < 4 * found["mean_standard"]
    assert found["mean_standard"] == pytest.approx(1 / math.sqrt(100_000), rel=0.01)
    assert abs(found["width"] - 1) < 4 * found["width_standard"]
    # Of a Gaussian the error of the width is 1 / sqrt(2 n).
    assert found["width_standard"] == pytest.approx(1 / math.sqrt(200_000), rel=0.03)
    inside = norm.cdf(0.9) - norm.cdf(-1.1)
    assert abs(found["inside_1"] - inside) < 4 * found["inside_1_standard"]
    assert found["core"] == pytest.approx(1, abs=0.01)
    density = np.array(found["histogram"]["density"])
    assert density.sum() * 0.25 == pytest.approx(1, abs=1e-3)


def test_scaled_widths():
    """Widths of half the true size: pulls twice as wide, a factor 2 mends them and lowers the loss."""
    answer, target = gaussian(20_000, 0.5)
    weight = np.ones(len(target))
    found = pulls.summary(answer, answer, (target, target), (weight, weight))
    # The root mean square holds the shift of 0.1 as well.
    assert found["widths_factor"] == pytest.approx(2 * math.hypot(1, 0.1), rel=0.02)
    before, after = found["pulls"]["none"], found["pulls"]["scaled"]
    assert before["width"] == pytest.approx(2.0, rel=0.02)
    assert after["width"] == pytest.approx(1 / math.hypot(1, 0.1), rel=0.02)
    # Loss of a width that is too small by 2: ln(1 / 2) + (4 - 1) / 2 above the right one.
    assert before["nll"] - after["nll"] == pytest.approx(1.5 * 1.01 - math.log(2), abs=0.05)
    assert found["rmse"] == pytest.approx(math.sqrt(1.01 * (4 + 1 + 0.25) / 3), rel=0.03)
    assert found["aleatoric"] == pytest.approx(found["epistemic"])


def test_errors_of_pulls_are_the_spread_of_samples():
    random = np.random.default_rng(3)
    toys = [pulls.moments(random.standard_t(6, 500), random.uniform(0.5, 1.5, 500)) for _ in range(400)]
    for name in ("mean", "width"):
        spread = np.std([toy[name] for toy in toys])
        assert np.mean([toy[f"{name}_standard"] for toy in toys]) == pytest.approx(spread, rel=0.2), name


def test_strange_rows_of_a_shifted_gaussian():
    random = np.random.default_rng(4)
    usual, other = random.normal(0, 1, 5000), random.normal(1.2, 1, 4000)
    found = strange.measure(other, usual)
    assert abs(found["auc"] - norm.cdf(1.2 / math.sqrt(2))) < 4 * found["auc_standard"]
    curve = found["curve"]
    expected = norm.sf(norm.isf(np.array(curve["usual"][5:-5])) - 1.2)
    assert np.allclose(curve["strange"][5:-5], expected, atol=0.04)
    assert (curve["strange"][0], curve["strange"][-1]) == (0, 1)
    with pytest.raises(InputError, match="1 uncertainties are not finite"):
        strange.measure(np.array([np.nan, 1.0]), usual)


def test_weighted_means_have_the_error_of_repeated_samples():
    random = np.random.default_rng(5)
    toys = [measured.weighted(random.normal(2, 3, 200), random.exponential(1, 200)) for _ in range(500)]
    values, errors = np.array(toys).T
    assert values.mean() == pytest.approx(2, abs=4 * values.std() / math.sqrt(500))
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)


def test_numbers_of_a_method():
    """Scores 0.8 and 0.3 of ten rows: Brier score and log loss by hand."""
    score = np.repeat([0.8, 0.3], 5)
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 1])
    truth = Truth(label, np.ones(10))
    found = measured.calibration_numbers(score, truth, 1)
    assert found["ece"]["equal_mass"]["value"] == pytest.approx(0.05)
    assert found["brier"] == pytest.approx((4 * 0.04 + 0.64 + 4 * 0.09 + 0.49) / 10)
    loss = -(4 * math.log(0.8) + math.log(0.2) + 4 * math.log(0.7) + math.log(0.3)) / 10
    assert found["nll"] == pytest.approx(loss)
    assert measured.performance(score, truth)["accuracy"] == pytest.approx(0.8)
    together = predictive.classification([logit(score)[:, None]])
    parts = measured.uncertainties(together, truth)
    assert parts["epistemic"] == pytest.approx(0, abs=1e-12)
    assert parts["total"] == pytest.approx(0.5 * (entropy(0.8, 0.2) + entropy(0.3, 0.7)))
    # Of each side one row is wrong: the larger entropy of 0.3 tells nothing, (4 + 8 / 2) / 16.
    assert parts["wrong_auc"] == pytest.approx(0.5)
    assert parts["against_score"]["score"] == pytest.approx([0.3, 0.8])


def test_brier_score_of_several_classes_is_the_sum_over_them():
    probabilities = np.tile([0.5, 0.3, 0.2], (30, 1))
    found = measured.calibration_numbers(probabilities, Truth(np.ones(30, int), np.ones(30)), 1)
    assert found["brier"] == pytest.approx(0.25 + 0.49 + 0.04)
    assert found["nll"] == pytest.approx(-math.log(0.3))
