"""Showers of pions: where they start, what is electromagnetic, what leaks, and where particles are found."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut.settings import validate
from resonaut.simulate.methods import hadronic_showers
from resonaut.simulate.showers import conditions as incident
from resonaut.simulate.showers import hadronic, tracks
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.settings import CalorimeterSettings


def showers_of(seed: int, n: int, **keys):
    chosen = validate(hadronic_showers.Settings, {"n_events": 1, "energies": [40], **keys})
    made = hadronic_showers.build(chosen)
    rng = np.random.default_rng(seed)
    drawn = incident.draw(chosen, n, rng)
    hits, truth = made.generate(drawn, rng)
    return drawn, hits, truth, made.calorimeter


@pytest.fixture(scope="module")
def steel() -> Calorimeter:
    return Calorimeter(CalorimeterSettings.model_validate("steel_scintillator"))


def test_start_points_are_exponential_in_the_interaction_length():
    _, hits, truth, calorimeter = showers_of(1, 1500)
    start = truth["start"]
    assert start.mean() == pytest.approx(1.0, abs=4 / np.sqrt(1500))
    assert np.quantile(start, [0.25, 0.5, 0.9]) == pytest.approx(-np.log([0.75, 0.5, 0.1]), rel=0.12)
    # 3.3 interaction lengths of pions: a share exp(-3.3) passes as a track with one hit in each layer.
    depth = calorimeter.edges["pion"][-1]
    through = np.flatnonzero(start > depth)
    assert len(through) / 1500 == pytest.approx(np.exp(-depth), abs=4 * np.sqrt(np.exp(-depth) / 1500))
    assert (np.bincount(hits.owner, minlength=1500)[through] == 38).all()


def test_em_fraction_has_its_mean_and_rises_with_energy():
    rng = np.random.default_rng(2)
    for energy in (10.0, 80.0):
        drawn = hadronic.em_fractions(np.full(50_000, energy), rng)
        mean = 1 - energy ** (0.83 - 1)
        assert drawn.mean() == pytest.approx(mean, abs=0.003)
        assert drawn.std() == pytest.approx(0.5 * mean * (1 - mean), rel=0.02)
        assert 0 < drawn.min() < drawn.max() < 1
    assert hadronic.mean_em_fraction(np.array([80.0])) > hadronic.mean_em_fraction(np.array([10.0]))


def test_response_to_pions_is_that_of_their_parts(steel):
    # In a calorimeter so deep that nothing leaks: f + (1 - f) h/e of the response to electrons.
    deep = {
        "layers": [
            {
                "count": 150,
                "absorber": "steel",
                "absorber_thickness": 17.2,
                "active": "scintillator",
                "active_thickness": 3.0,
            }
        ],
        "rows": 100,
        "columns": 100,
        "cell_size": 60.0,
        "sampling_fluctuation": 0.22,
    }
    chosen = validate(hadronic_showers.Settings, {"n_events": 1, "energies": [40], "calorimeter": deep})
    calorimeter = Calorimeter(chosen.calorimeter)
    rng = np.random.default_rng(3)
    drawn = incident.draw(chosen, 200, rng)
    spots, truth = hadronic.develop(drawn, calorimeter, hadronic.Response(0.8, 0.1), 0.05, rng)
    track = spots.radius == 0
    visible = np.bincount(spots.owner[~track], spots.energy[~track], 200)
    electron = 40e3 * calorimeter.sampling_fraction[0] * calorimeter.e_over_mip
    fraction = truth["em_fraction"]
    assert visible / electron == pytest.approx(fraction + 0.8 * (1 - fraction), rel=0.12)
    assert (visible / electron).mean() == pytest.approx((fraction + 0.8 * (1 - fraction)).mean(), rel=0.01)
    assert calorimeter.sampling_fraction[0] == pytest.approx(steel.sampling_fraction[0])


def test_energy_leaks_the_more_the_later_a_shower_starts():
    _, hits, truth, _ = showers_of(4, 600, energies=[80])
    visible = np.bincount(hits.owner, hits.deposit, 600)
    start = truth["start"]
    early, late = visible[start < 0.7].mean(), visible[(start > 1.8) & (start < 2.6)].mean()
    assert 0.3 < late / early < 0.85
    # And the earlier ones reach the end of the calorimeter all the same: it has four interaction lengths.
    last = np.bincount(hits.owner, hits.deposit * (hits.cell // 576 >= 33), 600)
    assert 0.002 < (last / visible)[start < 0.7].mean() < 0.06


def test_lateral_profile_is_the_closed_form(steel):
    # r exp(-r / R): mean 2 R; half of the hadronic part and all of the other in the core.
    rng = np.random.default_rng(5)
    scale = steel.depth / steel.edges["interaction"][-1] / hadronic.STEEL_INTERACTION_LENGTH
    visible = np.full((1, 38), 200.0)
    core = hadronic._component(visible, 0.0, (), steel, 2.0, rng)
    assert core.radius.mean() == pytest.approx(2 * 27.0 * scale, rel=0.03)
    both = hadronic._component(visible, 0.5, ((0.1, 50.0),), steel, 2.0, rng)
    assert both.radius.mean() == pytest.approx((27.0 + 80.0) * scale, rel=0.03)
    assert both.energy.sum() == pytest.approx(200.0 * 38, rel=1e-5)
    # A tenth comes 50 ns late; flight to the side takes the rest.
    late = both.delay - both.radius / 299.792458
    assert late.mean() == pytest.approx(0.1 * 50.0, rel=0.08)


def test_tracks_have_the_mean_loss_and_peak_at_the_unit(steel):
    rng = np.random.default_rng(6)
    values = tracks.deposits(np.zeros(400_000, int), np.ones(400_000), steel, rng)
    # 3 mm of polystyrene: 1.936 MeV cm^2/g times 1.06 g/cm^3.
    assert values.mean() == pytest.approx(1.936 * 1.06 * 0.3, rel=0.003)
    counts, edges = np.histogram(values, np.linspace(0.3, 1.0, 71))
    assert edges[np.argmax(counts)] + 0.005 == pytest.approx(tracks.mip_unit(steel)[0], abs=0.012)


@pytest.mark.parametrize("particle", ["pion", "electron"])
@pytest.mark.parametrize("theta", [0.0, 0.26, 0.5236])
def test_centre_of_gravity_is_where_the_axis_is(particle, theta):
    """Closure per bin of angle and impact: cells on the line impact + z tan(theta), layer by layer."""
    n = 240
    drawn, hits, _, calorimeter = showers_of(
        7, n, particle=particle, theta=[theta, theta], impact=3, energies=[20], calorimeter=_wide()
    )
    rows, columns = calorimeter.settings.rows, calorimeter.settings.columns
    layer = hits.cell // (rows * columns)
    row = hits.cell // columns % rows + 0.5 - rows / 2
    column = hits.cell % columns + 0.5 - columns / 2
    visible = np.bincount(hits.owner, hits.deposit, n)
    size = calorimeter.cell_size
    path = np.bincount(hits.owner, hits.deposit * calorimeter.active_z[layer], n) / visible * np.tan(theta)
    differences = []
    for found, impact, direction in (
        (column, drawn.impact_column, np.cos(drawn.phi)),
        (row, drawn.impact_row, np.sin(drawn.phi)),
    ):
        centre = np.bincount(hits.owner, hits.deposit * found, n) / visible * size
        difference = centre - impact * size - path * direction
        differences.append(difference)
        for chosen in (impact < 0, impact >= 0):
            _closes(difference[chosen], size)
    along = np.cos(drawn.phi) * differences[0] + np.sin(drawn.phi) * differences[1]
    for chosen in (drawn.phi < 0, drawn.phi >= 0):
        _closes(along[chosen], size)


def _closes(difference: np.ndarray, size: float) -> None:
    error = difference.std() / np.sqrt(len(difference))
    assert abs(difference.mean()) < 4 * error
    assert error < 0.1 * size


def _wide() -> dict:
    """The prototype, with so many cells that a slanted shower does not leave at the side."""
    return {"preset": "steel_scintillator", "rows": 72, "columns": 72}


def test_showers_around_the_centre_are_symmetric():
    _, hits, _, _ = showers_of(8, 400, energies=[20])
    sums = np.bincount(hits.cell % 24, hits.deposit, 24) / hits.deposit.sum()
    assert sums == pytest.approx(sums[::-1], abs=0.03)


def test_hits_come_later_the_deeper_they_are():
    _, hits, _, calorimeter = showers_of(9, 100, particle="electron", theta=[0.4, 0.4])
    flight = calorimeter.active_z[hits.cell // 576] / np.cos(0.4) / 299.792458
    core = hits.deposit > 5
    assert (hits.time >= flight - 1e-4).all()
    late = hits.time[core] - flight[core]
    # 30 mm cells: particles to the side of the core take less than 0.1 ns more.
    assert 0 < np.median(late) < 0.1
