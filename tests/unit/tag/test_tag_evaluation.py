"""Errors, spreads, dependence and overtraining of binary taggers against closed forms and toys."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, ks_2samp, norm
from sklearn.metrics import roc_auc_score

from resonaut.errors import InputError
from resonaut.tag.evaluation import delong
from resonaut.tag.evaluation.binning import bin_of, equal_class_weights, round_edges
from resonaut.tag.evaluation.dependence import efficiencies, fractions
from resonaut.tag.evaluation.metrics import auc, evaluate
from resonaut.tag.evaluation.overtraining import by_class, kolmogorov_smirnov
from resonaut.tag.evaluation.summary import Scored, binary, spread

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "toptag_scores"


def sample(n=4000, shift=1.5, seed=1, signal_share=0.5, width=1.0):
    """Probabilities of signal of two Gaussians of unit width for equal classes, and labels."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < signal_share).astype(int)
    x = rng.normal(size=n) * width + shift * labels
    return 1 / (1 + np.exp(-(shift * x - shift**2 / 2))), labels


def scored(n=4000, restarts=3, seed=1, **more):
    scores, labels = sample(n, seed=seed)
    each = np.stack([sample(n, seed=seed, shift=1.5 - 0.1 * number)[0] for number in range(restarts)])
    return Scored(scores, each, labels, **more)


def brute_covariance(scores, labels):
    """DeLong's structural components from all pairs of jets."""
    below, above = [], []
    for row in scores:
        signal, background = row[labels == 1], row[labels == 0]
        wins = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
        below.append(wins.mean(1))
        above.append(wins.mean(0))
    return np.cov(below) / len(below[0]) + np.cov(above) / len(above[0])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_delong_equals_all_pairs_with_ties(seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, 40)])
    scores = rng.integers(0, 8, (3, 44)) / 8
    assert [part.mean() for part in delong.placements(scores[0], labels)] == pytest.approx(
        [roc_auc_score(labels, scores[0])] * 2
    )
    areas, spread_ = delong.covariance(scores, labels)
    np.testing.assert_allclose(areas, [roc_auc_score(labels, row) for row in scores], atol=1e-12)
    np.testing.assert_allclose(spread_, brute_covariance(scores, labels), atol=1e-12)


def test_delong_error_is_the_spread_of_repeated_samples():
    toys = [sample(2000, 1.0, seed) for seed in range(400)]
    areas = np.array([auc(*toy) for toy in toys])
    errors = np.array([delong.auc_error(*toy) for toy in toys])
    # The spread of 400 toys is known to 3.5 %.
    assert errors.mean() == pytest.approx(areas.std(ddof=1), rel=0.12)
    pulls = (areas - norm.cdf(1 / np.sqrt(2))) / errors
    assert 0.61 < (np.abs(pulls) < 1).mean() < 0.75


def test_delong_of_correlated_taggers_is_the_spread_of_their_difference():
    differences, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        labels = np.arange(1000) % 2
        common = rng.normal(size=1000) + labels
        pair = np.stack([common + 0.3 * rng.normal(size=1000), common + 0.5 * rng.normal(size=1000)])
        areas, found = delong.covariance(pair, labels)
        differences.append(areas[0] - areas[1])
        errors.append(np.sqrt(found[0, 0] + found[1, 1] - 2 * found[0, 1]))
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.13)
    # Far below the error of two samples that share nothing.
    assert np.mean(errors) < 0.6 * np.sqrt(found[0, 0] + found[1, 1])


def test_a_class_of_one_jet_has_no_error():
    assert delong.auc_error(np.array([0.9, 0.1, 0.2]), np.array([1, 0, 0])) is None


def test_spread_in_closed_form():
    found = spread([1.0, None, 2.0, 6.0])
    assert (found["n"], found["mean"], found["median"]) == (3, 3.0, 2.0)
    assert found["standard_deviation"] == pytest.approx(np.sqrt(7))
    assert found["standard_error"] == pytest.approx(np.sqrt(7 / 3))
    assert spread([0.5])["standard_deviation"] is None
    assert spread([None])["mean"] is None


