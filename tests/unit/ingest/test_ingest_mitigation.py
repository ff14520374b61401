"""Against pile-up: SoftKiller and PUPPI against their formulas, and what a format must have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from resonaut import ragged
from resonaut.errors import MissingBranchError
from resonaut.ingest import mitigation_puppi
from resonaut.ingest.batch import Ragged
from resonaut.ingest.mitigation import mitigated, vertices
from resonaut.ingest.mitigation_puppi import LEADING, NEUTRAL, OTHER
from resonaut.ingest.mitigation_softkiller import thresholds
from resonaut.settings import validate
from resonaut.variations.pileup import Puppi, Settings

SIDE = np.pi / 8


def _settings(**values) -> Settings:
    return validate(Settings, {"mean": 60, "minimum_bias": "minbias", **values})


def _particles(pt, eta, phi, charge=None, dz=None) -> Ragged:
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros(len(pt))}
    columns = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    if charge is not None:
        columns["charge"] = np.asarray(charge)
    if dz is not None:
        columns["dz"] = np.asarray(dz, np.float64)
    return Ragged(columns, np.array([0, len(pt)]))


def _lattice() -> tuple[np.ndarray, np.ndarray]:
    """Centres of the 16 x 16 patches of side pi / 8 that cover phi and |eta| < pi."""
    centres = (np.arange(16) + 0.5) * SIDE - np.pi
    eta, phi = np.meshgrid(centres, centres, indexing="ij")
    return eta.ravel(), phi.ravel()


def test_the_cut_of_softkiller_is_the_median_over_patches():
    eta, phi = _lattice()
    pt = np.random.default_rng(1).permutation(np.arange(256) + 1.0)
    found = thresholds(pt, eta, phi, np.array([0, 256]), SIDE, np.pi)
    assert found == [128.5]
    # Softer particles in the same patches, and harder ones beyond the patches, change nothing.
    more = np.concatenate([pt, pt / 2, [1e3, 1e3]])
    eta, phi = np.concatenate([eta, eta, [3.2, -3.2]]), np.concatenate([phi, phi, [0, 0]])
    assert thresholds(more, eta, phi, np.array([0, 514]), SIDE, np.pi) == [128.5]


def test_a_patch_without_particles_counts_as_zero():
    eta, phi = _lattice()
    pt = np.arange(256) + 1.0
    # n of 256 are filled: 256 - n zeros, and the numbers from 1 to n.
    for n, expected in ((127, 0.0), (128, 0.5), (129, 1.5), (200, 72.5)):
        found = thresholds(pt[:n], eta[:n], phi[:n], np.array([0, n]), SIDE, np.pi)
        assert found == [expected]


def test_softkiller_leaves_half_of_the_patches_empty():
    eta, phi = _lattice()
    pt = np.random.default_rng(2).permutation(np.arange(256) + 1.0)
    setting = _settings(mitigation="softkiller", softkiller={"cell": SIDE, "eta_max": np.pi})
    kept = mitigated(_particles(pt, eta, phi), np.zeros(256, bool), np.array([60]), setting, "a.root")
    assert sorted(kept.columns["pt"]) == list(np.arange(129, 257))
    assert kept.offsets.tolist() == [0, 128]


def test_softkiller_after_charged_subtraction_spares_the_leading_vertex():
    eta, phi = _lattice()
    pt = np.arange(256) + 1.0
    charge, dz = np.zeros(256), np.full(256, np.nan)
    charge[:20], dz[:10], dz[10:20] = 1, 0.5, -40.0
    setting = _settings(
        mitigation="softkiller", softkiller={"cell": SIDE, "eta_max": np.pi, "charged_subtraction": True}
    )
    kept = mitigated(_particles(pt, eta, phi, charge, dz), dz < -1, np.array([60]), setting, "a.root")
    cut = np.median(np.concatenate([np.zeros(20), pt[20:]]))
    assert kept.columns["pt"].tolist() == [*pt[:10], *pt[pt >= cut]]


def _event(rng, n_pileup=400, n_leading=60):
    """A jet of charged particles and as many soft ones around, in pile-up of which half is charged, and one
    neutral particle in the jet."""
    half = n_leading // 2
    eta = [rng.normal(0.5, 0.05, half), rng.uniform(-2.4, 2.4, half + n_pileup), [0.51]]
    phi = [rng.normal(1.0, 0.05, half), rng.uniform(-np.pi, np.pi, half + n_pileup), [1.01]]
    eta, phi = np.concatenate(eta), np.concatenate(phi)
    pt = [rng.exponential(10, half), rng.exponential(0.8, half + n_pileup), [20.0]]
    pt = np.concatenate(pt)
    charge = np.concatenate([np.ones(n_leading), np.arange(n_pileup) % 2, [0]])
    dz = np.where(charge == 0, np.nan, np.where(np.arange(len(pt)) < n_leading, 0.1, 50.0))
    return _particles(pt, eta, phi, charge, dz), np.arange(len(pt)) >= n_leading


def test_puppi_weights_of_tracks_are_one_and_zero_and_a_neutral_in_the_jet_keeps_its_energy():
    particles, from_pileup = _event(np.random.default_rng(3))
    from_pileup[-1] = False
    setting = _settings(mitigation="puppi")
    vertex = vertices(particles, from_pileup, setting, "a.root")
    weights = mitigation_puppi.weights(particles, vertex, np.array([60]), setting.puppi)
    charge = particles.columns["charge"]
    assert (weights[(charge != 0) & ~from_pileup] == 1).all()
    assert (weights[(charge != 0) & from_pileup] == 0).all()
    assert weights[-1] > 0.99
    neutral = (charge == 0) & from_pileup
    assert particles.columns["pt"][neutral] @ weights[neutral] < 0.1 * particles.columns["pt"][neutral].sum()
    kept = mitigated(particles, from_pileup, np.array([60]), setting, "a.root")
    assert len(kept.columns["pt"]) == (weights > 0).sum()
    assert kept.columns["pt"][-1] == pytest.approx(20 * weights[-1])


def _plain_alpha(columns, summed, puppi):
    """Equation 2.1, particle by particle."""
    found = []
    for row in range(len(columns["pt"])):
        dphi = np.abs(columns["phi"] - columns["phi"][row])
        distance = np.hypot(columns["eta"] - columns["eta"][row], np.minimum(dphi, 2 * np.pi - dphi))
        near = summed & (distance >= puppi.r_min) & (distance <= puppi.r_max)
        near[row] = False
        found.append((columns["pt"][near] / distance[near]).sum())
    with np.errstate(divide="ignore"):
        return np.log(found)


def test_alpha_and_its_spread_are_those_of_the_formula_in_every_event():
    rng, puppi = np.random.default_rng(4), Puppi()
    events = [_event(rng, n)[0] for n in (50, 0, 300)]
    offsets = ragged.offsets_of(np.array([len(event.columns["pt"]) for event in events]))
    columns = {
        name: np.concatenate([event.columns[name] for event in events])
        for name in ("pt", "eta", "phi", "charge", "dz")
    }
    leading, pileup = columns["dz"] < 1, columns["dz"] > 1
    shape = mitigation_puppi.shape(columns, offsets, leading, pileup, np.ones(len(pileup), bool), puppi)
    for event, (first, last) in enumerate(itertools.pairwise(offsets)):
        part = {name: values[first:last] for name, values in columns.items()}
        alpha = _plain_alpha(part, leading[first:last], puppi)
        np.testing.assert_allclose(shape.alpha[first:last], alpha, rtol=1e-12)
        values = alpha[pileup[first:last] & np.isfinite(alpha)]
        if event == 1:
            assert np.isnan(shape.median[event])
            continue
        median = np.median(values)
        below = values[values < median] - median
        assert shape.median[event] == pytest.approx(median)
        assert shape.spread[event] == pytest.approx(np.sqrt(np.mean(below**2)))
    # chi^2 = ((alpha - median) / spread)^2 above the median, one degree of freedom.
    event = ragged.row_of(offsets)
    weights = shape.weights(event)
    above = (shape.alpha > shape.median[event]) & np.isfinite(shape.alpha)
    sigmas = (shape.alpha - shape.median[event]) / shape.spread[event]
    np.testing.assert_allclose(weights[above], chi2.cdf(sigmas[above] ** 2, 1), atol=1e-12)
    assert (weights[event == 1] == 1).all()
    assert (weights[~above & (event != 1)] == 0).all()


def test_the_cut_on_neutral_particles_rises_with_the_number_of_interactions():
    particles, from_pileup = _event(np.random.default_rng(5))
    setting = _settings(mitigation="puppi", puppi={"neutral_pt_min": 0.5, "neutral_pt_slope": 0.02})
    vertex = vertices(particles, from_pileup, setting, "a.root")
    neutral = vertex == NEUTRAL
    for n_pu in (0, 50):
        weights = mitigation_puppi.weights(particles, vertex, np.array([n_pu]), setting.puppi)
        weighted = (weights * particles.columns["pt"])[neutral & (weights > 0)]
        assert weighted.min() >= 0.5 + 0.02 * n_pu
    assert weights[neutral].min() == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.integers(0, 2**31))
def test_weights_do_not_change_when_an_event_is_turned(angle, seed):
    rng = np.random.default_rng(seed)
    particles, from_pileup = _event(rng, 80, 30)
    setting = _settings(mitigation="puppi", association="truth")
    vertex = vertices(particles, from_pileup, setting, "a.root")
    phi = (particles.columns["phi"] + angle + np.pi) % (2 * np.pi) - np.pi
    order = rng.permutation(len(phi))
    turned = {name: values[order] for name, values in {**particles.columns, "phi": phi}.items()}
    first = mitigation_puppi.weights(particles, vertex, np.array([9]), setting.puppi)
    second = mitigation_puppi.weights(
        Ragged(turned, particles.offsets), vertex[order], np.array([9]), setting.puppi
    )
    np.testing.assert_allclose(first[order], second, atol=1e-7)


def test_charged_subtraction_takes_tracks_of_other_vertices_and_nothing_else():
    particles, from_pileup = _event(np.random.default_rng(6))
    setting = _settings(mitigation="charged_subtraction", association="truth")
    kept = mitigated(particles, from_pileup, np.array([60]), setting, "a.root")
    assert (kept.columns["charge"] != 0).sum() == 60
    assert (kept.columns["charge"] == 0).sum() == 201
    vertex = vertices(particles, from_pileup, _settings(mitigation="puppi", dz_max=3.0), "a.root")
    assert np.bincount(vertex).tolist() == [201, 60, 200]
    assert {NEUTRAL, LEADING, OTHER} == {0, 1, 2}


@pytest.mark.parametrize("mitigation", ["puppi", "charged_subtraction"])
@pytest.mark.parametrize("missing", ["charge", "dz"])
def test_a_format_without_charge_or_vertex_is_refused(mitigation, missing):
    particles, from_pileup = _event(np.random.default_rng(7))
    columns = {name: values for name, values in particles.columns.items() if name != missing}
    with pytest.raises(MissingBranchError) as caught:
        mitigated(
            Ragged(columns, particles.offsets),
            from_pileup,
            np.array([60]),
            _settings(mitigation=mitigation),
            "lhco.h5",
        )
    for word in ("lhco.h5", f"'{missing}'", mitigation, "none or softkiller"):
        assert word in str(caught.value)
