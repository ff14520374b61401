"""Families of background functions: their formulas, their fits, and what they describe."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import binom
from scipy.stats import norm

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import poisson
from resonaut.stats.families import has_orders, merged, on_range, settings_of
from resonaut.stats.loglinear import integrate
from resonaut.stats.transfer import window_model

EDGES = np.arange(2500.0, 5001.0, 100.0)
SQRT_S = 13_000.0


def bernstein(t, k, degree):
    return binom(degree, k) * t**k * (1 - t) ** (degree - k)


# The formulas as published, written without the package: density per GeV of the mass.
FORMULAS = {
    "dijet": (
        [-0.4, 9.0, 4.5, -0.3, 0.1],
        lambda x, t, p: (
            np.exp(p[0]) * (1 - x) ** p[1] * x ** -(p[2] + p[3] * np.log(x) + p[4] * np.log(x) ** 2)
        ),
    ),
    "modified_dijet": (
        [2.0, 12.0, 1.5, -0.2],
        lambda x, t, p: np.exp(p[0]) * (1 - x ** (1 / 3)) ** p[1] * x ** -(p[2] + p[3] * np.log(x)),
    ),
    "ua2": (
        [-0.5, 3.0, 9.0, 4.0],
        lambda x, t, p: np.exp(p[0]) * x ** -p[1] * np.exp(-p[2] * x - p[3] * x**2),
    ),
    "exponential": ([6.0, 20.0, -8.0], lambda x, t, p: np.exp(p[0] - p[1] * x - p[2] * x**2)),
    "power_law": ([-3.0, 2.0, -2.0], lambda x, t, p: np.exp(p[0]) * x ** -(p[1] + p[2] * np.log(x))),
    "bernstein": (
        [3.0, 1.0, 0.5, -2.0],
        lambda x, t, p: sum(np.exp(c) * bernstein(t, k, 3) for k, c in enumerate(p)),
    ),
    "interpolation": ([2.0, 0.5], lambda x, t, p: np.exp(p[0]) * (1 - t) + np.exp(p[1]) * t),
}


def build(name, n_parameters=None, **more):
    return registry.build("stats", name, settings_of(name, n_parameters, SQRT_S, more))


def counts_of(name, parameters, n_events, seed, n=None):
    shape = build(name, len(parameters))(EDGES).expected(np.array(parameters))
    size = shape.shape if n is None else (n, *shape.shape)
    return np.random.default_rng(seed).poisson(n_events * shape / shape.sum(), size)


def test_every_family_has_a_formula_here():
    assert set(registry.names("stats")) == {*FORMULAS, "gaussian_process"}


@pytest.mark.parametrize("name", FORMULAS)
def test_bins_are_integrals_of_the_published_formula(name):
    parameters, formula = FORMULAS[name]

    def density(mass):
        return formula(mass / SQRT_S, (mass - EDGES[0]) / (EDGES[-1] - EDGES[0]), parameters)

    got = build(name, len(parameters))(EDGES).expected(np.array(parameters))
    wanted = [quad(density, low, high, epsrel=1e-12)[0] for low, high in pairwise(EDGES)]
    np.testing.assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("name", registry.names("stats"))
def test_minuit_finds_the_same_minimum_of_the_atlas_spectrum(shared, name):
    """Bins of 139/fb above 2.5 TeV; Minuit starts elsewhere, in coordinates of errors of order one."""
    from iminuit import Minuit

    table = np.loadtxt(shared / "spectra/atlas_dijet_139ifb_ins1759712_t2.csv", delimiter=",", skiprows=2)
    table = table[(table[:, 0] > 2500) & (table[:, 1] < 4500)]
    counts, model = table[:, 2], build(name, 4)(np.append(table[:, 0], table[-1, 1]))
    penalty = np.zeros((model.n_parameters,) * 2) if model.penalty is None else model.penalty
    fits = poisson.fit(model, counts)
    assert fits.converged
    # A coefficient that vanishes is at minus infinity, where Minuit cannot follow.
    free = np.flatnonzero(np.abs(model.jacobian(fits.parameters)).max(axis=0) > 1e-6)
    assert len(free) == model.n_parameters or name in ("bernstein", "interpolation")
    axes = np.linalg.cholesky(fits.covariance[np.ix_(free, free)])

    def at(step):
        parameters = fits.parameters.copy()
        parameters[free] += axes @ (step - 0.3)
        return parameters

    def objective(step):
        parameters = at(step)
        mu = model.expected(parameters)
        return 2 * (mu - counts * np.log(mu)).sum() + parameters @ penalty @ parameters

    def gradient(step):
        parameters = at(step)
        pull = 1 - counts / model.expected(parameters)
        whole = 2 * model.jacobian(parameters).T @ pull + 2 * penalty @ parameters
        return axes.T @ whole[free]

    minuit = Minuit(objective, np.zeros(len(free)), grad=gradient)
    minuit.errordef, minuit.tol, minuit.strategy = 1.0, 1e-8, 1
    minuit.migrad()
    # -2 ln L is 10^8 here: its rounding is 10^-8.
    assert minuit.fval == pytest.approx(objective(np.full(len(free), 0.3)), abs=1e-6)
    np.testing.assert_allclose(model.expected(at(np.array(minuit.values))), fits.expected, rtol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_generated_parameters_are_recovered(name):
    parameters = FORMULAS[name][0][:3]
    model = build(name, len(parameters))(EDGES)
    fits = poisson.fit(model, counts_of(name, parameters, 1e6, seed=5, n=400))
    assert fits.converged.all()
    shape = model.expected(np.array(parameters))
    truth = np.array(parameters)
    # ln p1 takes the normalisation; of a sum of positive terms all coefficients do.
    truth[: None if name in ("bernstein", "interpolation") else 1] += np.log(1e6 / shape.sum())
    errors = np.sqrt(np.einsum("nii->ni", fits.covariance))
    pulls = (fits.parameters - truth) / errors
    assert np.abs(pulls.mean(axis=0)).max() < 0.2
    assert pulls.std(axis=0) == pytest.approx(1, abs=0.12)
    log_errors = [model.log_error(fits.parameters, fits.covariance, b) for b in range(model.n_bins)]
    pulls = np.log(fits.expected / model.expected(truth)) / np.stack(log_errors, axis=-1)
    assert pulls.std(axis=0) == pytest.approx(1, abs=0.12)


def test_relations_between_families():
    """UA2 with 2 parameters and dijet without (1 - x) are power laws; a line is Bernstein's first."""
    power, ua2 = build("power_law", 2)(EDGES), build("ua2", 2)(EDGES)
    np.testing.assert_allclose(
        ua2.expected(np.array([1.0, 4.0])), power.expected(np.array([1.0, 4.0])), rtol=1e-12
    )
    dijet = build("dijet", 3)(EDGES)
    np.testing.assert_allclose(
        dijet.expected(np.array([1.0, 0.0, 4.0])), power.expected(np.array([1.0, 4.0])), rtol=1e-12
    )
    line, first = build("interpolation")(EDGES), build("bernstein", 2)(EDGES)
    np.testing.assert_allclose(line.expected(np.array([1.0, 2.0])), first.expected(np.array([1.0, 2.0])))
    assert not has_orders("interpolation")
    assert has_orders("ua2")


