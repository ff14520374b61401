"""Each named process starts, and yields the resonance that it says."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut.errors import ConfigError
from resonaut.settings import validate
from resonaut.simulate.generation import GeneratedBatch
from resonaut.simulate.methods.pythia import Settings, build
from resonaut.simulate.processes import PROCESSES
from resonaut.simulate.record import INTERMEDIATE, OUTGOING

N_EVENTS = 20


def _generate(n_events: int = N_EVENTS, **options) -> tuple[GeneratedBatch, float]:
    source = build(validate(Settings, {"n_events": n_events, **options}))
    source.start(12)
    (batch,) = source.batches(n_events)
    return batch, source.cross_section().value


def _mass(columns: dict[str, np.ndarray]) -> np.ndarray:
    squared = columns["e"] ** 2 - columns["px"] ** 2 - columns["py"] ** 2 - columns["pz"] ** 2
    return np.sqrt(np.maximum(squared, 0))


EXPECTED = {
    # process: resonance, its mass, and the ids (without sign) that come out of decays
    "wprime_xy": (34, 3500, {1, 2}),
    "ttbar": (6, 172.5, {1, 2, 3, 4, 5}),
    "w_jet": (24, 80.4, {1, 2, 3, 4, 5, 21}),
    "z_jet": (23, 91.19, {1, 2, 3, 4, 5, 21}),
    "higgs_bb": (25, 125.0, {5, 12, 14, 16}),
    "displaced": (25, 1000.0, {5}),
}


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_process(name):
    cuts = {"pt_hat_min": 500} if PROCESSES[name].needs_pt_hat_min else {}
    batch, cross_section = _generate(process=name, cuts=cuts)
    assert len(batch) == N_EVENTS
    assert cross_section > 0
    # Momentum of the protons, less what neutrinos and the beam pipe take.
    energy = np.add.reduceat(batch.particles["e"], batch.offsets[:-1])
    beams = validate(Settings, {"n_events": 1, "process": name, "cuts": cuts}).energy()
    assert (energy <= beams * (1 + 1e-6)).all()
    assert energy.mean() > 0.5 * beams
    charge = np.add.reduceat(batch.particles["charge"].astype(int), batch.offsets[:-1])
    assert np.abs(charge - 2).max() <= 2
    hard, hard_offsets = batch.hard
    outgoing = set(np.abs(hard["pdg_id"][hard["status"] == OUTGOING]).tolist())
    if name not in EXPECTED:
        assert name.startswith("qcd") or name == "minimum_bias"
        assert PROCESSES[name].resonances == ()
        assert outgoing <= {1, 2, 3, 4, 5, 21}
        return
    resonance, mass, products = EXPECTED[name]
    assert PROCESSES[name].resonances == (resonance,)
    which = (np.abs(hard["pdg_id"]) == resonance) & (hard["status"] == INTERMEDIATE)
    per_event = np.add.reduceat(which, hard_offsets[:-1])
    assert (per_event == (2 if name == "ttbar" else 1)).all()
    assert np.median(_mass(hard)[which]) == pytest.approx(mass, rel=0.02)
    assert outgoing <= products
    # The last copy has recoiled against initial-state radiation.
    assert np.hypot(hard["px"], hard["py"])[which].min() > 0


def test_wprime_decays_through_x_and_y():
    batch, _ = _generate(process="wprime_xy", masses={"m_wprime": 2000, "m_x": 300, "m_y": 150})
    hard, offsets = batch.hard
    masses = _mass(hard)
    for code, expected in ((34, 2000), (9000001, 300), (9000002, 150)):
        which = np.abs(hard["pdg_id"]) == code
        assert which.sum() == N_EVENTS
        assert np.median(masses[which]) == pytest.approx(expected, rel=0.01)
    # Four quarks, whose energies add up to those of X and Y.
    quarks = hard["status"] == OUTGOING
    assert quarks.sum() == 4 * N_EVENTS
    event = np.repeat(np.arange(N_EVENTS), np.diff(offsets))
    total = np.bincount(event[quarks], hard["e"][quarks])
    scalars = np.isin(np.abs(hard["pdg_id"]), (9000001, 9000002))
    assert total == pytest.approx(np.bincount(event[scalars], hard["e"][scalars]), rel=1e-6)


def _flights(**long_lived) -> tuple[np.ndarray, dict[str, np.ndarray], GeneratedBatch]:
    """Proper decay length of each S, mm, from the vertices of its hadrons; what it came from."""
    batch, _ = _generate(200, process="displaced", long_lived=long_lived)
    columns, offsets = batch.decays
    own = np.flatnonzero(columns["parent"] < 0)
    assert (np.abs(columns["pdg_id"][own]) == 9000003).all()
    assert (np.diff(offsets) == 6).all()
    momentum = np.sqrt(columns["px"][own] ** 2 + columns["py"][own] ** 2 + columns["pz"][own] ** 2)
    event = np.repeat(np.arange(len(batch)), 2)
    lengths = np.zeros(len(own))
    particles = batch.particles
    place = {axis: particles[axis] for axis in ("x", "y", "z")}
    for number, (row, which) in enumerate(zip(own, event, strict=True)):
        here = slice(batch.offsets[which], batch.offsets[which + 1])
        direction = np.array([columns[name][row] for name in ("px", "py", "pz")]) / momentum[number]
        points = np.stack([place[axis][here] for axis in ("x", "y", "z")], axis=1)
        along = points @ direction
        off = np.linalg.norm(points - along[:, None] * direction, axis=1)
        # Products of the string start at the vertex, on the line of flight; nothing else does.
        on_line = (along > 1e-6) & (off < 1e-6 * along + 1e-9)
        lengths[number] = along[on_line].min() if on_line.any() else np.nan
    return lengths / (momentum / long_lived["m_s"]), columns, batch


@pytest.mark.parametrize("lifetime", [5.0, 500.0])
def test_the_mean_decay_length_is_beta_gamma_c_tau(lifetime):
    # 500 mm is far above the 10 mm beyond which hadrons are left to the detector: S decays all the same.
    proper, _, batch = _flights(m_h=800.0, m_s=40.0, lifetime=lifetime, quarks="light")
    found = proper[np.isfinite(proper)]
    assert len(found) > 0.99 * len(proper)
    assert found.mean() == pytest.approx(lifetime, rel=4 / np.sqrt(len(found)))
    # Exponential: a share of 1 / e flies farther than the mean.
    assert np.mean(found > lifetime) == pytest.approx(np.exp(-1), abs=4 * np.sqrt(0.2325 / len(found)))
    assert 9000003 not in np.abs(batch.particles["pdg_id"])


def test_scalars_of_displaced_have_the_masses_and_decay_to_b():
    batch, _ = _generate(process="displaced", long_lived={"m_h": 600, "m_s": 30, "lifetime": 1})
    columns, _ = batch.decays
    masses = _mass(columns)
    own = columns["parent"] < 0
    assert masses[own] == pytest.approx(30, rel=1e-3)
    assert set(np.abs(columns["pdg_id"][~own]).tolist()) == {5}
    hard, _ = batch.hard
    assert _mass(hard)[hard["pdg_id"] == 25] == pytest.approx(600, rel=0.05)


def test_cuts_on_the_hard_process_hold():
    batch, _ = _generate(
        process="qcd_dijet", cuts={"pt_hat_min": 1130, "pt_hat_max": 1300, "m_hat_min": 2500}
    )
    hard, offsets = batch.hard
    pt = np.hypot(hard["px"], hard["py"])
    assert pt.min() >= 1130
    assert pt.max() <= 1300
    pair = {name: np.add.reduceat(hard[name], offsets[:-1]) for name in ("px", "py", "pz", "e")}
    assert _mass(pair).min() >= 2500


def test_weighted_and_unweighted_qcd_agree_on_the_cross_section():
    # pt_hat is flat in one and steep in the other: the weights must make up for all of it.
    _, direct = _generate(200, process="qcd_dijet", cuts={"pt_hat_min": 1200})
    source = build(
        validate(Settings, {"n_events": 1200, "process": "qcd_flat", "cuts": {"pt_hat_min": 1000}})
    )
    source.start(3)
    batches = list(source.batches(1200))
    weights = np.concatenate([batch.weights for batch in batches])
    pt = np.concatenate([np.hypot(batch.hard[0]["px"], batch.hard[0]["py"])[::2] for batch in batches])
    assert len(pt) == len(weights)
    assert weights.std() > 0.3 * weights.mean()
    above = weights[pt > 1200].sum() / weights.sum() * source.cross_section().value
    assert above == pytest.approx(direct, rel=0.15)


def test_long_lived_hadrons_are_left_to_the_detector():
    batch, _ = _generate(process="qcd_dijet", cuts={"pt_hat_min": 500})
    codes = set(np.abs(batch.particles["pdg_id"]).tolist())
    assert {310, 3122, 211, 22} <= codes
    assert not {111, 12, 14, 16, 411, 511} & codes
    # Products of charm and beauty start away from the origin, pions of the string at it.
    distance = np.hypot(batch.particles["x"], batch.particles["y"])
    assert (distance[batch.particles["charge"] != 0] == 0).mean() > 0.5
    assert distance.max() > 0.1


def test_a_setting_that_pythia_refuses_is_named():
    source = build(validate(Settings, {"n_events": 1, "process": "ttbar", "pythia": ["HardQCD:al = on"]}))
    with pytest.raises(ConfigError, match="refuses the setting 'HardQCD:al = on'"):
        source.start(1)


def test_settings_without_a_process_are_refused():
    source = build(validate(Settings, {"n_events": 1, "pythia": ["HardQCD:all = off"]}))
    with pytest.raises(ConfigError, match="cannot start"):
        source.start(1)