def test_binary_keeps_the_metrics_and_adds_errors_and_restarts():
    test, training = scored(20_000), scored(20_000, seed=2)
    found = binary(test, training)
    json.dumps(found, allow_nan=False)
    assert {key: found[key] for key in ("auc", "accuracy", "n_signal", "n_background", "rejection")} == (
        evaluate(test.outputs, test.label).as_json()
    )
    # AUC of Gaussians that are d apart is Phi(d / sqrt 2), accuracy at equal odds is Phi(d / 2).
    assert abs(found["auc"] - norm.cdf(1.5 / np.sqrt(2))) < 4 * found["auc_error"]
    assert abs(found["accuracy"] - norm.cdf(0.75)) < 4 * found["accuracy_error"]
    assert found["accuracy_error"] == pytest.approx(np.sqrt(0.773 * 0.227 / 20_000), rel=0.02)
    assert (
        abs(found["rejection"]["0.5"]["rejection"] - 1 / norm.sf(1.5))
        < 4 * found["rejection"]["0.5"]["error"]
    )
    assert found["restarts"] == [evaluate(values, test.label).as_json() for values in test.restarts]
    areas = [entry["auc"] for entry in found["restarts"]]
    assert found["spread"]["auc"]["standard_deviation"] == pytest.approx(np.std(areas, ddof=1))
    of_rejection = found["spread"]["rejection"]["0.3"]
    assert of_rejection["mean"] == pytest.approx(
        np.mean([entry["rejection"]["0.3"]["rejection"] for entry in found["restarts"]])
    )
    assert of_rejection["binomial_error"] == pytest.approx(
        np.mean([entry["rejection"]["0.3"]["error"] for entry in found["restarts"]])
    )
    assert found["overtraining"]["auc"]["training"] == auc(training.outputs, training.label)
    assert found["efficiency"] == {}


def test_one_network_and_no_background_that_passes():
    scores = np.array([0.9, 0.8, 0.7, 0.1, 0.2, 0.3])
    labels = np.array([1, 1, 1, 0, 0, 0])
    for restarts in (None, scores[None]):
        found = binary(Scored(scores, restarts, labels), Scored(np.empty(0), label=np.empty(0, int)))
        json.dumps(found, allow_nan=False)
        assert len(found["restarts"]) == 1
        assert found["spread"]["rejection"]["0.3"]["mean"] is None
        assert found["spread"]["rejection"]["0.3"]["binomial_error"] is None
        assert found["overtraining"]["kolmogorov_smirnov"] == {"background": None, "signal": None}
        assert found["overtraining"]["auc"]["training"] is None


def test_rows_without_labels_are_refused():
    with pytest.raises(InputError, match="the class of each row is needed"):
        binary(Scored(np.array([0.1, 0.2])), Scored(np.array([0.1, 0.2])))


def test_kolmogorov_smirnov_is_that_of_each_class():
    scores, labels = sample(3000)
    seen, seen_labels = sample(2000, shift=2.0, seed=5)
    found = by_class(scores, labels, seen, seen_labels, ("background", "signal"))
    for number, name in enumerate(("background", "signal")):
        expected = ks_2samp(scores[labels == number], seen[seen_labels == number], method="asymp")
        assert found[name] == {"statistic": expected.statistic, "p_value": expected.pvalue}
    several = by_class(
        np.stack([1 - scores, scores], 1), labels, np.stack([1 - seen, seen], 1), seen_labels, "bs"
    )
    assert several["s"] == found["signal"]


def test_p_values_of_equal_samples_are_uniform_and_those_of_learnt_ones_are_small():
    rng = np.random.default_rng(3)
    values = [kolmogorov_smirnov(rng.random(300), rng.random(500))["p_value"] for _ in range(400)]
    assert 0.02 < (np.array(values) < 0.05).mean() < 0.09
    assert kolmogorov_smirnov(rng.random(1000), rng.random(1000) ** 2)["p_value"] < 1e-6


def test_fractions_have_clopper_pearson_intervals():
    of_bin = np.array([0, 0, 0, 2, 2, -1])
    found = fractions(np.array([1, 1, 0, 0, 0, 1], bool), of_bin, 3)
    assert (found["passed"], found["total"]) == ([2, 0, 0], [3, 0, 2])
    assert found["efficiency"] == [pytest.approx(2 / 3), None, 0.0]
    tail = norm.sf(1)
    assert found["lower"][0] == pytest.approx(beta.ppf(tail, 2, 2))
    assert found["upper"][2] == pytest.approx(beta.ppf(1 - tail, 1, 2))
    assert found["lower"][1] is None