def test_settings_of_a_family_are_those_that_it_has():
    assert settings_of("dijet", 4, 8000.0) == {"n_parameters": 4, "sqrt_s": 8000.0}
    assert settings_of("bernstein", 4, 8000.0) == {"n_parameters": 4}
    assert settings_of("interpolation", 4, 8000.0) == {}
    assert settings_of("gaussian_process", None, 8000.0, {"amplitude": 1})["amplitude"] == 1
    with pytest.raises(ConfigError, match=r"hunt.background: unknown stats method 'bernstien'. Did you mean"):
        settings_of("bernstien")


@pytest.mark.parametrize(
    "name", ["dijet", "modified_dijet", "ua2", "exponential", "power_law", "gaussian_process"]
)
def test_masses_beyond_the_energy_are_refused(name):
    with pytest.raises(ConfigError, match=r"hunt.sqrt_s: .* 13000 GeV, the scan covers 2500-14000"):
        build(name, 3)(np.array([2500.0, 14_000.0]))


def test_a_line_interpolates_the_counts_of_the_side_bands():
    """Equal side bands of two bins around two: the background is the mean of the side bands."""
    inside, fitted = np.array([0, 0, 1, 1, 0, 0], bool), np.array([1, 1, 0, 0, 1, 1], bool)
    edges = np.arange(2000.0, 2601.0, 100.0)
    model = window_model(build("interpolation"), edges, inside, fitted, 0)
    counts = np.array([[60.0, 50.0, 0, 0, 30.0, 20.0], [110.0, 90.0, 0, 0, 60.0, 40.0]])
    fits = poisson.fit(model.sidebands, model.arrange(counts, counts)[:, :-1])
    np.testing.assert_allclose(model.model.expected(fits.parameters)[:, -1], [80.0, 150.0], rtol=1e-7)
    # In the module: above an exponential by (w / l)^2 / 6.
    edges = np.linspace(1000, 2000, 101)
    inside = np.abs(edges[:-1] + 5 - 1500) < 10
    model = window_model(build("interpolation"), edges, inside, ~inside, 0)
    shape = -np.diff(np.exp(-edges / 2000.0)) * 1e6
    fits = poisson.fit(model.sidebands, model.arrange(shape, shape)[:-1])
    excess = model.model.expected(fits.parameters)[-1] / shape[inside].sum() - 1
    assert excess == pytest.approx((500 / 2000) ** 2 / 6, rel=0.05)


