"""Decision ordering, associations, entropies and formulae against closed forms and independent libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.explain import association, entropy, expressions, surrogate
from resonaut.tag.explain import decision_ordering as ordering
from resonaut.tag.explain.observables import different, residual
from resonaut.tag.explain.settings import ExplainSettings


def two_classes(n, seed=0):
    random = np.random.default_rng(seed)
    label = np.arange(n) % 2 == 0
    columns = {name: random.normal(size=n) for name in "abc"}
    columns["a"] = columns["a"] + 1.5 * label
    columns["b"] = columns["b"] + 1.0 * label
    return label, columns


def test_a_function_orders_as_itself_and_as_any_rising_one():
    label, columns = two_classes(400)
    own = ordering.signs(columns["a"], label)
    assert ordering.average(own, ordering.signs(np.exp(columns["a"]), label)).as_json() == {
        "value": 1.0,
        "standard": 0.0,
    }
    against = ordering.signs(-columns["a"], label)
    assert ordering.average(own, against).value == 0
    assert ordering.similarity(own, against).value == 1


def test_ordering_of_a_few_jets_by_hand():
    label = np.array([True, True, False, False])
    first, second = np.array([3.0, 1.0, 2.0, 0.0]), np.array([5.0, 6.0, 5.0, 4.0])
    # Pairs (3,2) (3,0) (1,2) (1,0): signs + + - +; of the other (5,5) (5,4) (6,5) (6,4): 0 + + +.
    found = ordering.average(ordering.signs(first, label), ordering.signs(second, label))
    assert found.value == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    chosen = np.array([[True, True], [False, False]])
    own = (ordering.signs(first, label), ordering.signs(second, label), chosen)
    assert ordering.average(*own).value == pytest.approx(0.75)


def test_area_is_that_of_scikit_learn_and_its_error_that_of_delong():
    label, columns = two_classes(2000)
    found = ordering.auc(ordering.signs(columns["a"], label))
    assert found.value == pytest.approx(roc_auc_score(label, columns["a"]), abs=1e-12)
    assert found.standard == pytest.approx(auc_error(columns["a"], label), rel=5e-3)


def test_the_error_of_an_ordering_is_the_spread_over_samples():
    values, errors = [], []
    for seed in range(150):
        label, columns = two_classes(200, seed)
        one = ordering.average(ordering.signs(columns["a"], label), ordering.signs(columns["b"], label))
        values.append(one.value)
        errors.append(one.standard)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_the_guided_search_finds_what_the_score_is_made_of_in_its_order():
    label, columns = two_classes(4000)
    # The log odds of these classes.
    score = 1.5 * columns["a"] + columns["b"]
    half = np.arange(4000) % 3 == 0
    steps = ordering.guided(score, columns, label, half, 2, seed=1)
    assert [step["observable"] for step in steps] == ["a", "b"]
    assert steps[0]["left"] == 1
    assert steps[1]["left"] == pytest.approx(1 - steps[0]["ado"]["value"], abs=0.02)
    assert steps[0]["ado"]["value"] < 0.91 < 0.94 < steps[1]["ado"]["value"]
    # Of two Gaussians: Phi(d / sqrt 2), d = 1.5 and hypot(1.5, 1).
    for step, distance in zip(steps, (1.5, math.hypot(1.5, 1)), strict=True):
        assert step["auc"]["value"] == pytest.approx(0.5 * (1 + math.erf(distance / 2)), abs=0.03)


def test_what_observables_leave_over_is_the_noise():
    label, columns = two_classes(6000)
    noise = np.random.default_rng(5).normal(size=6000)
    score = columns["a"] + 0.5 * noise
    half = np.arange(6000) % 3 > 0
    found = residual(score, {"a": columns["a"]}, label, half, seed=1)
    expected = 0.25 / (0.25 + columns["a"].var())
    assert found["variance"]["value"] == pytest.approx(expected, rel=0.15)
    assert 0 < found["variance"]["standard"] < 0.02


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.9])
def test_associations_of_a_gaussian_pair(rho):
    random = np.random.default_rng(3)
    first = random.normal(size=3000)
    second = rho * first + math.sqrt(1 - rho**2) * random.normal(size=3000)
    found = association.measure(first, second, seed=1)
    assert found["pearson"]["value"] == pytest.approx(rho, abs=0.04)
    assert found["pearson"]["standard"] == pytest.approx((1 - rho**2) / math.sqrt(3000), rel=0.05)
    assert found["spearman"]["value"] == pytest.approx(6 / math.pi * math.asin(rho / 2), abs=0.05)
    # Szekely, Rizzo, Bakirov, theorem 7.
    size = abs(rho)
    top = size * math.asin(size) + math.sqrt(1 - size**2) - size * math.asin(size / 2)
    top += 1 - math.sqrt(4 - size**2)
    expected = math.sqrt(max(0, top / (1 + math.pi / 3 - math.sqrt(3))))
    assert found["distance"]["value"] == pytest.approx(expected, abs=0.05)
    exact = -0.5 * math.log2(1 - rho**2)
    assert found["information"]["value"] == pytest.approx(exact, abs=0.06)


def test_information_of_a_class_in_closed_form():
    random = np.random.default_rng(1)
    label = random.random(4000) < 0.5
    far = random.normal(size=4000) + 100 * label
    assert association.information_of_class(far, label, 1) == pytest.approx(1, abs=0.01)
    assert association.information_of_class(random.normal(size=4000), label, 1) < 0.02


def test_entropy_of_counted_cells():
    values = np.repeat(np.arange(8.0), 50)[:, None]
    parity = (values[:, 0] % 2).astype(int)
    found = entropy.binned(values, parity, n_bins=8)
    assert found == {"input": pytest.approx(3.0), "label": pytest.approx(1.0)}
    # In two halves, the parity is not seen.
    assert entropy.binned(values, parity, n_bins=2) == {
        "input": pytest.approx(1.0),
        "label": pytest.approx(0.0, abs=1e-12),
    }


def test_a_wide_layer_is_at_the_ceiling_whatever_it_knows():
    random = np.random.default_rng(1)
    found = entropy.binned(random.normal(size=(512, 40)), random.integers(0, 2, 512), 30)
    assert found["input"] == pytest.approx(9.0)
    assert found["label"] > 0.99


@pytest.mark.parametrize("noise", [0.2, 0.5, 1.0])
def test_kernel_bounds_of_a_gaussian_layer(noise):
    values = np.random.default_rng(2).normal(size=(4000, 1))
    lower, upper = entropy.kernel_bounds(values, noise)
    truth = 0.5 * math.log2(1 + 1 / noise**2)
    assert lower <= truth <= upper
    # The same sums for infinitely many rows of a normal distribution.
    for found, width in ((lower, 2 * noise), (upper, noise)):
        expected = 0.5 * math.log2(1 + 1 / width**2) + 0.5 / (1 + width**2) / math.log(2)
        assert found == pytest.approx(expected, abs=0.03)


def test_two_clusters_far_apart_know_one_bit():
    group = np.arange(1000) % 2
    values = np.random.default_rng(2).normal(0, 1e-3, (1000, 3)) + 100 * group[:, None]
    found = entropy.kernel(values, group, 0.05)
    assert found["label"] == pytest.approx(1, abs=1e-3)
    assert found["lower"] == pytest.approx(1, abs=1e-3)
    assert entropy.kernel(np.ones((10, 2)), group[:10], 1.0) == {"lower": 0, "upper": 0, "label": 0}


def test_a_formula_is_found_again():
    _, columns = two_classes(500)
    found = expressions.search(columns, 2 * columns["a"] * columns["b"] - 1, 5)
    assert found[-1].text == "(a * b)"
    assert (found[-1].complexity, found[-1].observables) == (3, ("a", "b"))
    np.testing.assert_allclose(found[-1](columns), columns["a"] * columns["b"])


def test_a_function_counts_as_one_more():
    _, columns = two_classes(500)
    found = expressions.search(columns, np.tanh(columns["c"]), 3)
    assert (found[-1].text, found[-1].complexity) == ("tanh(c)", 2)
    sizes = [one.complexity for one in found]
    assert sizes == sorted(set(sizes))


def test_products_are_found_one_after_the_other():
    _, columns = two_classes(3000)
    columns["a"] = columns["a"] - columns["a"].mean()
    score = 3 * columns["a"] ** 2 + columns["b"]
    half = np.ones(3000, bool)
    own = ExplainSettings(what="surrogate", tagger="x", observables=["a"], n_terms=2)
    assert list(surrogate.products(columns, score, half, own)) == ["a * a", "b"]


def test_rejections_are_counted():
    label = np.array([True] * 100 + [False] * 100)
    values = np.concatenate([np.arange(100) + 50.0, np.arange(100)])
    found = surrogate.rejections(values, label)
    # 50 % of the signal lies above 99.5, and no background; 95 % above 54.95, and 45 of 100.
    assert found["rejection"][-1] == pytest.approx(100 / 45)
    assert found["standard"][-1] == pytest.approx(math.sqrt(0.55 / 45) * 100 / 45)
    assert found["rejection"][8] is None


def test_units_that_say_the_same_are_taken_once():
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 500))
    values = np.stack([first, 5 * first, second, np.zeros(500)], axis=1)
    assert different(values, values.std(axis=0)).tolist() == [1, 2]