def test_intervals_cover_at_least_their_level():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(300):
        of_bin = np.repeat([0, 1, 2], [20, 50, 200])
        truth = np.array([0.02, 0.3, 0.9])
        found = fractions(rng.random(270) < truth[of_bin], of_bin, 3)
        covered.append((np.array(found["lower"]) <= truth) & (truth <= np.array(found["upper"])))
    assert (np.mean(covered, 0) > 0.66).all()


def test_efficiency_against_pt_is_flat_where_the_score_does_not_know_pt():
    rng = np.random.default_rng(6)
    scores, labels = sample(40_000, seed=6)
    jets = {"pt": rng.uniform(500, 1000, 40_000), "eta": rng.normal(size=40_000)}
    jets["mass"] = np.where(labels, rng.normal(170, 15, 40_000), rng.exponential(60, 40_000))
    points = evaluate(scores, labels).rejection
    found = efficiencies(scores, labels, jets, {key: point.threshold for key, point in points.items()})
    assert sorted(found) == ["mass", "pt"]
    for variable, entry in found.items():
        edges = np.array(entry["edges"])
        assert len(edges) >= 8
        signal, background = entry["0.3"]["signal"], entry["0.3"]["background"]
        # Everything but the tails is counted, signal at 30 % and background at the measured efficiency.
        assert sum(signal["total"] + background["total"]) >= 0.997 * 40_000
        np.testing.assert_allclose(sum(signal["passed"]) / sum(signal["total"]), 0.3, atol=0.002)
        expected = points["0.3"].background_efficiency
        inside = [
            low <= expected <= high
            for low, high, n in zip(
                background["lower"], background["upper"], background["total"], strict=True
            )
            if n > 100
        ]
        assert sum(inside) >= len(inside) / 2, variable
        own = (jets[variable] >= edges[2]) & (jets[variable] < edges[3]) & (labels == 1)
        assert signal["total"][2] == own.sum()
        assert signal["passed"][2] == (own & (scores >= points["0.3"].threshold)).sum()


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=80), st.integers(1, 12))
def test_edges_rise_are_round_and_hold_nearly_all(values, n_bins):
    values = np.array(values)
    edges = round_edges(values, n_bins)
    assert (np.diff(edges) > 0).all()
    assert 2 <= len(edges) <= n_bins + 1
    of_bin = bin_of(values, edges)
    # Fewer than 1000 values: none is in the tails.
    assert (of_bin >= 0).all()
    assert (edges[of_bin] <= values).all()
    assert (values <= edges[of_bin + 1]).all()


def test_edges_of_a_known_distribution():
    np.testing.assert_array_equal(
        round_edges(np.linspace(500, 1000, 10_001)), [500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000]
    )
    # Twice the weight above 750 puts the median there: quantiles are those of the weighted values.
    x = np.linspace(0, 1000, 10_001)
    edges = round_edges(x, 2, weights=np.where(x > 500, 3.0, 1.0))
    assert edges[1] == pytest.approx(667, abs=60)
    assert edges[1] > 600


def test_values_outside_and_not_finite_are_in_no_bin():
    found = bin_of(np.array([-1, 0, 1, 2, 2.1, np.nan]), np.array([0, 1, 2]))
    np.testing.assert_array_equal(found, [-1, 0, 1, 1, -1, -1])


def test_weights_give_classes_equal_sums():
    labels = np.array([0, 0, 0, 2, 2, 2, 2, 3])
    weights = equal_class_weights(labels)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose([weights[labels == k].sum() for k in (0, 2, 3)], 8 / 3)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published scores are not on this machine")
def test_error_of_the_published_auc_is_that_of_many_samples():
    scores, labels = np.load(PUBLISHED / "ParticleNet_v2.npy"), np.load(PUBLISHED / "labels.npy")
    found = delong.auc_error(scores, labels)
    parts = [auc(scores[i::100], labels[i::100]) for i in range(100)]
    # The spread of 100 parts is known to 7 %.
    assert found == pytest.approx(np.std(parts, ddof=1) / 10, rel=0.25)
