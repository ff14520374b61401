"""Samples that share events, and nuisance parameters of variations, against closed forms and pyhf."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest
from scipy.stats import kstest

from resonaut.stats import interpolation
from resonaut.stats.likelihood import Likelihood
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.nuisances import UncertainSignal, Uncertainties
from resonaut.stats.paired import Binned, change
from resonaut.stats.signal_fits import fit_signal
from resonaut.stats.signals import Change, Signal


def sample(event, place, weight=None):
    event = np.asarray(event)
    return Binned(event, np.ones(len(event)) if weight is None else weight, np.asarray(place))


def test_what_does_not_change_is_known_exactly():
    place = np.random.default_rng(1).integers(0, 6, 500)
    found = change(sample(np.arange(500), place), sample(np.arange(500), place), 5)
    assert found.ratio == 1
    assert found.log_error == pytest.approx(0, abs=1e-7)
    assert abs(found.covariance).max() < 1e-15
    assert found.p_value == 1


def test_a_part_that_is_lost_has_the_error_of_the_lost_events():
    n, lost = 1000, 40
    nominal = sample(np.arange(n), np.zeros(n, int))
    found = change(nominal, sample(np.arange(lost, n), np.zeros(n - lost, int)), 1)
    assert found.ratio == pytest.approx(0.96)
    assert found.log_error == pytest.approx(np.sqrt(lost / (n * (n - lost))))
    other = change(nominal, sample(np.arange(n, 2 * n - lost), np.zeros(n - lost, int)), 1)
    assert other.log_error == pytest.approx(np.sqrt(1 / n + 1 / (n - lost)))


def test_the_covariance_is_that_of_a_bootstrap_of_the_events():
    rng = np.random.default_rng(2)
    n, n_bins = 2000, 4
    before = rng.integers(0, n_bins + 1, n)
    after = np.where(rng.random(n) < 0.2, np.minimum(before + 1, n_bins), before)
    weight = rng.uniform(0.5, 1.5, n)
    kept = rng.random(n) < 0.9
    event = np.arange(n)
    found = change(sample(event, before, weight), sample(event[kept], after[kept], weight[kept]), n_bins)
    replicas = []
    for _ in range(3000):
        times = weight * rng.poisson(1, n)
        shares = [
            np.bincount(place[chosen], times[chosen], n_bins + 1)[:n_bins] / times[chosen].sum()
            for place, chosen in ((before, np.ones(n, bool)), (after, kept))
        ]
        replicas.append([np.log(times[kept].sum() / times.sum()), *(shares[1] - shares[0])])
    spread = np.cov(np.array(replicas).T)
    assert found.log_error == pytest.approx(np.sqrt(spread[0, 0]), rel=0.05)
    size = np.sqrt(np.outer(np.diag(spread)[1:], np.diag(spread)[1:]))
    np.testing.assert_allclose(found.covariance / size, spread[1:, 1:] / size, atol=0.06)


def test_p_values_are_uniform_without_a_change_and_small_with_one():
    rng = np.random.default_rng(3)
    edges = np.linspace(-3, 3, 13)

    def drawn(first, shift=0.0):
        mass = rng.normal(shift, 1, 300)
        place = np.searchsorted(edges, mass, side="right") - 1
        return sample(first + np.arange(300), np.where(place < 0, 12, place))

    values = [change(drawn(0), drawn(300), 12).p_value for _ in range(300)]
    assert kstest(values, "uniform").pvalue > 0.01
    assert np.mean([change(drawn(0), drawn(300, 0.5), 12).p_value < 0.05 for _ in range(50)]) > 0.9
    # The same events, all moved by a tenth of their width: hidden in independent samples, plain in these.
    mass = rng.normal(0, 1, 300)
    before, after = (np.searchsorted(edges, mass + shift, side="right") - 1 for shift in (0, 0.1))
    event = np.arange(300)
    assert change(sample(event, before), sample(event, after), 12).p_value < 1e-3
    assert change(sample(event[:9], before[:9]), sample(event[:9], after[:9]), 12).p_value == 1, "too few"


@pytest.mark.parametrize(("high", "low"), [(1.1, 1 / 1.1), (1.3, 0.6), (0.9, 0.8), (10, 0.1), (3, 2)])
def test_the_rate_is_interpolated_as_in_pyhf(high, low):
    x = np.array([-2.5, -1, -0.7, -0.2, 0, 0.4, 1, 1.8])
    values, slopes = interpolation.factor(x, high, low)
    pyhf.set_backend("numpy")
    wanted = pyhf.interpolators.code4([[[[low], [1.0], [high]]]])(np.array([x]))
    np.testing.assert_allclose(values, np.asarray(wanted).ravel(), rtol=1e-12)
    ahead, behind = (interpolation.factor(x + step, high, low)[0] for step in (1e-6, -1e-6))
    np.testing.assert_allclose(slopes, (ahead - behind) / 2e-6, rtol=1e-6)
    geometric = interpolation.factor(x, 1.2, 1 / 1.2)[0]
    np.testing.assert_allclose(geometric[[0, 1, 6, 7]], 1.2 ** x[[0, 1, 6, 7]], rtol=1e-12)


def uncertain():
    """A signal with everything that it can have."""
    rng = np.random.default_rng(0)
    nominal, up, down, *shapes = rng.uniform(0.1, 0.3, (7, 4))
    changes = (
        Change("jes", 1.2, 0.9, shapes[0], shapes[1]),
        Change("tracks", 0.95, 1.1),
        Change("pile_up", 1.0, 1.0, shapes[2], shapes[3]),
    )
    signal = Signal(nominal, up, down, 0.05 * nominal, changes)
    return signal, UncertainSignal(signal, Uncertainties(0.02, 0.1, 3.0, True))


def test_derivatives_are_those_of_the_expectation():
    _, part = uncertain()
    names = ["luminosity", "acceptance", "energy_scale", "spurious_signal", "jes", "tracks", "pile_up"]
    assert list(part.names) == [*names, *(f"statistics_{b}" for b in range(4))]
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.uniform(5, 20, (3, 1)), rng.normal(0, 0.9, (3, part.n_nuisances))], axis=1)
    jacobian = part.jacobian(values)
    for column in range(values.shape[1]):
        step = np.zeros(values.shape[1])
        step[column] = 1e-6
        wanted = (part.expected(values + step) - part.expected(values - step)) / 2e-6
        np.testing.assert_allclose(jacobian[..., column], wanted, rtol=1e-6, atol=1e-7)


def test_the_expectation_is_that_of_a_workspace_written_by_hand():
    signal, _ = uncertain()
    part = UncertainSignal(signal, Uncertainties(acceptance=0.1))
    shift = [
        ("energy_scale", signal.up, signal.down),
        *((one.name, one.up, one.down) for one in signal.changes if one.up is not None),
    ]
    modifiers = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "acceptance", "type": "normsys", "data": {"hi": 1.1, "lo": 1 / 1.1}},
        {"name": "jes", "type": "normsys", "data": {"hi": 1.2, "lo": 0.9}},
        {"name": "tracks", "type": "normsys", "data": {"hi": 0.95, "lo": 1.1}},
        *(
            {"name": name, "type": "histosys", "data": {"hi_data": list(up), "lo_data": list(down)}}
            for name, up, down in shift
        ),
    ]
    samples = [
        {"name": "signal", "data": list(signal.nominal), "modifiers": modifiers},
        {"name": "background", "data": [50.0] * 4, "modifiers": []},
    ]
    pyhf.set_backend("numpy")
    model = pyhf.Model({"channels": [{"name": "c", "samples": samples}]}, poi_name="mu")
    at = {"mu": 7.0, "acceptance": 0.4, "jes": -0.8, "tracks": 1.3, "pile_up": 0.5, "energy_scale": -1.6}
    pars = [at[name] for name in model.config.par_order]
    wanted = np.asarray(model.expected_actualdata(pars)) - 50
    values = np.array([[at["mu"], *(at[name] for name in part.names)]])
    np.testing.assert_allclose(part.expected(values)[0], wanted, rtol=1e-10)


def test_a_peak_that_may_move_further_than_its_width_is_fitted_in_its_deepest_minimum():
    """Two fluctuations, at the places of the peak one standard deviation up and down."""
    edges = np.linspace(3000, 4000, 41)
    centre = (edges[1:] + edges[:-1]) / 2
    peak = {shift: np.exp(-0.5 * ((centre - 3500 - shift) / 40) ** 2) for shift in (-150, 0, 150)}
    down, nominal, up = (shape / shape.sum() for shape in peak.values())
    signal = Signal(nominal, changes=(Change("jes", 1.0, 1.0, up, down),))
    nodes = np.stack([np.ones(40), np.log(centre / 3500)], axis=1)
    model = LogLinear(nodes, np.eye(40))
    counts = np.round(100 * (centre / 3500) ** -4 + 60 * up + 45 * down)[None]
    found = Likelihood(model, counts, signal)
    rows = np.zeros(1, int)
    for strength in (20.0, 60.0, 120.0):
        own = found.deviance(np.array([strength]), rows)[0]
        scan = [
            fit_signal(
                model,
                found.part,
                found.data,
                signal=np.array([strength]),
                fixed_nuisance=(0, np.array([alpha])),
            ).deviance[0]
            for alpha in np.linspace(-2.5, 2.5, 51)
        ]
        assert own <= np.nanmin(scan) + 1e-4
    assert found.free.nuisances[0, 0] == pytest.approx(1, abs=0.2)
