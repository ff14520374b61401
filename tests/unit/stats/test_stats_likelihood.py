"""The exact profile likelihood of a template: closed forms, Minuit, pyhf, and four known pitfalls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats import poisson
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.nuisances import UncertainSignal
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signals import Signal, gaussian, window

EDGES = np.arange(2500.0, 6001.0, 100.0)
IN_WINDOW = window(np.array([False, True]))
EVERYTHING = Uncertainties(luminosity=0.02, acceptance=0.15, spurious=6.0, statistics=True)


def on_off(tau):
    """A side band tau times as large as the signal region, with one common density."""
    return LogLinear(np.ones((2, 1)), np.diag([tau, 1.0]))


def li_ma(n_on, n_off, tau):
    """Li and Ma, doi:10.1086/161295, eq. 17 with alpha = 1 / tau."""
    alpha = 1 / tau
    on = n_on * np.log((1 + alpha) / alpha * n_on / (n_on + n_off))
    off = n_off * np.log((1 + alpha) * n_off / (n_on + n_off))
    return np.sqrt(2 * (on + off))


def spectrum(n_parameters=3):
    return registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)


def truth(events=3000):
    shape = spectrum().expected(np.array([0.0, 12.0, 1.0]))
    return events * shape / shape.sum()


def uncertain_peak(scale=0.01):
    peak = gaussian(EDGES, 3520.0, 120.0, scale)
    return Signal(peak.nominal, peak.up, peak.down, 0.05 * peak.nominal)


@pytest.mark.parametrize(("n_on", "n_off", "tau"), [(140, 100, 1.2), (178, 300, 2.0), (12, 40, 10.0)])
def test_on_off_significance_is_that_of_li_and_ma(n_on, n_off, tau):
    likelihood = Likelihood(on_off(tau), np.array([n_off, n_on]), IN_WINDOW)
    found = likelihood.discovery()
    assert found.z_local == pytest.approx(li_ma(n_on, n_off, tau), rel=1e-6)
    assert found.signal == pytest.approx(n_on - n_off / tau, rel=1e-7)
    assert found.signal_error == pytest.approx(np.sqrt(n_on + n_off / tau**2), rel=1e-6)
    assert found.background == pytest.approx(n_off / tau, rel=1e-7)
    assert found.log_error == pytest.approx(1 / np.sqrt(n_off), rel=1e-6)


def test_a_merged_bin_without_nuisances_is_the_counting_likelihood():
    counts = np.array([[[300, 20], [300, 0]], [[300, 55], [12, 3]]])
    general = Likelihood(on_off(10.0), counts, IN_WINDOW)
    counting = ProfileLikelihood(on_off(10.0), counts)
    one, two = general.discovery(), counting.discovery()
    for name in ("q0", "z_signed", "background", "log_error", "signal"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-5, atol=1e-6)
    limits, wanted = upper_limits(general), upper_limits(counting)
    np.testing.assert_allclose(limits.observed, wanted.observed, rtol=1e-5)
    np.testing.assert_allclose(limits.expected, wanted.expected, rtol=1e-5)


def test_derivatives_of_the_signal():
    part = UncertainSignal(uncertain_peak(), EVERYTHING)
    values = np.random.default_rng(0).normal(size=(3, 1 + part.n_nuisances)) * 0.7
    values[:, 0] = [-20, 5, 90]
    steps = 1e-6 * np.eye(values.shape[1])
    numeric = [(part.expected(values + step) - part.expected(values - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(part.jacobian(values), np.stack(numeric, axis=-1), atol=1e-7)


def minuit_minimum(likelihood, fits, fixed_signal=None):
    """Deviance and parameters by Minuit, in units of the errors and from elsewhere."""
    from iminuit import Minuit

    n, part, data = likelihood.model.n_parameters, likelihood.part, likelihood.data
    keep = np.arange(n + 1 + part.n_nuisances)
    if fixed_signal is not None:
        keep = np.delete(keep, n)
    axes = np.linalg.cholesky(fits.covariance[0][np.ix_(keep, keep)])

    def expected(values):
        return likelihood.model.expected(values[:n]) + part.expected(values[None, n:])[0]

    def values_at(step):
        values = fits.values[0].copy()
        values[keep] += axes @ (step - 0.2)
        return values

    def objective(step):
        values = values_at(step)
        distance = values[n + 1 :] - data.auxiliary[0]
        return poisson.deviance(data.counts[0], expected(values)) + distance @ distance

    def gradient(step):
        values = values_at(step)
        jacobian = np.concatenate(
            [likelihood.model.jacobian(values[:n]), part.jacobian(values[None, n:])[0]], axis=1
        )
        score = jacobian.T @ (1 - data.counts[0] / expected(values))
        score[n + 1 :] += values[n + 1 :] - data.auxiliary[0]
        return 2 * axes.T @ score[keep]

    minuit = Minuit(objective, np.zeros(len(keep)), grad=gradient)
    minuit.errordef, minuit.tol, minuit.strategy = 1.0, 1e-12, 2
    minuit.migrad(iterate=10)
    minuit.migrad()
    return minuit.fval, np.array(minuit.values) - 0.2


@pytest.mark.parametrize("signal", [None, 0.0, 60.0])
def test_minuit_finds_the_same_minimum_with_all_nuisances(signal):
    rng = np.random.default_rng(3)
    part = UncertainSignal(uncertain_peak(), EVERYTHING)
    counts = rng.poisson(truth() + 70 * part.nominal)
    auxiliary = 0.5 * rng.standard_normal(part.n_nuisances)
    likelihood = Likelihood(spectrum(), counts, uncertain_peak(), EVERYTHING, auxiliary)
    assert {"luminosity", "acceptance", "energy_scale", "spurious_signal"} < set(likelihood.names)
    fits = likelihood.free
    if signal is not None:
        fits = likelihood.fit(likelihood.data, signal=np.array([signal]))
    assert fits.converged.all()
    lowest, off = minuit_minimum(likelihood, fits, signal)
    assert fits.deviance[0] == pytest.approx(lowest, abs=1e-6)
    np.testing.assert_allclose(off, 0, atol=2e-6)


def test_a_luminosity_and_a_spurious_signal_have_closed_forms():
    """Pulls, impacts and correlations of an on-off problem whose data say nothing about the nuisances."""
    n_off, n_on, tau, spurious, luminosity = 4000.0, 520.0, 10.0, 9.0, 0.1
    likelihood = Likelihood(
        on_off(tau), np.array([n_off, n_on]), IN_WINDOW, Uncertainties(luminosity, spurious=spurious)
    )
    signal = n_on - n_off / tau
    assert likelihood.names == ("luminosity", "spurious_signal")
    assert likelihood.excess == pytest.approx(signal, rel=1e-6)
    pulls, impacts = likelihood.pulls(), likelihood.impacts()
    np.testing.assert_allclose(pulls.values, 0, atol=1e-6)
    np.testing.assert_allclose(pulls.errors, 1, rtol=1e-6)
    np.testing.assert_allclose(impacts.up, [signal * (1 / 1.1 - 1), -spurious], rtol=1e-5)
    np.testing.assert_allclose(impacts.down, [signal * (1.1 - 1), spurious], rtol=1e-5)
    statistical = n_on + n_off / tau**2
    by_luminosity = (signal * np.log1p(luminosity)) ** 2
    error = np.sqrt(statistical + spurious**2 + by_luminosity)
    assert likelihood.signal_error == pytest.approx(error, rel=1e-6)
    wanted = [1, -np.sqrt(by_luminosity) / error, -spurious / error]
    np.testing.assert_allclose(likelihood.correlation()[0], wanted, rtol=1e-5)


def test_impacts_go_by_errors_after_the_fit():
    """Many signal events measure the energy scale; then an impact is correlation times error."""
    peak = gaussian(EDGES, 3500.0, 120.0, 0.01)
    counts = truth(1e6) + 30_000 * peak.nominal
    likelihood = Likelihood(spectrum(), counts, peak)
    pulls, impacts = likelihood.pulls(), likelihood.impacts()
    assert pulls.errors[0] < 0.2
    wanted = likelihood.correlation()[0, 1] * likelihood.signal_error
    assert abs(wanted) > 1
    assert (impacts.up[0] - impacts.down[0]) / 2 == pytest.approx(wanted, rel=0.02)


def test_a_spurious_signal_widens_q0_as_a_known_error_does():
    """Large counts: z = s / sqrt(b + sigma_spurious^2)."""
    background, spurious, excess = 1e6, 1500.0, 4000.0
    counts = np.array([1e6 * background, background + excess])
    found = Likelihood(on_off(1e6), counts, IN_WINDOW, Uncertainties(spurious=spurious)).discovery()
    assert found.z_local == pytest.approx(excess / np.hypot(np.sqrt(background), spurious), rel=3e-3)


def pyhf_numbers(samples, observed, auxiliary_limit):
    """q0, observed and expected CLs limit of a workspace by pyhf with Minuit."""
    import pyhf

    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    workspace = pyhf.Workspace(
        {
            "channels": [{"name": "c", "samples": samples}],
            "observations": [{"name": "c", "data": list(observed)}],
            "measurements": [
                {
                    "name": "m",
                    "config": {
                        "poi": "mu",
                        "parameters": [{"name": "mu", "inits": [1.0], "bounds": [[0.0, 1000.0]]}],
                    },
                }
            ],
            "version": "1.0.0",
        }
    )
    model = workspace.model()
    data = workspace.data(model)
    start = (model.config.suggested_init(), model.config.suggested_bounds(), model.config.suggested_fixed())
    q0 = float(pyhf.infer.test_statistics.q0(0.0, data, model, *start))

    def above(signal):
        return np.log(float(pyhf.infer.hypotest(signal, data, model, test_stat="qtilde")) / 0.05)

    return q0, brentq(above, auxiliary_limit / 1.3, auxiliary_limit * 1.3, rtol=1e-5)


def test_pyhf_agrees_with_normsys_histosys_and_staterror():
    shape = np.array([60.0, 50.0, 40.0, 33.0, 28.0])
    nominal, up, down = (
        np.array(values)
        for values in (
            [0.05, 0.3, 0.4, 0.2, 0.05],
            [0.02, 0.25, 0.42, 0.24, 0.07],
            [0.08, 0.36, 0.37, 0.16, 0.03],
        )
    )
    error = 0.12 * nominal
    observed = np.array([58, 62, 59, 36, 30])
    model = LogLinear(np.ones((5, 1)), np.diag(shape))
    uncertainties = Uncertainties(luminosity=0.03, acceptance=0.2, spurious=5.0, statistics=True)
    likelihood = Likelihood(model, observed, Signal(nominal, up, down, error), uncertainties)
    limits = upper_limits(likelihood)

    def both(name, relative):
        return {"name": name, "type": "normsys", "data": {"hi": 1 + relative, "lo": 1 / (1 + relative)}}

    samples = [
        {
            "name": "signal",
            "data": list(nominal),
            "modifiers": [
                {"name": "mu", "type": "normfactor", "data": None},
                both("luminosity", 0.03),
                both("acceptance", 0.2),
                {"name": "scale", "type": "histosys", "data": {"hi_data": list(up), "lo_data": list(down)}},
                {"name": "staterror_c", "type": "staterror", "data": list(error)},
            ],
        },
        {
            "name": "spurious",
            "data": [0.0] * 5,
            "modifiers": [
                {
                    "name": "spurious",
                    "type": "histosys",
                    "data": {"hi_data": list(5 * nominal), "lo_data": list(-5 * nominal)},
                }
            ],
        },
        {
            "name": "background",
            "data": list(shape),
            "modifiers": [{"name": "norm", "type": "normfactor", "data": None}],
        },
    ]
    q0, limit = pyhf_numbers(samples, observed, float(limits.observed))
    assert likelihood.discovery().q0 == pytest.approx(q0, rel=1e-3)
    assert limits.observed == pytest.approx(limit, rel=1e-3)


def test_pyhf_agrees_with_shapesys():
    """Each bin of the background has an auxiliary count of its own: two more bins of our model."""
    background, relative = np.array([50.0, 20.0]), np.array([0.1, 0.2])
    nominal, observed = np.array([0.4, 0.6]), np.array([58, 29])
    tau = 1 / relative**2
    model = LogLinear(np.eye(2), np.vstack([np.diag(background), np.diag(tau)]))
    signal = Signal(np.append(nominal, [0, 0]))
    likelihood = Likelihood(model, np.concatenate([observed, tau]), signal)
    limits = upper_limits(likelihood)
    samples = [
        {
            "name": "signal",
            "data": list(nominal),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {
            "name": "background",
            "data": list(background),
            "modifiers": [{"name": "fit", "type": "shapesys", "data": list(background * relative)}],
        },
    ]
    q0, limit = pyhf_numbers(samples, observed, float(limits.observed))
    assert likelihood.discovery().q0 == pytest.approx(q0, rel=1e-3)
    assert limits.observed == pytest.approx(limit, rel=1e-3)


def test_pitfall_nothing_bounds_the_signal():
    """pyhf's default bounds (0, 10) cut q0 without a word."""
    found = Likelihood(on_off(2.0), np.array([200, 5000]), IN_WINDOW).discovery()
    assert found.signal == pytest.approx(4900, rel=1e-8)
    assert found.z_local == pytest.approx(li_ma(5000, 200, 2.0), rel=1e-8)
    assert upper_limits(Likelihood(on_off(2.0), np.array([200, 5000]), IN_WINDOW)).observed > 5000
    # A narrow template of small fraction: s is much larger than the counts.
    tiny = Likelihood(on_off(2.0), np.array([200, 150]), Signal(np.array([0.0, 0.002])))
    assert tiny.excess == pytest.approx(25_000, rel=1e-7)