def test_on_its_range_a_polynomial_knows_nothing_of_the_rest_of_the_scan():
    used = (EDGES[:-1] >= 3000) & (EDGES[:-1] < 4000)
    part = on_range(build("bernstein", 3), EDGES, used)
    alone = build("bernstein", 3)(np.arange(3000.0, 4001.0, 100.0))
    parameters = np.array([2.0, 1.0, -1.0])
    np.testing.assert_allclose(part.expected(parameters)[used], alone.expected(parameters), rtol=1e-12)
    assert not part.expected(parameters)[~used].any()
    # A function of absolute parameters is the same on any range.
    whole = build("dijet", 3)(EDGES).expected(np.array([-1.0, 9.0, 4.0]))
    np.testing.assert_allclose(
        on_range(build("dijet", 3), EDGES, used).expected(np.array([-1.0, 9.0, 4.0]))[used], whole[used]
    )


def test_equal_nodes_add_up_to_the_same_spectrum():
    model = build("bernstein", 4)(EDGES)
    small = merged(model)
    assert len(small.nodes) == 4
    parameters = np.array([1.0, 0.3, -2.0, 0.5])
    np.testing.assert_allclose(small.expected(parameters), model.expected(parameters), rtol=1e-12)
    dijet = build("dijet", 3)(EDGES)
    assert merged(dijet) is dijet


@pytest.mark.parametrize("name", ["bernstein", "gaussian_process", "dijet"])
def test_a_ratio_multiplies_any_family_at_its_masses(name):
    """Selected events are failing events times exp(a + b ln(m / centre)), bin by bin by quadrature."""
    inside, fitted = np.arange(25) == 12, np.arange(25) != 12
    spectrum = build(name, 3)
    model = window_model(spectrum, EDGES, inside, fitted, 2)
    whole = spectrum(EDGES)
    background = np.linspace(0.5, -0.5, whole.n_parameters)
    ratio = np.array([-2.0, 1.5])
    got = model.selected.expected(np.append(background, ratio))
    at_nodes = np.exp(ratio[0] + ratio[1] * np.log(whole.masses / np.sqrt(EDGES[0] * EDGES[-1])))
    wanted = whole.weights @ (np.exp(whole.nodes @ background) * at_nodes)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    if whole.penalty is not None:
        # The prior of the process stays, the ratio has none.
        np.testing.assert_array_equal(model.model.penalty, np.pad(whole.penalty, (0, 2)))
        np.testing.assert_array_equal(model.sidebands.penalty, model.model.penalty)


def falling(n_events):
    """A spectrum of no family here: two exponentials."""
    centre = (EDGES[:-1] + EDGES[1:]) / 2
    shape = np.exp(-centre / 350) + 0.02 * np.exp(-centre / 900)
    return n_events * shape / shape.sum()


