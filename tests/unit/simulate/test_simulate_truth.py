"""Truth of simulated events: resonances, their products, heavy hadrons."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from resonaut.settings import validate
from resonaut.simulate import truth
from resonaut.simulate.generation import GeneratedBatch
from resonaut.simulate.methods.pythia import Settings, build
from resonaut.simulate.record import Record

N_EVENTS = 40


def _generate(**options) -> GeneratedBatch:
    source = build(validate(Settings, {"n_events": N_EVENTS, **options}))
    source.start(21)
    (batch,) = source.batches(N_EVENTS)
    return batch


def _record(events: list[list[tuple]]) -> Record:
    """Rows (pdg_id, status, mother1, daughter1, daughter2, px); each event starts with a row for itself."""
    flat = [row for event in events for row in [(90, -11, 0, 0, 0, 0.0), *event]]
    names = ("id", "status", "mother1", "daughter1", "daughter2", "px")
    columns = {name: np.array(values) for name, values in zip(names, zip(*flat, strict=True), strict=True)}
    zero = np.zeros(len(flat))
    data = {name: SimpleNamespace(data=values) for name, values in columns.items()}
    data["p"] = {name: SimpleNamespace(data=columns.get(name, zero)) for name in ("px", "py", "pz", "e")}
    offsets = np.concatenate([[0], np.cumsum([len(event) + 1 for event in events])])
    layout = SimpleNamespace(content=data, offsets=SimpleNamespace(data=offsets))
    return Record(SimpleNamespace(prt=SimpleNamespace(layout=layout)))


TOP_EVENT = [
    (21, -21, 0, 2, 0, 1.0),
    (6, -22, 1, 3, 3, 100.0),
    (6, -44, 2, 4, 5, 110.0),
    (24, -22, 3, 6, 6, 70.0),
    (5, -23, 3, 0, 0, 40.0),
    (24, -52, 4, 7, 8, 69.0),
    (2, -23, 6, 0, 0, 30.0),
    (-1, -23, 6, 9, 9, 39.0),
    (-1, -51, 8, 0, 0, 35.0),
]


def test_a_decay_is_followed_to_its_quarks():
    recoil = [(24, -22, 0, 2, 2, 5.0), (24, -44, 1, 0, 0, 6.0), (1, -23, 0, 0, 0, 7.0)]
    columns, offsets = truth.decays(_record([TOP_EVENT, recoil, TOP_EVENT]), (6,))
    assert offsets.tolist() == [0, 4, 4, 8]
    assert columns["pdg_id"].tolist() == [6, 5, 2, -1] * 2
    assert columns["parent"].tolist() == [-1, 0, 0, 0] * 2
    # The top's last copy; the quarks before they radiate.
    assert columns["px"].tolist() == [110.0, 40.0, 30.0, 39.0] * 2
    columns, offsets = truth.decays(_record([recoil, TOP_EVENT]), (24,))
    assert offsets.tolist() == [0, 1, 4]
    assert columns["pdg_id"].tolist() == [24, 24, 2, -1]
    assert columns["parent"].tolist() == [-1, -1, 0, 0]
    assert columns["px"].tolist() == [6.0, 69.0, 30.0, 39.0]


def test_heavy_hadrons_are_the_last_of_their_quark():
    event = [
        (5, -71, 0, 2, 2, 60.0),
        (513, -83, 1, 3, 4, 58.0),  # B*, to B0 and a photon
        (511, -91, 2, 5, 5, 55.0),
        (22, 91, 2, 0, 0, 3.0),
        (-511, -92, 3, 6, 7, 55.0),  # oscillated
        (411, -91, 5, 0, 0, 20.0),
        (211, 91, 5, 0, 0, 30.0),
        (-421, -83, 1, 0, 0, 4.9),  # too soft
        (443, -83, 1, 0, 0, 50.0),  # no open charm
        (4103, -71, 1, 0, 0, 50.0),  # a diquark
        (-4122, -83, 1, 0, 0, 5.1),
    ]
    columns, offsets = truth.heavy_hadrons(_record([[], event, event]))
    assert columns["pdg_id"].tolist() == [-511, 411, -4122] * 2
    assert offsets.tolist() == [0, 0, 3, 6]


@pytest.mark.parametrize(
    ("process", "resonances", "products", "mass"),
    [("ttbar", 2, 3, 172.5), ("w_jet", 1, 2, 80.4), ("z_jet", 1, 2, 91.2), ("higgs_bb", 1, 2, 125.0)],
)
def test_products_add_up_to_their_resonance(process, resonances, products, mass):
    # Without final-state radiation the momenta are conserved row by row.
    batch = _generate(process=process, cuts={"pt_hat_min": 300}, pythia=["PartonLevel:FSR = off"])
    columns, offsets = batch.decays
    assert (np.diff(offsets) == resonances * (1 + products)).all()
    own = np.flatnonzero(columns["parent"] < 0)
    event = np.repeat(np.arange(N_EVENTS), np.diff(offsets))
    mother = offsets[event] + columns["parent"]
    mother[own] = own
    assert (np.abs(columns["pdg_id"][mother]) == np.abs(columns["pdg_id"][own[0]])).all()
    assert (np.bincount(mother)[own] == 1 + products).all()
    for name in ("px", "py", "pz", "e"):
        total = np.bincount(mother, columns[name])[own] - columns[name][own]
        np.testing.assert_allclose(total, columns[name][own], atol=1e-5 * columns["e"][own].max())
    squared = columns["e"] ** 2 - columns["px"] ** 2 - columns["py"] ** 2 - columns["pz"] ** 2
    assert np.median(np.sqrt(squared[own])) == pytest.approx(mass, rel=0.02)
    made = np.ones(len(mother), bool)
    made[own] = False
    assert np.abs(columns["pdg_id"][made]).max() <= 5


def test_a_process_without_resonances_has_no_decays():
    batch = _generate(process="qcd_dijet", cuts={"pt_hat_min": 300})
    assert batch.decays is None
    keep = np.arange(N_EVENTS) % 3 == 1
    assert batch.select(keep).decays is None


def test_selected_events_keep_their_truth():
    batch = _generate(process="wprime_xy")
    keep = np.arange(N_EVENTS) % 3 == 1
    chosen = batch.select(keep)
    for name in ("hard", "heavy_hadrons", "decays"):
        columns, offsets = getattr(batch, name)
        part, part_offsets = getattr(chosen, name)
        assert np.diff(part_offsets).tolist() == np.diff(offsets)[keep].tolist()
        rows = np.repeat(keep, np.diff(offsets))
        assert part["px"].tolist() == columns["px"][rows].tolist()
    assert set(np.abs(chosen.decays[0]["pdg_id"]).tolist()) == {1, 2, 9000001, 9000002}


def test_b_hadrons_follow_the_b_quarks_of_a_higgs():
    batch = _generate(process="higgs_bb", cuts={"pt_hat_min": 300})
    columns, offsets = batch.heavy_hadrons
    beauty = np.isin(np.abs(columns["pdg_id"]), (511, 521, 531, 541, 5122, 5132, 5232, 5332))
    per_event = np.add.reduceat(beauty, offsets[:-1])
    # Two of a Higgs boson; few are softer than the cut, and few more come from gluons.
    assert np.median(per_event) == 2
    assert per_event.mean() == pytest.approx(2, abs=0.2)
    assert np.hypot(columns["px"], columns["py"]).min() > truth.HEAVY_HADRON_PT_MIN
