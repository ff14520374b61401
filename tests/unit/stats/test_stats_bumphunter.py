"""BumpHunter against the incomplete gamma function, a published example, and its own calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammainc

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import bumphunter

DATA = Path(__file__).parents[4] / "shared" / "data" / "root" / "pybumphunter_data.root"


def _brute_force(counts: np.ndarray, expected: np.ndarray, widths: range) -> tuple[float, int, int]:
    best = (0.0, -1, 0)
    for width in widths:
        for first in range(len(counts) - width + 1):
            n, b = counts[first : first + width].sum(), expected[first : first + width].sum()
            if n > b > 0 and -np.log(gammainc(n, b)) > best[0] + 1e-9:
                best = (-np.log(gammainc(n, b)), first, width)
    return best


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(0.01, 300),
    st.integers(1, 14),
)
def test_the_best_window_is_that_of_all_windows(seed: int, scale: float, n_bins: int) -> None:
    """The windows that the kernel leaves out cannot be the best."""
    rng = np.random.default_rng(seed)
    expected = scale * rng.exponential(1, n_bins)
    counts = rng.poisson(expected).astype(float)
    widths = range(1, n_bins + 1)
    found = bumphunter.scan(counts, expected, widths)
    statistic, first, width = _brute_force(counts, expected, widths)
    assert found.statistic == pytest.approx(statistic, rel=1e-8, abs=1e-8)
    if statistic > 0:
        low = counts[found.first : found.first + found.width].sum()
        assert gammainc(low, expected[found.first : found.first + found.width].sum()) == pytest.approx(
            np.exp(-statistic), rel=1e-6
        )
    assert (found.width == 0) == (width == 0)
    assert (found.first == -1) == (first == -1)


def test_tails_below_the_smallest_number() -> None:
    """P(N >= 2000 | 100) is about 1e-1700; the sum of its terms in logarithms."""
    found = bumphunter.scan(np.array([2000.0]), np.array([100.0]), [1])
    k = np.arange(2000, 2400)
    from scipy.special import gammaln, logsumexp

    assert found.statistic == pytest.approx(-logsumexp(k * np.log(100.0) - 100 - gammaln(k + 1)), rel=1e-12)


def test_windows_of_both_kinds_of_steps() -> None:
    firsts, widths = bumphunter.windows(60, range(2, 7))
    assert len(firsts) == 285
    assert (firsts + widths).max() == 60
    half, of_half = bumphunter.windows(60, [6], half_steps=True)
    assert half.tolist() == list(range(0, 55, 3))
    assert set(of_half) == {6}


def test_own_background_of_each_spectrum() -> None:
    counts = np.array([[5.0, 9.0, 5.0], [5.0, 9.0, 5.0]])
    expected = np.array([[5.0, 5.0, 5.0], [5.0, 9.0, 5.0]])
    found = bumphunter.scan(counts, expected, [1])
    assert found.statistic[0] == pytest.approx(-np.log(gammainc(9, 5)))
    assert found.first.tolist() == [1, -1]
    assert found.p_value[1] == 1.0


def test_published_example() -> None:
    """Example of pyBumpHunter: bin 16, width 4, local p 1.734e-4, global p 0.0177 (from 10,000 toys)."""
    if not DATA.exists():
        pytest.skip(f"{DATA} is absent")
    uproot = pytest.importorskip("uproot")
    with uproot.open(DATA) as file:
        data, background = (
            np.histogram(file[name][name].array(library="np"), bins=60, range=(0, 20))[0]
            for name in ("data", "bkg")
        )
    found = bumphunter.hunt(data, background, range(2, 7), 10_000, np.random.default_rng(5))
    assert (int(found.bump.first), int(found.bump.width), found.bump.n_windows) == (16, 4, 285)
    assert float(found.bump.p_value) == pytest.approx(1.734e-4, abs=5e-8)
    # Both are counts of 10,000 toys.
    assert found.tail.p_value == pytest.approx(0.0177, abs=3.5 * np.sqrt(2) * found.tail.error)
    assert int(data[16:20].sum() - background[16:20].sum()) == 208


def test_refitted_toys_are_calibrated_and_others_conservative() -> None:
    """Null spectra of a fitted background: uniform p-values only if toys are fitted too."""
    edges = np.linspace(2000, 6000, 41)
    model = registry.build("stats", "dijet", {"n_parameters": 3})(edges)
    truth = model.expected(np.array([0.0, 10.0, 2.0]))
    truth *= 3000 / truth.sum()
    rng = np.random.default_rng(3)
    refitted, fixed = [], []
    for counts in rng.poisson(truth, (60, len(truth))):
        found = bumphunter.hunt(counts, model, range(1, 6), 150, rng)
        refitted.append(found.tail.p_value)
        fixed.append(bumphunter.hunt(counts, found.expected, range(1, 6), 150, rng).tail.p_value)
    assert np.mean(refitted) == pytest.approx(0.5, abs=3.5 * np.sqrt(1 / 12 / 60))
    assert np.mean(fixed) > np.mean(refitted) + 0.05


def test_a_width_that_does_not_fit_is_refused() -> None:
    for widths in ([], [0], [61]):
        with pytest.raises(ConfigError, match="60 bins of the spectrum"):
            bumphunter.windows(60, widths)
