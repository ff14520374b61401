"""Several classes against scikit-learn, closed forms and the binary metrics."""

import json

import numpy as np
import pytest
from scipy.stats import beta, norm
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, roc_auc_score

from resonaut.errors import BadValueError, InputError
from resonaut.tag.evaluation import multiclass
from resonaut.tag.evaluation.binning import equal_class_weights
from resonaut.tag.evaluation.metrics import rejection
from resonaut.tag.evaluation.summary import Scored, classes

NAMES = ("qcd", "top", "w", "z")


def sample(n=3000, seed=1, distance=1.5, n_classes=4):
    """Softmax probabilities of Gaussians at the corners of a simplex, right for equal classes, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    x = rng.normal(size=(n, n_classes)) + distance * np.eye(n_classes)[labels]
    values = np.exp(distance * x)
    return values / values.sum(1, keepdims=True), labels


def test_numbers_equal_scikit_learn():
    p, labels = sample()
    found = multiclass.evaluate(p, labels, NAMES)
    json.dumps(found, allow_nan=False)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, p.argmax(1)))
    assert found["auc"] == pytest.approx(roc_auc_score(labels, p, multi_class="ovo", average="macro"))
    for number, name in enumerate(NAMES):
        own = found["one_vs_rest"][name]
        assert own["auc"] == pytest.approx(roc_auc_score(labels == number, p[:, number]))
        assert own["n"] == (labels == number).sum()
    weights = equal_class_weights(labels)
    assert found["cross_entropy"] == pytest.approx(log_loss(labels, p, sample_weight=weights))
    matrix = confusion_matrix(labels, p.argmax(1))
    np.testing.assert_array_equal(found["confusion"]["counts"], matrix)
    np.testing.assert_allclose(found["confusion"]["fraction"], matrix / matrix.sum(1, keepdims=True))


def test_area_of_a_pair_of_gaussians_in_closed_form():
    # Against one another the classes are sqrt(2) d apart: AUC Phi(d) of p_S / (p_S + p_B).
    p, labels = sample(40_000, distance=1.2)
    score = multiclass.against(p, 1, 2)
    rows = (labels == 1) | (labels == 2)
    area = roc_auc_score(labels[rows] == 1, score[rows])
    assert area == pytest.approx(norm.cdf(1.2), abs=0.005)
    found = multiclass.evaluate(p, labels, NAMES)["rejection"]["top"]["w"]
    exact = 1 / norm.sf(1.2 * np.sqrt(2))
    assert abs(found["rejection"] - exact) < 4 * found["error"]
    expected = rejection(score[rows], (labels[rows] == 1).astype(int), 0.5)
    assert (found["rejection"], found["error"]) == (expected.rejection, expected.error)


def test_errors_of_the_confusion_matrix_are_binomial():
    found = multiclass.confusion(np.array([0, 0, 1, 1, 1, 0, 0]), np.array([0, 0, 0, 1, 1, 1, 1]), 3)
    assert found["counts"] == [[2, 1, 0], [2, 2, 0], [0, 0, 0]]
    tail = norm.sf(1)
    assert found["lower"][0][0] == pytest.approx(beta.ppf(tail, 2, 2))
    assert found["upper"][1][2] == pytest.approx(beta.ppf(1 - tail, 1, 4))
    assert found["fraction"][2] == [None] * 3


def test_two_classes_are_the_binary_case():
    p, labels = sample(n_classes=2)
    found = multiclass.evaluate(p, labels, ("b", "s"))
    assert found["auc"] == pytest.approx(roc_auc_score(labels, p[:, 1]))
    assert found["rejection"]["s"]["b"]["rejection"] == pytest.approx(
        rejection(p[:, 1], labels, 0.5).rejection
    )


def test_scores_that_are_both_zero_are_in_the_middle():
    p = np.array([[1.0, 0, 0], [0, 0.2, 0.1]])
    np.testing.assert_allclose(multiclass.against(p, 1, 2), [0.5, 2 / 3])


def test_a_class_that_is_absent_from_the_test_has_no_numbers():
    p, labels = sample()
    present = labels != 2
    test = Scored(p[present], np.stack([p[present]] * 2), labels[present])
    found = classes(test, Scored(p, label=labels), NAMES)
    json.dumps(found, allow_nan=False)
    assert found["one_vs_rest"]["w"] == {"n": 0, "auc": None, "auc_error": None}
    assert "w" not in found["rejection"]["top"]
    assert found["rejection"]["w"] == {}
    assert found["confusion"]["fraction"][2] == [None] * 4
    assert found["overtraining"]["kolmogorov_smirnov"]["w"] is None
    first, _, third, fourth = (
        roc_auc_score(labels[rows] == one, p[rows, one]) if one != 2 else 0
        for one, rows in ((0, present), (2, present), (1, present), (3, present))
    )
    assert min(first, third, fourth) > 0.7
    pairs = [
        roc_auc_score(labels[rows] == one, p[rows, one])
        for one in (0, 1, 3)
        for other in (0, 1, 3)
        if one != other
        for rows in [(labels == one) | (labels == other)]
    ]
    assert found["auc"] == pytest.approx(np.mean(pairs))


def test_one_class_alone_has_no_area():
    p, labels = sample()
    found = multiclass.evaluate(p[labels == 0], labels[labels == 0], NAMES)
    assert found["auc"] is None
    assert found["one_vs_rest"]["qcd"]["auc"] is None


def test_restarts_and_training_rows():
    p, labels = sample()
    other, _ = sample(seed=1, distance=1.0)
    seen, seen_labels = sample(500, seed=9)
    found = classes(Scored(p, np.stack([p, other]), labels), Scored(seen, label=seen_labels), NAMES)
    areas = [roc_auc_score(labels, values, multi_class="ovo") for values in (p, other)]
    assert [entry["auc"] for entry in found["restarts"]] == pytest.approx(areas)
    assert found["spread"]["auc"]["standard_deviation"] == pytest.approx(np.std(areas, ddof=1))
    assert found["overtraining"]["training"]["accuracy"] == accuracy_score(seen_labels, seen.argmax(1))
    assert found["overtraining"]["kolmogorov_smirnov"]["top"]["p_value"] > 1e-4
    assert found["calibration"]["expected_calibration_error"] < 0.05
    nothing = classes(Scored(p, None, labels), Scored(np.empty((0, 4)), label=np.empty(0)), NAMES)
    assert len(nothing["restarts"]) == 1
    assert "training" not in nothing["overtraining"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p, y: (p[:, :3], y), InputError, r"\(3000, 4\) is expected .* got \(3000, 3\)"),
        (lambda p, y: (p[:0], y[:0]), InputError, r"got \(0, 4\)"),
        (lambda p, y: (np.where(p == p[7, 2], np.nan, p), y), BadValueError, "in row 7; finite"),
        (lambda p, y: (p, np.where(np.arange(3000) == 5, 4, y)), BadValueError, "labels: 4 in row 5; 0 to 3"),
    ],
)
def test_bad_input(change, error, message):
    p, labels = change(*sample())
    with pytest.raises(error, match=message):
        classes(Scored(p, None, labels), Scored(p, label=labels), NAMES)
