"""Signal templates against integrals and pyhf's interpolation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from resonaut.errors import ConfigError
from resonaut.stats.signals import Signal, gaussian, histogram, window

EDGES = np.arange(2500.0, 6001.0, 100.0)


def test_a_gaussian_is_integrated_over_the_bins():
    signal = gaussian(EDGES, 3520.0, 130.0)
    wanted = [quad(norm(3520, 130).pdf, low, high, epsabs=1e-14)[0] for low, high in pairwise(EDGES)]
    np.testing.assert_allclose(signal.nominal, wanted, rtol=1e-9, atol=1e-13)
    assert signal.nominal.sum() == pytest.approx(1, abs=1e-12)
    assert signal.up is None
    # The tail that is 6 to 7 standard deviations up keeps its digits.
    far = gaussian(np.array([0.0, 6, 7]), 0.0, 1.0)
    assert far.nominal[1] == pytest.approx(norm.sf(6) - norm.sf(7), rel=1e-10)


def test_a_peak_at_the_edge_is_partly_inside():
    assert gaussian(EDGES, 2500.0, 100.0).nominal.sum() == pytest.approx(0.5)


def test_the_energy_scale_moves_mean_and_width():
    signal = gaussian(EDGES, 4000.0, 100.0, energy_scale=0.02)
    np.testing.assert_allclose(signal.up, gaussian(EDGES, 4080.0, 102.0).nominal, rtol=1e-12)
    np.testing.assert_allclose(signal.down, gaussian(EDGES, 3920.0, 98.0).nominal, rtol=1e-12)


def test_interpolation_is_that_of_histfactory():
    import pyhf

    pyhf.set_backend("numpy")
    rng = np.random.default_rng(0)
    down, nominal, up = rng.uniform(0.1, 1, (3, 5))
    signal = Signal(nominal, up, down)
    shifts = np.array([-2.3, -1.0, -0.6, 0.0, 0.2, 1.0, 1.7])
    values, slopes = signal.at_energy_scale(shifts)
    interpolator = pyhf.interpolators.code4p([[[down, nominal, up]]])
    wanted = nominal + np.asarray(interpolator(np.array([shifts])))[0, 0]
    np.testing.assert_allclose(values, wanted, rtol=1e-12)
    np.testing.assert_allclose(values[[1, 3, 5]], [down, nominal, up], rtol=1e-12)
    ahead = signal.at_energy_scale(shifts + 1e-6)[0]
    np.testing.assert_allclose(slopes, (ahead - values) / 1e-6, atol=1e-5)


def test_a_histogram_is_the_fraction_in_each_bin():
    counts = np.array([0.0, 10.0, 30.0, 8.0])
    signal = histogram(counts, EDGES[:5], total=64)
    np.testing.assert_allclose(signal.nominal, counts / 64)
    np.testing.assert_allclose(signal.error, np.sqrt(counts) / 64)
    weighted = histogram(counts, EDGES[:5], variance=np.array([0.0, 4.0, 9.0, 1.0]))
    np.testing.assert_allclose(weighted.error, np.array([0, 2, 3, 1]) / 48)


def test_the_energy_scale_of_a_histogram_moves_its_mean():
    exact = gaussian(EDGES, 4000.0, 250.0, energy_scale=0.03)
    signal = histogram(1e5 * exact.nominal, EDGES, 0.03)
    centre = (EDGES[1:] + EDGES[:-1]) / 2
    assert signal.up @ centre == pytest.approx(4120, abs=0.5)
    assert signal.down @ centre == pytest.approx(3880, abs=0.5)
    np.testing.assert_allclose(signal.up, exact.up, atol=1e-3)
    assert signal.up.sum() == pytest.approx(1, abs=1e-6)


def test_the_core_is_the_fewest_bins_with_nine_tenths():
    assert Signal(np.array([0.05, 0.5, 0.3, 0.12, 0.03])).core.tolist() == [False, True, True, True, False]
    assert Signal(np.array([0.0, 0.9, 0.1])).core.tolist() == [False, True, False]
    assert window(np.array([0, 0, 1])).core.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gaussian(EDGES, 7000.0, 100.0), r"mass 7000 GeV .* inside the range 2500-6000 GeV"),
        (lambda: gaussian(EDGES, 3000.0, 0.0), "positive width is expected, got 0 GeV"),
        (lambda: gaussian(EDGES, 3000.0, 100.0, -0.1), "between 0 and 1 is expected, got -0.1"),
        (lambda: histogram(np.array([1.0, -2.0]), EDGES[:3]), "-2 in bin 2600-2700 GeV"),
        (lambda: histogram(np.zeros(3), EDGES[:4]), "0 of it is inside the range 2500-2800 GeV"),
        (lambda: window(np.array([1, 1, 0])), "one merged bin .* got 2"),
    ],
)
def test_what_cannot_be_a_signal_is_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
