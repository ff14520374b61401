"""Does a selection change the mass spectrum: tests with toys."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, kstest

from resonaut.hunt.sculpting import FINE, compare, fine_bins

EDGES = np.arange(2800.0, 4201.0, 100.0)
USED = np.ones(len(EDGES) - 1, bool)


def masses(rng, n):
    return 2600 + rng.exponential(600, n)


def test_selections_that_know_no_mass_give_uniform_p_values():
    rng = np.random.default_rng(2)
    found = []
    for number in range(200):
        mass = masses(rng, 4000)
        made = compare(fine_bins(mass, EDGES), rng.random(4000) < (0.05, 0.5)[number % 2], USED, 100, rng)
        found.append([made.ks_p_value, made.chi2_p_value, made.jensen_shannon_p_value, made.chi2])
    ks, chi2, divergence, values = np.array(found).T
    for p_values in (ks, chi2, divergence):
        assert kstest(p_values, "uniform").pvalue > 0.01
        assert p_values.min() >= 1 / 101
    # Pearson's chi2 of a table of two rows: mean and variance of a chi2 of B - 1 degrees of freedom.
    assert values.mean() == pytest.approx(made.degrees_of_freedom, abs=4 * np.sqrt(26 / 200))
    assert made.degrees_of_freedom == 13


def test_a_planted_sculpting_is_found():
    rng = np.random.default_rng(4)
    mass = masses(rng, 40_000)
    chance = 0.05 * (1 + 0.8 * np.exp(-0.5 * ((mass - 3500) / 100) ** 2))
    selected = rng.random(len(mass)) < chance
    made = compare(fine_bins(mass, EDGES), selected, USED, 500, rng)
    assert made.ks_p_value < 0.01
    assert made.chi2_p_value == made.jensen_shannon_p_value == 1 / 501
    assert made.jensen_shannon > 2 * made.jensen_shannon_expected
    np.testing.assert_array_equal(made.before, np.histogram(mass, EDGES)[0])
    np.testing.assert_array_equal(made.after, np.histogram(mass[selected], EDGES)[0])


def test_statistics_are_those_of_independent_libraries():
    rng = np.random.default_rng(6)
    mass = masses(rng, 3000)
    inside = (mass >= EDGES[0]) & (mass < EDGES[-1])
    selected = rng.random(3000) < 0.1 + 0.1 * (mass > 3300)
    made = compare(fine_bins(mass, EDGES), selected, USED, 50, rng)
    all_, chosen = (np.histogram(mass[rows], EDGES)[0] for rows in (inside, inside & selected))
    assert (made.n_all, made.n_selected) == (inside.sum(), (inside & selected).sum())
    table = chi2_contingency(np.stack([chosen, all_ - chosen]), correction=False)
    assert made.chi2 == pytest.approx(table.statistic)
    assert made.degrees_of_freedom == table.dof
    assert made.jensen_shannon == pytest.approx(jensenshannon(chosen, all_, base=2) ** 2)
    fine = np.linspace(EDGES[0], EDGES[-1], FINE * len(USED) + 1)
    distance = [abs((mass[inside & selected] < edge).mean() - (mass[inside] < edge).mean()) for edge in fine]
    assert made.ks == pytest.approx(max(distance))


def test_only_used_bins_are_compared():
    rng = np.random.default_rng(10)
    mass = masses(rng, 20_000)
    window = (mass >= 3300) & (mass < 3700)
    used = (EDGES[:-1] < 3300) | (EDGES[:-1] >= 3700)
    # Everything in the window is selected, which is not looked at.
    selected = (rng.random(len(mass)) < 0.1) | window
    made = compare(fine_bins(mass, EDGES), selected, used, 200, rng)
    assert made.ks_p_value > 0.02
    assert made.chi2_p_value > 0.02
    assert np.isnan(made.after[~used]).all()
    assert np.isnan(made.before[~used]).all()
    inside = (mass >= EDGES[0]) & (mass < EDGES[-1]) & ~window
    assert made.n_selected == (selected & inside).sum() == made.after[used].sum()
    assert made.degrees_of_freedom == used.sum() - 1
    assert compare(fine_bins(mass, EDGES), selected, USED, 200, rng).ks_p_value == 1 / 201


def test_nothing_or_everything_selected_cannot_be_compared():
    rng = np.random.default_rng(8)
    fine = fine_bins(masses(rng, 500), EDGES)
    for selected in (np.zeros(500, bool), np.ones(500, bool)):
        assert compare(fine, selected, USED, 50, rng) is None


def test_fine_bins_lie_in_the_bins_of_the_spectrum():
    mass = np.array([2799.9, 2800, 2819.9, 2820, 2899.9, 2900, 4199.9, 4200, 9000])
    assert fine_bins(mass, EDGES).tolist() == [-1, 0, 0, 1, 4, 5, 69, -1, -1]
