"""The detector against its formulas: resolution, efficiency, bending, energy flow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from resonaut.events import PDG_CLASSES
from resonaut.simulate.calorimeter import Calorimeter, log_normal
from resonaut.simulate.cards import (
    ATLAS,
    CARDS,
    CMS,
    CalorimeterCard,
    DetectorCard,
    EnergyResolution,
    TrackCard,
)
from resonaut.simulate.detector import (
    CHARGED_HADRON,
    ELECTRON,
    MASSES,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Detector,
    classify,
    track_efficiency,
)
from resonaut.simulate.propagation import propagate


def _particles(
    pdg_id, pt, eta, phi=None, charge=0, mass=0.0, vertex=(0.0, 0.0, 0.0)
) -> dict[str, np.ndarray]:
    pt, eta = np.broadcast_arrays(np.asarray(pt, float), np.asarray(eta, float))
    n = len(pt)
    phi = np.zeros(n) if phi is None else np.broadcast_to(np.asarray(phi, float), n)
    columns = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "e": np.hypot(pt * np.cosh(eta), mass),
        "pdg_id": np.broadcast_to(np.asarray(pdg_id, np.int32), n).copy(),
        "charge": np.broadcast_to(np.asarray(charge, np.int8), n).copy(),
    }
    columns.update({axis: np.full(n, value) for axis, value in zip("xyz", vertex, strict=True)})
    return columns


def _one_each(n: int) -> np.ndarray:
    return np.arange(n + 1)


def _perfect(field: float = 0.0) -> DetectorCard:
    tracks = TrackCard((5.0,), (1.0,), (1.0,), (1.0,), (0.0,), (0.0,))
    exact = (EnergyResolution(9.0, 0.0, 0.0),)

    def calorimeter(card: CalorimeterCard) -> CalorimeterCard:
        return replace(card, resolutions=exact, energy_min=1e-9, significance_min=0.0)

    return replace(
        CMS,
        field=field,
        hadron_tracks=tracks,
        electron_tracks=tracks,
        muon_tracks=tracks,
        ecal=calorimeter(CMS.ecal),
        hcal=calorimeter(CMS.hcal),
    )


def test_classes_are_those_of_the_store():
    numbers = {
        "charged_hadron": CHARGED_HADRON,
        "neutral_hadron": NEUTRAL_HADRON,
        "photon": PHOTON,
        "electron": ELECTRON,
        "muon": MUON,
    }
    assert all(PDG_CLASSES[number] == name for name, number in numbers.items())
    assert classify(np.array([211, -11, 13, 22, 130]), np.array([1, 1, -1, 0, 0])).tolist() == [1, 4, 5, 3, 2]


@pytest.mark.parametrize(("mean", "sigma"), [(10.0, 1.0), (5.0, 4.0)])
def test_log_normal_has_mean_and_width(mean, sigma):
    values = log_normal(np.full(200_000, mean), np.full(200_000, sigma), np.random.default_rng(1))
    assert values.min() > 0
    assert values.mean() == pytest.approx(mean, abs=5 * sigma / np.sqrt(200_000))
    assert values.std() == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("name", ["cms", "atlas"])
@pytest.mark.parametrize(("eta", "ring"), [(0.2, 0), (1.0, 1), (2.0, 2)])
def test_muon_tracks_follow_the_formula(name, eta, ring):
    n, pt = 20_000, 50.0
    card = CARDS[name].muon_tracks
    seen = Detector(name).observe(
        _particles(13, np.full(n, pt), eta, charge=-1), _one_each(n), np.random.default_rng(3)
    )
    measured = seen.columns["pt"]
    expected = np.hypot(card.constant[ring], card.linear[ring] * pt) * pt
    assert measured.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * n) + 0.002)
    assert measured.mean() == pytest.approx(pt, abs=5 * expected / np.sqrt(n))
    fraction = len(measured) / n
    error = np.sqrt(card.efficiency[ring] * (1 - card.efficiency[ring]) / n)
    assert fraction == pytest.approx(card.efficiency[ring], abs=5 * error)


def test_hadron_resolution_is_that_of_the_facts():
    # 100 GeV at eta 0: 1 % and 1.5e-4 * 100 in quadrature; ATLAS 6 % and 1.3e-3 * 100.
    assert np.hypot(CMS.hadron_tracks.constant[0], 100 * CMS.hadron_tracks.linear[0]) == pytest.approx(
        0.0180278, rel=1e-5
    )
    assert np.hypot(ATLAS.hadron_tracks.constant[0], 100 * ATLAS.hadron_tracks.linear[0]) == pytest.approx(
        0.143178, rel=1e-5
    )


@pytest.mark.parametrize(
    ("pt", "eta", "expected"),
    [
        (0.05, 0, 0),
        (0.5, 0, 0.70),
        (5, 1.2, 0.95),
        (0.5, 2, 0.60),
        (5, -2.2, 0.85),
        (50, 2.6, 0),
        (50, -4, 0),
    ],
)
def test_hadron_track_efficiency(pt, eta, expected):
    assert track_efficiency(CMS.hadron_tracks, np.array([pt]), np.array([eta]))[0] == expected


@pytest.mark.parametrize(
    ("energy", "eta", "expected"),
    [
        # (1 + .64 eta^2) sqrt((.008 E)^2 + .11^2 E + .40^2)
        (100.0, 0.0087, np.sqrt(0.64 + 1.21 + 0.16)),
        (50.0, 1.0, 1.64 * np.sqrt(0.16 + 0.605 + 0.16)),
        # times 2.16 + 5.6 (|eta| - 2)^2 beyond 1.5
        (80.0, -2.0, 2.16 * np.sqrt(0.4096 + 0.968 + 0.16)),
        (200.0, 4.2, np.sqrt((0.107 * 200) ** 2 + 2.08**2 * 200)),
    ],
)
def test_cms_ecal_resolution(energy, eta, expected):
    calorimeter = Calorimeter(CMS.ecal)
    ring = np.searchsorted(CMS.ecal.eta_edges, eta) - 1
    assert calorimeter.sigma(np.array([energy]), np.array([ring]))[0] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("name", "eta", "energy", "expected"),
    [
        ("cms", 0.3, 100.0, np.sqrt(25 + 225)),
        ("cms", 3.6, 300.0, np.sqrt(0.13**2 * 9e4 + 2.7**2 * 300)),
        ("atlas", 0.3, 100.0, np.sqrt(3.02**2 + 0.5205**2 * 100 + 1.59**2)),
        ("atlas", 2.1, 100.0, np.sqrt(25 + 0.706**2 * 100)),
    ],
)
def test_neutral_hadrons_follow_the_hcal_formula(name, eta, energy, expected):
    n = 20_000
    rng = np.random.default_rng(5)
    seen = Detector(name).observe(
        _particles(2112, np.full(n, energy / np.cosh(eta)), eta, rng.uniform(-3, 3, n)), _one_each(n), rng
    )
    columns = seen.columns
    assert set(columns["pdg_class"]) == {NEUTRAL_HADRON}
    measured = columns["pt"].astype(float) * np.cosh(columns["eta"].astype(float))
    assert len(measured) > 0.999 * n
    assert measured.mean() == pytest.approx(energy, abs=5 * expected / np.sqrt(n))
    assert measured.std() == pytest.approx(expected, rel=0.03)
    assert np.isnan(columns["d0"]).all()


def test_photons_follow_the_ecal_formula_and_stay_in_their_cell():
    n, energy = 20_000, 100.0
    rng = np.random.default_rng(6)
    phi = rng.uniform(-np.pi, np.pi, n)
    seen = Detector("cms").observe(_particles(22, np.full(n, energy), 0.0, phi), _one_each(n), rng)
    assert set(seen.columns["pdg_class"]) == {PHOTON}
    measured = seen.columns["pt"].astype(float) * np.cosh(seen.columns["eta"].astype(float))
    assert measured.std() == pytest.approx(np.sqrt(0.64 + 1.21 + 0.16), rel=0.03)
    difference = seen.columns["phi"] - phi
    assert np.abs(difference).max() <= np.pi / 180 + 1e-6
    assert difference.std() == pytest.approx(np.pi / 180 / np.sqrt(6), rel=0.03)
    assert np.abs(seen.columns["eta"]).max() <= 0.0174 + 1e-6


def test_thresholds_of_the_ecal():
    # 0.2 GeV is measured above 2 sigma where it fluctuates above 0.825 GeV, the root of E = 2 sigma(E).
    n, energy = 20_000, 0.2
    seen = Detector("cms").observe(
        _particles(22, np.full(n, energy), 0.0), _one_each(n), np.random.default_rng(1)
    )
    measured = seen.columns["pt"].astype(float) * np.cosh(seen.columns["eta"].astype(float))
    threshold = 0.825
    assert measured.min() == pytest.approx(threshold, abs=0.01)
    variance = np.log1p((0.0016**2 + 0.0121 * energy + 0.16) / energy**2)
    quantile = (np.log(threshold / energy) + variance / 2) / np.sqrt(variance)
    expected = norm.sf(quantile)
    assert len(measured) / n == pytest.approx(expected, abs=5 * np.sqrt(expected / n))


def test_k0s_shares_its_energy():
    n = 2000
    seen = Detector(_perfect()).observe(
        _particles(310, np.full(n, 100.0), 0.1), _one_each(n), np.random.default_rng(1)
    )
    energy = seen.columns["pt"] * np.cosh(seen.columns["eta"])
    photons = seen.columns["pdg_class"] == PHOTON
    assert energy[photons] == pytest.approx(30 * np.cosh(0.1), rel=1e-5)
    assert energy[~photons] == pytest.approx(70 * np.cosh(0.1), rel=1e-5)
    assert photons.sum() == n


@given(
    pt=st.floats(1.0, 500.0),
    charge=st.sampled_from([-1, 1]),
    phi=st.floats(-3.1, 3.1),
    field=st.floats(0.5, 4.0),
)
def test_bending_angle(pt, charge, phi, field):
    one = np.ones(1)
    impact = propagate(pt * one, 0 * one, phi * one, charge * one, field, 1.29, 3.0)
    sine = 0.299792458 * field * 1.29 / (2 * pt)
    if sine > 1:
        assert not impact.reached[0]
        return
    assert impact.reached[0]
    turned = np.angle(np.exp(1j * (impact.phi[0] - phi)))
    assert np.sin(turned) == pytest.approx(-charge * sine, rel=1e-9)


@settings(max_examples=50)
@given(
    pt=st.floats(0.3, 100.0),
    eta=st.floats(-4, 4),
    phi=st.floats(-3.1, 3.1),
    charge=st.sampled_from([-2, -1, 1]),
)
def test_propagation_agrees_with_small_steps_along_the_orbit(pt, eta, phi, charge):
    field, radius, half_length = 3.8, 1.29, 3.0
    curvature = 0.299792458 * field * charge / pt
    length = np.linspace(0, np.pi / abs(curvature), 40_001)[1:]
    direction = phi - curvature * length
    step = np.diff(length, prepend=0.0)
    middle = direction + curvature * step / 2
    x, y = np.cumsum(np.cos(middle) * step), np.cumsum(np.sin(middle) * step)
    z = length * np.sinh(eta)
    out = (np.hypot(x, y) >= radius) | (np.abs(z) >= half_length)
    one = np.ones(1)
    impact = propagate(pt * one, eta * one, phi * one, charge * one, field, radius, half_length)
    # Half a turn ends where the helix is farthest away: there the last step may fall on either side.
    if abs(out.sum()) < 3 or abs(np.hypot(x, y).max() / radius - 1) < 1e-4:
        return
    assert impact.reached[0]
    first = np.argmax(out)
    assert np.angle(np.exp(1j * (impact.phi[0] - np.arctan2(y[first], x[first])))) == pytest.approx(
        0, abs=2e-3
    )
    # Very close to the axis one step is a large change of direction.
    assert impact.eta[0] == pytest.approx(np.arcsinh(z[first] / np.hypot(x[first], y[first])), abs=5e-3)


def _jet_like(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    species = rng.choice([211, -211, 22, 130, 11, 13, 310], n)
    charge = np.select([np.isin(species, [211]), np.isin(species, [-211, 11, 13])], [1, -1], 0)
    mass = np.select(
        [np.abs(species) == 211, species == 11, species == 13], [MASSES[1], MASSES[4], MASSES[5]], 0.0
    )
    return _particles(
        species, rng.exponential(10, n) + 2, rng.normal(0.5, 0.3, n), rng.normal(1, 0.3, n), charge, mass
    )


def test_perfect_detector_conserves_energy():
    rng = np.random.default_rng(11)
    n_events, per_event = 50, 200
    particles = _jet_like(n_events * per_event, rng)
    offsets = np.arange(n_events + 1) * per_event
    seen = Detector(_perfect()).observe(particles, offsets, rng)
    columns = {name: values.astype(float) for name, values in seen.columns.items()}
    energy = np.hypot(columns["pt"] * np.cosh(columns["eta"]), columns["mass"])
    found = np.add.reduceat(energy, seen.offsets[:-1])
    assert found == pytest.approx(np.add.reduceat(particles["e"], offsets[:-1]), rel=1e-5)
    pt_sorted = all(
        (np.diff(columns["pt"][a:b]) <= 0).all() for a, b in zip(seen.offsets, seen.offsets[1:], strict=False)
    )
    assert pt_sorted


def test_charged_energy_is_not_counted_twice():
    rng = np.random.default_rng(12)
    n_events, per_event = 200, 20
    n = n_events * per_event
    particles = _particles(
        211, rng.uniform(5, 50, n), rng.normal(0, 0.5, n), rng.uniform(-3, 3, n), 1, MASSES[1]
    )
    offsets = np.arange(n_events + 1) * per_event
    seen = Detector(_perfect(field=3.8)).observe(particles, offsets, rng)
    columns = seen.columns
    neutral = columns["charge"] == 0
    energy = columns["pt"] * np.cosh(columns["eta"])
    assert (~neutral).sum() == n
    assert energy[neutral].sum() < 1e-6 * energy.sum()
    # With the real card the excess of cells that fluctuate up by more than a sigma remains, and no more.
    seen = Detector("cms").observe(particles, offsets, np.random.default_rng(13))
    total = (seen.columns["pt"].astype(float) * np.cosh(seen.columns["eta"].astype(float))).sum()
    assert total / particles["e"].sum() == pytest.approx(1.0, abs=0.08)


def test_events_do_not_mix():
    particles = _particles([22, 22], [50.0, 80.0], [0.1, 0.1], [0.2, 0.2])
    seen = Detector(_perfect()).observe(particles, np.array([0, 1, 1, 2]), np.random.default_rng(1))
    assert seen.offsets.tolist() == [0, 1, 1, 2]
    assert seen.columns["pt"] * np.cosh(seen.columns["eta"]) == pytest.approx(
        [50 * np.cosh(0.1), 80 * np.cosh(0.1)], rel=1e-5
    )


@pytest.mark.parametrize("name", ["cms", "atlas"])
def test_cells_cover_the_acceptance_symmetrically(name):
    for card in (CARDS[name].ecal, CARDS[name].hcal):
        assert (np.diff(card.eta_edges) > 0).all()
        assert card.eta_edges == pytest.approx(-card.eta_edges[::-1])
        assert card.n_phi.tolist() == card.n_phi[::-1].tolist()
        assert len(card.n_phi) == len(card.eta_edges) - 1