def test_a_gaussian_process_describes_a_smooth_curve_and_its_error_covers():
    model = build("gaussian_process", 2)(EDGES)
    assert np.linalg.matrix_rank(model.penalty) == model.n_parameters - 2
    # Expectations without fluctuations: nothing but the prior keeps the process from the curve.
    asimov = poisson.fit(model, falling(1e6))
    np.testing.assert_allclose(asimov.expected, falling(1e6), rtol=0.02)
    assert poisson.deviance(falling(1e6), asimov.expected) < 2
    # Its mean alone does not.
    assert poisson.fit(build("power_law", 2)(EDGES), falling(1e6)).deviance > 300
    counts = np.random.default_rng(3).poisson(falling(1e5), (400, len(EDGES) - 1))
    fits = poisson.fit(model, counts)
    error = np.stack(
        [model.log_error(fits.parameters, fits.covariance, b) for b in range(model.n_bins)], axis=-1
    )
    pulls = np.log(fits.expected / falling(1e5)) / error
    assert fits.converged.all()
    assert (np.abs(pulls) < 1).mean() == pytest.approx(0.683, abs=0.06)
    assert (np.abs(pulls) < 2).mean() > 0.93


def test_a_gaussian_process_does_not_eat_a_narrow_bump():
    """A peak of 5 standard deviations, 2 % wide, at 3.5 TeV, against dijet functions."""
    peak = np.diff(norm.cdf(EDGES, 3500, 0.02 * 3500))
    near = peak > 0.1 * peak.max()
    size = 5 * np.sqrt(falling(1e5)[near].sum())
    counts = falling(1e5) + size * peak

    def left(model):
        return (counts - poisson.fit(model(EDGES), counts).expected)[near].sum() / (size * peak[near].sum())

    default = build("gaussian_process", 3)
    assert left(build("dijet", 5)) < left(default) < left(build("dijet", 4))
    assert left(default) == pytest.approx(0.505, abs=0.01)
    # Fitted together with a signal it gives the signal back, and takes little of its significance.
    both = poisson.fit(default(EDGES), counts, template=peak)
    assert both.signal == pytest.approx(size, rel=0.02)
    significance = both.signal / np.sqrt(both.covariance[-1, -1])
    parametric = poisson.fit(build("dijet", 4)(EDGES), counts, template=peak)
    assert significance == pytest.approx(parametric.signal / np.sqrt(parametric.covariance[-1, -1]), rel=0.08)
    # A length of the kernel that is that of the peak does eat it.
    assert left(build("gaussian_process", 3, length_slope=0.04)) < 0.05


def test_the_prior_of_the_process_is_its_kernel():
    """Covariance of ln f between masses from the eigenfunctions, against the formula of Gibbs.

    With a constant mean only differences of ln f have a prior: covariances of g(m) - g(m0).
    """
    edges = np.linspace(2000.0, 5000.0, 301)
    model = build("gaussian_process", 1, amplitude=0.4, length_slope=0.2, length_offset=50.0)(edges)
    np.testing.assert_array_equal(np.diag(model.penalty), [0.0] + [1.0] * (model.n_parameters - 1))
    rows = np.array([20, 400, 700, 1150])
    functions, mass = model.nodes[rows, 1:], model.masses[rows]
    length = 0.2 * mass + 50
    squares = length[:, None] ** 2 + length[None, :] ** 2
    distance = mass[:, None] - mass[None, :]
    kernel = 0.16 * np.sqrt(2 * np.outer(length, length) / squares) * np.exp(-(distance**2) / squares)
    difference = np.array([[-1, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
    got = (difference @ functions) @ (difference @ functions).T
    np.testing.assert_allclose(got, difference @ kernel @ difference.T, atol=3e-4 * 0.16)


def test_the_process_does_not_depend_on_the_binning():
    fine, coarse = build("gaussian_process", 3)(EDGES), build("gaussian_process", 3)(EDGES[::5])
    parameters = np.linspace(0.5, -0.8, fine.n_parameters)
    assert coarse.n_parameters == fine.n_parameters
    np.testing.assert_allclose(
        fine.expected(parameters).reshape(5, 5).sum(axis=1), coarse.expected(parameters), rtol=1e-5
    )


def test_quadrature_masses_follow_the_bins():
    model = integrate(lambda mass: np.ones((len(mass), 1)), EDGES)
    assert (
        (model.masses.reshape(25, 4) > EDGES[:-1, None]) & (model.masses.reshape(25, 4) < EDGES[1:, None])
    ).all()
    np.testing.assert_allclose(model.weights @ model.masses, (EDGES[1:] ** 2 - EDGES[:-1] ** 2) / 2)
    half = model.regrouped(np.eye(25)[:10])
    assert len(half.masses) == len(half.nodes) == 40