def test_pitfall_single_precision_is_not_used():
    counts = np.array([10_000_000, 1_000_900], np.float32)
    found = Likelihood(on_off(10.0), counts, IN_WINDOW).discovery()
    assert found.q0.dtype == np.float64
    # z = 0.86 in deviances of 1e8: single precision would leave nothing of it.
    assert found.z_local == pytest.approx(900 / np.sqrt(1.1e6), rel=1e-3)


def test_pitfall_a_bin_without_background():
    """No exception: where something is seen there the experiment has no result, others have theirs."""
    model = LogLinear(np.ones((1, 1)), np.array([[10.0], [1.0], [0.0]]))
    signal = Signal(np.array([0.0, 0.7, 0.3]))
    counts = np.array([[100, 14, 0], [100, 14, 2], [100, 30, 0]])
    likelihood = Likelihood(model, counts, signal)
    assert likelihood.converged.tolist() == [True, False, True]
    found = likelihood.discovery()
    assert np.isnan(found.p_value[1])
    assert np.isfinite(found.q0[[0, 2]]).all()
    assert found.z_local[2] > 3
    assert np.isfinite(upper_limits(likelihood).observed).tolist() == [True, False, True]


def test_pitfall_half_of_the_null_toys_have_q0_of_exactly_zero():
    counts = np.random.default_rng(5).poisson(truth(), (1500, 35))
    found = Likelihood(spectrum(), counts, gaussian(EDGES, 3520.0, 120.0)).discovery()
    assert (found.q0 == 0).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1500))
    assert (found.p_value == 0.5).sum() == (found.q0 == 0).sum()
    assert found.z_signed.std() == pytest.approx(1, abs=4 / np.sqrt(3000))
    assert (found.z_local > 1).mean() == pytest.approx(0.1587, abs=4 * 0.366 / np.sqrt(1500))


