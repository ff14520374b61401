"""Up-crossings and global p-values, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from resonaut.stats import gross_vitells
from resonaut.stats.gross_vitells import UpCrossings, global_p, mean_upcrossings, upcrossings

CORRELATION_LENGTH, LENGTH, STEP = 1.0, 40.0, 0.05


@pytest.fixture(scope="module")
def fields() -> np.ndarray:
    """Gaussian fields of correlation exp(-x^2 / 2), (n, points): white noise smoothed by a normal kernel."""
    rng = np.random.default_rng(7)
    reach = np.arange(-5, 5 + STEP / 2, STEP)
    weight = np.exp(-(reach**2))
    weight /= np.sqrt((weight**2).sum())
    noise = rng.normal(size=(4000, round(LENGTH / STEP) + len(weight)))
    size = 2 ** int(np.ceil(np.log2(noise.shape[1])))
    smooth = np.fft.irfft(np.fft.rfft(noise, size) * np.fft.rfft(weight, size), size)
    return smooth[:, len(weight) - 1 : noise.shape[1]]


def test_mean_upcrossings_follow_rice(fields: np.ndarray) -> None:
    """Rice: sqrt(-r''(0)) / (2 pi) exp(-u^2 / 2) per length, r'' = -1 here."""
    for level in (0.0, 1.0, 2.0):
        found = mean_upcrossings(fields, level)
        expected = LENGTH / (2 * np.pi) * np.exp(-(level**2) / 2)
        assert found.mean == pytest.approx(expected, abs=4 * found.error + 0.005 * expected)
        assert found.n_scans == len(fields)


def test_global_p_agrees_with_the_largest_of_the_fields(fields: np.ndarray) -> None:
    crossings = mean_upcrossings(fields[:2000], 0.5)
    largest = fields[2000:].max(axis=1)
    for z in (2.8, 3.2):
        counted = (largest >= z).mean()
        found = global_p(z, crossings)
        error = np.hypot(np.sqrt(counted * (1 - counted) / len(largest)), found.error)
        assert counted - 4 * error < found.p_value < counted + 4 * error + 0.01
        assert norm.sf(found.z) == pytest.approx(found.p_value)


def test_formula_by_hand() -> None:
    found = global_p(3.0, UpCrossings(4.0, 0.1, 1.0, 100))
    assert found.p_value == pytest.approx(norm.sf(3.0) + 4 * np.exp(-4.0))
    assert found.error == pytest.approx(0.1 * np.exp(-4.0))


def test_below_the_reference_the_p_value_is_at_most_one() -> None:
    found = global_p(-1.0, UpCrossings(4.0, 0.1, 1.0, 100))
    assert found.p_value == 1.0
    assert found.z == -np.inf


def test_crossings_by_hand_and_over_failed_points() -> None:
    z = np.array([[1.5, -1, 2, 0.5, np.nan, 1.2, 1.3], [np.nan, 2, 2, 2, 2, 2, 2]])
    assert upcrossings(z, 1.0).tolist() == [2, 0]
    assert upcrossings(z, 0.0).tolist() == [1, 0]
    single = mean_upcrossings(z[0], 1.0)
    assert (single.mean, single.n_scans) == (2.0, 1)
    assert single.error == pytest.approx(np.sqrt(2))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(-2, 2))
def test_up_and_down_crossings_alternate(values: list[float], level: float) -> None:
    z = np.array(values)
    ups = gross_vitells.upcrossings(z, level)
    downs = int(((z[:-1] >= level) & (z[1:] < level)).sum())
    assert ups - downs == int(z[-1] >= level) - int(z[0] >= level)
