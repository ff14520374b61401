"""Toys of a scan over masses and nested selections."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import poisson, scan_toys
from resonaut.stats.scan_toys import MassScan

EDGES = np.linspace(2000, 6000, 41)
MASSES = np.linspace(2400, 5000, 27)
TEMPLATES = np.diff(norm.cdf(EDGES, MASSES[:, None], 0.03 * MASSES[:, None]), axis=1)


@pytest.fixture(scope="module")
def model():
    """A dijet function of three parameters."""
    return registry.build("stats", "dijet", {"n_parameters": 3})(EDGES)


@pytest.fixture(scope="module")
def truth(model) -> np.ndarray:
    """20,000 background events."""
    values = model.expected(np.array([0.0, 10.0, 2.0]))
    return 20_000 * values / values.sum()


def test_score_and_likelihood_agree_for_many_events(model, truth: np.ndarray) -> None:
    counts = np.random.default_rng(1).poisson(50 * truth, (20, len(truth)))
    ratio = MassScan(model, TEMPLATES).tests(counts)
    score = MassScan(model, TEMPLATES, "score").tests(counts)
    assert np.abs(ratio.z - score.z)[:, :20].max() < 0.05
    assert np.corrcoef(ratio.signal.ravel(), score.signal.ravel())[0, 1] > 0.995


def test_z_is_the_root_of_the_likelihood_ratio(model, truth: np.ndarray) -> None:
    counts = np.random.default_rng(2).poisson(truth)
    found = MassScan(model, TEMPLATES).tests(counts)
    null = poisson.fit(model, counts)
    free = poisson.fit(model, counts, template=TEMPLATES[5])
    assert found.z[5] ** 2 == pytest.approx(null.deviance - free.deviance, abs=1e-8)
    assert np.sign(found.z[5]) == np.sign(free.signal)
    assert found.signal[5] == pytest.approx(float(free.signal), rel=1e-4, abs=1e-3)


def test_z_is_normal_under_the_null(model, truth: np.ndarray) -> None:
    counts = np.random.default_rng(3).poisson(truth, (1500, len(truth)))
    z = MassScan(model, TEMPLATES[::5], "score").tests(counts).z
    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(1500)
    assert np.abs(z.std(axis=0) - 1).max() < 4 / np.sqrt(2 * 1500)


def test_quick_toys_have_the_largest_likelihood_ratio(model, truth: np.ndarray) -> None:
    counts = np.random.default_rng(4).poisson(truth / 5, (60, len(truth))).astype(float)
    scan = MassScan(model, TEMPLATES)
    whole, quick = scan.tests(counts).z.max(axis=1), scan.toys(counts).max(axis=1)
    assert np.mean(np.abs(whole - quick) < 1e-6) > 0.95
    assert np.abs(whole - quick).max() < 0.4


def test_nested_toys_have_the_expected_means_and_correlation() -> None:
    expected = np.array([[100.0, 50.0], [30.0, 20.0], [4.0, 25.0]])
    drawn = scan_toys.draw(expected, 20_000, np.random.default_rng(5))
    assert (np.diff(drawn, axis=1) <= 0).all()
    # In the second bin the tightest fit expects more than the second: its slice is empty.
    nested = np.array([[100.0, 55.0], [30.0, 25.0], [4.0, 25.0]])
    assert np.abs(drawn.mean(axis=0) - nested).max() < 0.3
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1] == pytest.approx(np.sqrt(0.3), abs=0.02)


def test_global_p_of_one_mass_is_the_local_one(model, truth: np.ndarray) -> None:
    counts = truth + 120 * TEMPLATES[8]
    scan = MassScan(model, TEMPLATES[8:9], "score")
    found = scan_toys.run([scan], counts[None], 4000, np.random.default_rng(6))
    local = norm.sf(found.z_max)
    assert 0.001 < local < 0.05
    assert found.tail.p_value == pytest.approx(local, abs=4 * found.tail.error)
    assert found.gross_vitells[0].p_value == pytest.approx(local)


def test_toys_agree_with_gross_vitells(model, truth: np.ndarray) -> None:
    scan = MassScan(model, TEMPLATES, "score")
    found = scan_toys.run([scan], truth[None] + 250 * TEMPLATES[8], 3000, np.random.default_rng(7))
    assert found.z_max > 3.2
    for z in (2.6, 3.0):
        counted = (found.toys >= z).mean()
        formula = scan_toys.global_p(z, found.crossings[0]).p_value
        assert formula == pytest.approx(counted, abs=4 * np.sqrt(counted / 3000) + 0.15 * counted)


def test_two_selections_cost_trials(model, truth: np.ndarray) -> None:
    """A tight selection of a tenth of the events is nearly independent of the loose one."""
    counts = np.stack([truth, truth / 10])
    one = scan_toys.run([MassScan(model, TEMPLATES, "score")], counts[:1], 1500, np.random.default_rng(8))
    both = scan_toys.run([MassScan(model, TEMPLATES, "score")] * 2, counts, 1500, np.random.default_rng(9))
    ratio = (both.toys >= 2.5).mean() / (one.toys >= 2.5).mean()
    assert 1.5 < ratio < 2.6


def test_templates_of_other_bins_are_refused(model) -> None:
    with pytest.raises(ConfigError, match="39 bins, the background has 40"):
        MassScan(model, TEMPLATES[:, :-1])
