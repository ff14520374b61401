"""Electromagnetic showers: closed forms of the profiles, sums that are kept, and Geant4 beside them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.settings import validate
from resonaut.simulate.methods import em_showers
from resonaut.simulate.showers import conditions as incident
from resonaut.simulate.showers import electromagnetic
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.materials import MATERIALS, effective
from resonaut.simulate.showers.settings import CalorimeterSettings
from resonaut.simulate.showers.spots import Spots, place, spread

GEANT4 = Path(__file__).parents[4] / "shared/data/showers/photons_train.h5"


@pytest.fixture(scope="module")
def calorimeter() -> Calorimeter:
    return Calorimeter(CalorimeterSettings.model_validate("si_w"))


def source(**keys):
    given_ = {"n_events": 1, "energies": [50], **keys}
    chosen = validate(em_showers.Settings, given_)
    return chosen, em_showers.build(chosen)


def showers_of(seed: int, n: int, **keys):
    chosen, made = source(**keys)
    rng = np.random.default_rng(seed)
    drawn = incident.draw(chosen, n, rng)
    return drawn, made.generate(drawn, rng)[0], made.calorimeter


def test_materials_have_the_published_lengths_and_critical_energies():
    # PDG tables: X0 and interaction length in mm; critical energies of the formula of the paper.
    assert MATERIALS["tungsten"].in_mm(6.76) == pytest.approx(3.504, abs=0.002)
    assert MATERIALS["steel"].in_mm(132.1) == pytest.approx(167.7, abs=0.2)
    assert MATERIALS["lead"].critical_energy == pytest.approx(7.43, rel=0.05)
    assert MATERIALS["steel"].critical_energy == pytest.approx(21.7, rel=0.1)
    assert MATERIALS["silicon"].loss_per_mm == pytest.approx(0.3876, abs=1e-4)


def test_a_medium_of_one_material_is_that_material():
    lead = MATERIALS["lead"]
    medium = effective(lead, 3.0, lead, 1.0)
    assert medium.radiation_length == pytest.approx(lead.in_mm(lead.radiation_length))
    assert medium.critical_energy == pytest.approx(lead.critical_energy)
    assert medium.charge == pytest.approx(82)
    assert medium.sampling_frequency == pytest.approx(medium.radiation_length / 4.0)
    assert medium.e_over_mip == 1.0
    # X0 E_s / E_c, mm.
    assert medium.moliere_radius == pytest.approx(5.612 * 21.2 / lead.critical_energy, rel=1e-3)


def test_e_over_mip_is_that_of_the_paper():
    medium = effective(MATERIALS["tungsten"], 2.1, MATERIALS["silicon"], 0.5)
    assert medium.e_over_mip == pytest.approx(1 / (1 + 0.007 * 60))


def test_presets_have_their_documented_sizes(calorimeter):
    assert calorimeter.geometry["shape"] == [30, 30, 30]
    assert calorimeter.edges["radiation"][-1] == pytest.approx(
        20 * 2.1 / 3.503 + 10 * 4.2 / 3.503 + 0.16, abs=0.02
    )
    assert calorimeter.depth == pytest.approx(20 * 2.6 + 10 * 4.7)
    assert calorimeter.active_z[[0, 29]] == pytest.approx([2.35, 98.75])
    steel = Calorimeter(CalorimeterSettings.model_validate("steel_scintillator"))
    assert steel.geometry["shape"] == [38, 24, 24]
    assert steel.edges["interaction"][-1] == pytest.approx(4.05, abs=0.02)
    assert Calorimeter(CalorimeterSettings.model_validate("cylinders")).n_cells == 6480


@given(alpha=st.floats(1.5, 8), beta=st.floats(0.2, 1.5))
@settings(max_examples=25, deadline=None)
def test_shares_have_the_mean_and_maximum_of_the_gamma_profile(alpha, beta):
    depth = np.linspace(0, 250, 5_001)[None]
    share = electromagnetic.shares(depth, np.array([alpha]), np.array([beta]))[0]
    middle = (depth[0, 1:] + depth[0, :-1]) / 2
    assert share.sum() == pytest.approx(1.0, abs=1e-9)
    assert (share * middle).sum() == pytest.approx(alpha / beta, rel=1e-3)
    assert middle[np.argmax(share)] == pytest.approx((alpha - 1) / beta, abs=0.051)


def test_drawn_profiles_scatter_as_the_formulas_say(calorimeter):
    n, energy = 40_000, 50.0
    rng = np.random.default_rng(1)
    drawn = electromagnetic.profiles(np.full(n, energy), calorimeter, rng)
    log_y = np.log(energy * 1e3 / calorimeter.medium.critical_energy)
    log_maximum = np.log((drawn.shape - 1) / drawn.slope)
    log_shape = np.log(drawn.shape)
    assert log_maximum.std() == pytest.approx(1 / (-2.5 + 1.25 * log_y), rel=0.02)
    assert log_shape.std() == pytest.approx(1 / (-0.82 + 0.79 * log_y), rel=0.02)
    correlation = np.corrcoef(log_maximum, log_shape)[0, 1]
    assert correlation == pytest.approx(0.784 - 0.023 * log_y, abs=0.01)
    medium = calorimeter.medium
    homogeneous = log_y - 0.812
    expected = np.log(homogeneous - 0.55 / medium.sampling_frequency - 0.69 * (1 - medium.e_over_mip))
    assert log_maximum.mean() == pytest.approx(expected, abs=3 * log_maximum.std() / np.sqrt(n))


def test_spread_keeps_the_energy_of_layers():
    rng = np.random.default_rng(2)
    visible = rng.exponential(3.0, (5, 7))
    visible[2, 3] = 0.0
    counts = np.maximum(rng.poisson(4.0, (5, 7)), visible > 0)
    at, owner, layer, energy = spread(visible, counts, np.array([3, 3, 1, 0, 2]), rng)
    assert np.bincount(at, energy, 35).reshape(5, 7) == pytest.approx(visible, rel=1e-5)
    assert list(np.unique(owner[at // 7 == 1])) == [3]
    assert np.array_equal(layer, at % 7)


def test_radial_profile_contains_what_its_closed_form_says(calorimeter):
    # Without a tail the share inside r is r^2 / (r^2 + R^2).
    n = 200_000
    rng = np.random.default_rng(3)
    quantile = rng.random(n)
    radius = 12.0 * np.sqrt(quantile / (1 - quantile))
    for inside in (5.0, 12.0, 40.0):
        assert (radius < inside).mean() == pytest.approx(inside**2 / (inside**2 + 144), abs=4 / np.sqrt(n))
    # The parameters are those of the appendix, written out for one value.
    medium = calorimeter.medium
    z, missing, layers = medium.charge, 1 - medium.e_over_mip, 1 / medium.sampling_frequency
    core, tail, share = electromagnetic.radial(np.ones((1, 1)), np.array([np.e]), calorimeter)
    core, tail = core / calorimeter.settings.radial_scale, tail / calorimeter.settings.radial_scale
    assert core[0, 0] / medium.moliere_radius == pytest.approx(
        0.02829 + 0.1162 - 0.000381 * z - 0.0203 * missing + 0.0397 * layers / np.e
    )
    assert tail[0, 0] / medium.moliere_radius == pytest.approx(
        (0.659 - 0.00309 * z) * (np.exp(-2.59 * 0.355) + np.exp(0.4006 * 0.355))
        - 0.14 * missing
        - 0.495 * layers / np.e
    )
    x = (0.401 + 0.00187 * z - 1) / (1.313 - 0.0686)
    expected = (2.632 - 0.00094 * z) * np.exp(x - np.exp(x)) + missing * (0.348 - 0.642 * layers)
    assert share[0, 0] == pytest.approx(expected)


def test_every_spot_inside_is_in_its_cell_and_all_energy_is_kept(calorimeter):
    rng = np.random.default_rng(4)
    drawn = incident.Conditions(*np.array([[9.0], [0.0], [0.0], [2.5], [-3.5]]))
    spots = Spots(np.zeros(3, int), np.array([0, 7, 29]), np.zeros(3), np.array([1.0, 2.0, 4.0]), np.zeros(3))
    hits = place(spots, drawn, calorimeter, rng)
    # Row 17 has its centre 2.5 cells from the middle of 30, column 11 -3.5 cells.
    assert hits.cell.tolist() == [(layer * 30 + 17) * 30 + 11 for layer in (0, 7, 29)]
    assert hits.deposit.tolist() == [1.0, 2.0, 4.0]
    assert hits.time == pytest.approx(calorimeter.active_z[[0, 7, 29]] / 299.792458)


def test_cylinders_have_the_ring_and_the_sector_of_a_place():
    found = Calorimeter(CalorimeterSettings.model_validate("cylinders"))
    angle = 2 * np.pi * 5.5 / 16
    x, y = 10.0 * np.cos(angle), 10.0 * np.sin(angle)
    assert found.cell(np.array([3]), np.array([x]), np.array([y])).tolist() == [(3 * 16 + 5) * 9 + 2]
    assert found.cell(np.array([3]), np.array([60.0]), np.array([0.0])).tolist() == [-1]


def test_response_is_linear_and_the_resolution_that_of_the_sampling():
    mean, spread_ = {}, {}
    for energy in (10, 40):
        _, hits, _ = showers_of(
            5, 400, energies=[energy], calorimeter={"preset": "steel_scintillator"}, particle="electron"
        )
        visible = np.bincount(hits.owner, hits.deposit, 400) / energy
        mean[energy], spread_[energy] = visible.mean(), visible.std() / visible.mean()
    assert mean[40] / mean[10] == pytest.approx(1.0, abs=0.01)
    for energy in (10, 40):
        assert spread_[energy] == pytest.approx(0.22 / np.sqrt(energy), rel=0.12)


def test_photons_start_later_than_electrons_by_their_conversion():
    means = {}
    for particle in ("photon", "electron"):
        _, hits, calorimeter = showers_of(6, 600, particle=particle, energies=[20])
        layer = hits.cell // 900
        centre = np.interp(layer + 1.0, np.arange(31), calorimeter.edges["radiation"])
        means[particle] = np.average(centre, weights=hits.deposit)
    # 9/7 radiation lengths later, and earlier by ln 2 for the shared energy.
    assert means["photon"] - means["electron"] == pytest.approx(9 / 7 - np.log(2), abs=0.35)


@pytest.mark.skipif(not GEANT4.exists(), reason="no Geant4 showers in shared/data/showers")
@pytest.mark.parametrize("energy", [20, 80])
def test_profiles_are_near_those_of_geant4(energy):
    with h5py.File(GEANT4) as file:
        incident_energy, offsets = file["energy"][:4000, 0], file["offsets"][:4001]
        cell, deposit = file["cell"][: offsets[-1]].astype(int), file["deposit"][: offsets[-1]]
    owner = np.repeat(np.arange(4000), np.diff(offsets))
    chosen = np.abs(incident_energy / energy - 1) < 0.1
    reference = _observables(owner, cell, deposit, incident_energy, chosen)
    drawn, hits, _ = showers_of(7, 300, energies={"low": 0.9 * energy, "high": 1.1 * energy})
    kept = hits.deposit > 1e-3
    found = _observables(
        hits.owner[kept], hits.cell[kept], hits.deposit[kept], drawn.energy, np.full(300, True)
    )
    assert found["response"] == pytest.approx(reference["response"], rel=0.02)
    assert found["depth"] == pytest.approx(reference["depth"], rel=0.03)
    assert found["inside"] == pytest.approx(reference["inside"], rel=0.06)
    assert found["n_hits"] == pytest.approx(reference["n_hits"], rel=0.1)


def _observables(owner, cell, deposit, energy, chosen):
    n = len(energy)
    layer, row, column = cell // 900, cell // 30 % 30 - 14.5, cell % 30 - 14.5
    weight = np.bincount(owner, deposit * np.where(layer < 20, 1, 2), n)[chosen]
    visible = np.bincount(owner, deposit, n)[chosen]
    here = chosen[owner]
    radius = 5 * np.hypot(row, column)[here]
    return {
        "response": (weight / energy[chosen]).mean(),
        "depth": (np.bincount(owner, deposit * layer, n)[chosen] / visible).mean(),
        "inside": [deposit[here][radius < edge].sum() / visible.sum() for edge in (5, 10, 20, 50)],
        "n_hits": np.bincount(owner, deposit > 0.1, n)[chosen].mean(),
    }
