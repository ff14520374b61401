"""Metrics against closed forms, scikit-learn and the published numbers of three taggers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from resonaut.cli import main
from resonaut.errors import BadValueError, InputError, MissingFileError
from resonaut.tag.evaluation.metrics import auc, evaluate, from_files, rejection

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "toptag_scores"


def gaussians(n=40_000, shift=2.0, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return rng.normal(size=n) + shift * labels, labels


def test_auc_of_two_gaussians():
    scores, labels = gaussians()
    assert auc(scores, labels) == pytest.approx(norm.cdf(2 / np.sqrt(2)), abs=0.003)


def test_rejection_of_two_gaussians():
    scores, labels = gaussians(200_000)
    found = rejection(scores, labels, 0.5)
    exact = 1 / norm.sf(2.0)
    assert found.threshold == pytest.approx(2.0, abs=0.02)
    assert abs(found.rejection - exact) < 4 * found.error
    assert found.error / found.rejection == pytest.approx(found.background_passed**-0.5, rel=0.02)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60).filter(
        lambda rows: 0 < sum(label for _, label in rows) < len(rows)
    )
)
def test_auc_with_ties_agrees_with_scikit_learn(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    assert auc(scores, labels.astype(int)) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 1000))
def test_rejection_is_the_tightest_threshold_that_keeps_enough(n_signal, n_background, efficiency, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 15, n_signal + n_background) / 15
    labels = np.repeat([1, 0], [n_signal, n_background])
    found = rejection(scores, labels, efficiency)
    false_positive, true_positive, _ = roc_curve(labels, scores, drop_intermediate=False)
    enough = true_positive >= efficiency - 1e-9
    assert found.signal_efficiency == pytest.approx(true_positive[enough].min())
    assert found.background_efficiency == pytest.approx(false_positive[enough].min())


def test_no_background_passes():
    found = rejection(np.array([0.9, 0.8, 0.1, 0.2]), np.array([1, 1, 0, 0]), 0.5)
    assert (found.background_passed, found.rejection, found.error) == (0, None, None)
    assert found.threshold == 0.9


def test_error_is_that_of_repeated_samples():
    values = []
    for seed in range(200):
        scores, labels = gaussians(4000, shift=1.0, seed=seed)
        # A fixed threshold: the error is that of the background alone.
        values.append(1 / (scores[labels == 0] > 1.0).mean())
    found = rejection(*gaussians(4000, shift=1.0), 0.5)
    assert found.error == pytest.approx(np.std(values), rel=0.25)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published scores are not on this machine")
@pytest.mark.parametrize(
    ("file", "area", "at_30_percent"),
    [("PFN_v0", 0.9821, 889), ("ParticleNet_v2", 0.9848, 1294), ("ResNeXt50_v2", 0.9837, 1147)],
)
def test_published_numbers(file, area, at_30_percent):
    found = from_files(PUBLISHED / f"{file}.npy", PUBLISHED / "labels.npy")
    scores, labels = np.load(PUBLISHED / f"{file}.npy"), np.load(PUBLISHED / "labels.npy")
    assert round(found.auc, 4) == area
    assert int(found.rejection["0.3"].rejection) == at_30_percent
    assert found.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)
    assert found.accuracy == pytest.approx(accuracy_score(labels, scores > 0.5))
    assert (found.n_signal, found.n_background) == (202_086, 201_914)


def test_command_prints_json(tmp_path, capsys):
    scores, labels = gaussians(1000)
    np.save(tmp_path / "s.npy", scores)
    np.save(tmp_path / "l.npy", labels)
    code = main(["tag", "metrics", "--scores", str(tmp_path / "s.npy"), "--labels", str(tmp_path / "l.npy")])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["auc"] == auc(scores, labels)
    assert list(found["rejection"]) == ["0.3", "0.5"]


@pytest.mark.parametrize(
    ("scores", "labels", "error", "message"),
    [
        ([0.1, np.nan], [0, 1], BadValueError, "scores: nan in row 1"),
        ([0.1, 0.2], [0, 2], BadValueError, "labels: 2 in row 1"),
        ([0.1, 0.2], [0, 0], InputError, "0 signal and 2 background"),
        ([0.1, 0.2], [0, 1, 1], InputError, r"got \(2,\) and \(3,\)"),
    ],
)
def test_bad_input(scores, labels, error, message):
    with pytest.raises(error, match=message):
        evaluate(np.array(scores), np.array(labels))


def test_bad_files(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        from_files(tmp_path / "absent.npy", tmp_path / "l.npy")
    (tmp_path / "text.npy").write_text("not numbers")
    with pytest.raises(InputError, match=r"text\.npy: not a readable \.npy"):
        from_files(tmp_path / "text.npy", tmp_path / "text.npy")