def test_a_batch_is_what_single_experiments_are():
    counts = np.random.default_rng(2).poisson(truth(500), (2, 2, 35))
    together = Likelihood(spectrum(), counts, uncertain_peak(), EVERYTHING)
    alone = Likelihood(spectrum(), counts[1, 0], uncertain_peak(), EVERYTHING)
    assert together.discovery().z_signed.shape == (2, 2)
    assert together.discovery().z_signed[1, 0] == pytest.approx(alone.discovery().z_signed, abs=1e-5)
    assert together.take(np.array([2])).excess[0] == pytest.approx(alone.excess, rel=1e-5)
    np.testing.assert_allclose(together.pulls().errors[1, 0], alone.pulls().errors, rtol=1e-4)
    assert together.correlation().shape == (2, 2, 1 + len(together.names), 1 + len(together.names))
    np.testing.assert_allclose(together.impacts().up[1, 0], alone.impacts().up, atol=1e-3)


def test_observed_is_expected_where_the_data_are_as_expected():
    likelihood = Likelihood(spectrum(), truth(), uncertain_peak(), EVERYTHING)
    assert likelihood.discovery().q0 == pytest.approx(0, abs=1e-6)
    limits = upper_limits(likelihood)
    assert limits.observed == pytest.approx(limits.expected[2], rel=1e-5)
    assert (np.diff(limits.expected) > 0).all()


def test_a_prior_on_the_background_asks_for_its_own_centre():
    """Asimov data of a penalised background are fitted without tension: q is 0 at no signal."""
    penalised = LogLinear(spectrum().nodes, spectrum().weights, 0.5 * np.eye(3))
    likelihood = Likelihood(penalised, truth(), gaussian(EDGES, 3520.0, 120.0))
    row = np.array([0])
    assert likelihood.q_asimov(np.zeros(1), row)[0] == pytest.approx(0, abs=1e-8)
    free = Likelihood(spectrum(), truth(), gaussian(EDGES, 3520.0, 120.0))
    signal = np.array([60.0])
    assert likelihood.q_asimov(signal, row) >= free.q_asimov(signal, row)


def test_impossible_uncertainties_are_refused():
    with pytest.raises(ConfigError, match=r"'acceptance': a number >= 0 is expected, got -0\.1"):
        Uncertainties(acceptance=-0.1)
