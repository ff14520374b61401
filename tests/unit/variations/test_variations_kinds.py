"""Kinds of variations that shift constituents: closed forms, conservation, no matter of chunks and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut import ragged
from resonaut.errors import MissingBranchError
from resonaut.events import Events
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.selection import Selection
from resonaut.varying import Random, Variation, varied

KINEMATICS = ("pt", "eta", "phi", "mass")


def made(n_events: int = 200, seed: int = 1, n_constituents: int = 12) -> Events:
    """Events of two jets, each the sum of its constituents, in double precision."""
    rng = np.random.default_rng(seed)
    n_jets = 2 * n_events
    counts = rng.integers(2, 2 * n_constituents, n_jets)
    jet_offsets = ragged.offsets_of(counts)
    n = jet_offsets[-1]
    jet_of = ragged.row_of(jet_offsets)
    axis = rng.uniform(-2, 2, n_jets), rng.uniform(-np.pi, np.pi, n_jets)
    columns = {
        "pt": rng.exponential(30, n) + 1,
        "eta": axis[0][jet_of] + rng.normal(0, 0.2, n),
        "phi": (axis[1][jet_of] + rng.normal(0, 0.2, n) + np.pi) % (2 * np.pi) - np.pi,
        "mass": np.full(n, 0.14),
    }
    order = np.lexsort((-columns["pt"], jet_of))
    columns = {name: values[order] for name, values in columns.items()}
    columns |= {"charge": rng.integers(-1, 2, n), "d0": rng.normal(size=n)}
    columns["pdg_class"] = np.where(columns["charge"] != 0, 1, rng.integers(2, 4, n))
    sums = [ragged.sums(p, jet_offsets) for p in cartesian(*(columns[k] for k in KINEMATICS))]
    jets = dict(zip(KINEMATICS, from_cartesian(*sums), strict=True))
    ids = {"run": np.ones(n_events, int), "lumi": np.full(n_events, 3), "event": np.arange(n_events) + 5}
    events = {**ids, "mass": np.zeros(n_events)}
    offsets = np.arange(n_events + 1) * 2
    return by_pt(Events(events, jets, offsets, columns, jet_offsets))


def by_pt(events: Events) -> Events:
    order = np.lexsort((-events.jets["pt"], ragged.row_of(events.event_offsets)))
    rows, offsets = ragged.take(events.jet_offsets, order)
    jets = {name: values[order] for name, values in events.jets.items()}
    constituents = {name: values[rows] for name, values in events.constituents.items()}
    return Events(events.events, jets, events.event_offsets, constituents, offsets)


def under(events: Events, kind: str, name: str = "x", seed: int = 7, **keys: Any) -> Events:
    return varied(events, Variation(name=name, kind=kind, seed=seed, settings=keys), "toy", "store.h5")


def sums(events: Events) -> np.ndarray:
    """(4, n_jets) pt, eta, phi, mass of the sum of the constituents."""
    momenta = cartesian(*(events.constituents[name] for name in KINEMATICS))
    return np.stack(from_cartesian(*(ragged.sums(part, events.jet_offsets) for part in momenta)))


def same(one: Events, other: Events) -> bool:
    groups = ((one.jets, other.jets), (one.constituents, other.constituents))
    equal = all(np.array_equal(a[k], b[k], equal_nan=True) for a, b in groups for k in a | b)
    return equal and np.array_equal(one.jet_offsets, other.jet_offsets)


def test_a_scale_multiplies_energies_masses_and_the_resonance() -> None:
    events = made()
    up = under(events, "energy_scale", shift=0.05)
    for name in ("pt", "mass"):
        assert up.constituents[name] == pytest.approx(1.05 * events.constituents[name], rel=1e-12)
        assert up.jets[name] == pytest.approx(1.05 * events.jets[name], rel=1e-9)
    for name in ("eta", "phi"):
        assert up.jets[name] == pytest.approx(events.jets[name], abs=1e-9)
    mass = [Selection().mass(e.jets, e.event_offsets) for e in (events, up)]
    assert mass[1] == pytest.approx(1.05 * mass[0], rel=1e-9)


def test_no_shift_changes_no_bit() -> None:
    events = made()
    assert same(under(events, "energy_scale", shift=0.0), events)
    assert same(under(events, "energy_resolution", factor=1.0), events)


def test_jets_are_the_sum_of_what_is_left() -> None:
    for kind, keys in (
        ("track_efficiency", {"loss": 0.4}),
        ("angular_smearing", {"eta": 0.05, "phi": 0.05}),
        ("energy_resolution", {"factor": 2.0, "smear": "constituents"}),
        ("energy_scale", {"shift": 0.3, "of": "photons"}),
    ):
        after = under(made(), kind, **keys)
        wanted = sums(after)
        for row, name in enumerate(KINEMATICS):
            assert after.jets[name] == pytest.approx(wanted[row], rel=1e-7, abs=1e-7), (kind, name)
        assert np.all(np.diff(after.jets["pt"])[::2] <= 0)
        inside = np.diff(ragged.row_of(after.jet_offsets)) == 0
        assert np.all(np.diff(after.constituents["pt"])[inside] <= 0)


def test_the_correction_of_a_jet_stays() -> None:
    """Jets with 1.2 times the momentum of what is stored of them keep this factor."""
    events = made()
    events.jets = {**events.jets, "pt": 1.2 * events.jets["pt"], "mass": 1.1 * events.jets["mass"]}
    after = under(events, "track_efficiency", loss=0.3)
    assert after.jets["pt"] == pytest.approx(1.2 * sums(after)[0], rel=1e-9)
    assert after.jets["mass"] == pytest.approx(1.1 * sums(after)[3], rel=1e-7)


@pytest.mark.parametrize(
    ("of", "chosen"),
    [
        ("charged", lambda c: c["charge"] != 0),
        ("neutral", lambda c: c["charge"] == 0),
        ("photons", lambda c: c["pdg_class"] == 3),
        ("neutral_hadrons", lambda c: c["pdg_class"] == 2),
    ],
)
def test_only_some_constituents_are_shifted(of: str, chosen: Any) -> None:
    events = made(30)
    after = under(events, "energy_scale", shift=-0.1, of=of)
    mask = chosen(events.constituents)
    wanted = np.where(mask, 0.9, 1.0) * events.constituents["pt"]
    assert 0 < mask.mean() < 1
    assert np.sort(after.constituents["pt"]) == pytest.approx(np.sort(wanted))


def test_charged_is_told_from_the_class_where_there_is_no_charge() -> None:
    events = made(30)
    wanted = under(events, "energy_scale", shift=0.1, of="charged").jets["pt"]
    events.constituents = {k: v for k, v in events.constituents.items() if k != "charge"}
    assert np.array_equal(under(events, "energy_scale", shift=0.1, of="charged").jets["pt"], wanted)


@pytest.mark.parametrize("variable", ["pt", "abs_eta", "jet_pt", "jet_abs_eta"])
def test_shifts_in_bins(variable: str) -> None:
    events = made(30)
    jet_of = ragged.row_of(events.jet_offsets)
    name = variable.removeprefix("jet_").removeprefix("abs_")
    values = events.jets[name][jet_of] if "jet_" in variable else events.constituents[name]
    values = np.abs(values)
    edge = float(np.median(values))
    bins = {"variable": variable, "edges": [edge], "values": [0.1, -0.2]}
    after = under(events, "energy_scale", bins=bins)
    wanted = events.constituents["pt"] * np.where(values < edge, 1.1, 0.8)
    assert np.sort(after.constituents["pt"]) == pytest.approx(np.sort(wanted))


def test_lost_tracks_are_as_many_as_asked_and_no_neutral_is_lost() -> None:
    events = made(2000)
    after = under(events, "track_efficiency", loss=0.2)
    before, left = (int((e.constituents["charge"] != 0).sum()) for e in (events, after))
    assert abs(left - 0.8 * before) < 4 * np.sqrt(before * 0.2 * 0.8)
    neutral = [np.sort(e.constituents["pt"][e.constituents["charge"] == 0]) for e in (events, after)]
    assert np.array_equal(*neutral)


def test_tracks_of_the_core_are_lost_besides() -> None:
    events = made(2000)
    after = under(events, "track_efficiency", loss=0.1, core_loss=0.5, core_radius=0.2)
    rates = []
    for e in (events, after):
        # The axis moves when tracks are lost: that of the nominal jet counts, which neutrals keep track of.
        jet_of = ragged.row_of(e.jet_offsets)
        d_phi = (e.constituents["phi"] - e.jets["phi"][jet_of] + np.pi) % (2 * np.pi) - np.pi
        core = np.hypot(e.constituents["eta"] - e.jets["eta"][jet_of], d_phi) < 0.2
        charged = e.constituents["charge"] != 0
        rates.append([np.sum(charged & core), np.sum(charged & ~core)])
    inside, outside = np.array(rates[1]) / np.array(rates[0])
    assert inside == pytest.approx(0.45, abs=0.06)
    assert outside == pytest.approx(0.9, abs=0.06)


def test_what_the_calorimeter_sees_is_no_loss_of_energy() -> None:
    events = made()
    after = under(events, "track_efficiency", loss=0.5, calorimeter=True)
    for name in KINEMATICS:
        assert np.array_equal(after.jets[name], events.jets[name])
    lost = (events.constituents["charge"] != 0) & (after.constituents["charge"] == 0)
    assert 0.4 < lost.sum() / (events.constituents["charge"] != 0).sum() < 0.6
    assert set(after.constituents["pdg_class"][lost]) == {2}
    assert np.isnan(after.constituents["d0"][lost]).all()
    assert np.isfinite(after.constituents["d0"][~lost]).all()


def test_a_jet_without_constituents_is_dropped() -> None:
    events = made(500, n_constituents=2)
    events.constituents = {**events.constituents, "charge": np.ones_like(events.constituents["charge"])}
    after = under(events, "track_efficiency", loss=0.8)
    n_before, n_after = (np.diff(e.event_offsets) for e in (events, after))
    assert len(n_after) == len(n_before)
    assert n_after.sum() < n_before.sum()
    assert np.all(np.diff(after.jet_offsets) > 0)
    assert len(after.jets["pt"]) == n_after.sum() == len(after.jet_offsets) - 1


def test_smeared_directions_keep_energies() -> None:
    events = made(300)
    after = under(events, "angular_smearing", eta=0.01, phi=0.02)
    momentum = [np.sort(e.constituents["pt"] * np.cosh(e.constituents["eta"])) for e in (events, after)]
    assert momentum[1] == pytest.approx(momentum[0], rel=1e-12)
    energy = []
    for e in (events, after):
        parts = cartesian(*(e.constituents[name] for name in KINEMATICS))
        energy.append(np.sort(ragged.sums(parts[3], e.jet_offsets)))
    assert energy[1] == pytest.approx(energy[0], rel=1e-9)
    assert np.all((after.constituents["phi"] >= -np.pi) & (after.constituents["phi"] <= np.pi))


def test_widths_of_the_smearing() -> None:
    """Of many constituents that are alike: the width is what was asked for."""
    n = 20_000
    offsets = np.arange(n + 1)
    ids = {"run": np.ones(n, int), "lumi": np.ones(n, int), "event": np.arange(n)}
    columns = {"pt": np.full(n, 100.0), "eta": np.zeros(n), "phi": np.zeros(n), "mass": np.zeros(n)}
    events = Events(ids, dict(columns), offsets, dict(columns), offsets)
    after = under(events, "angular_smearing", eta=0.01, phi=0.02)
    error = 4 / np.sqrt(2 * n)
    assert after.constituents["eta"].std() == pytest.approx(0.01, rel=error)
    assert after.constituents["phi"].std() == pytest.approx(0.02, rel=error)
    assert abs(np.corrcoef(after.constituents["eta"], after.constituents["phi"])[0, 1]) < 4 / np.sqrt(n)
    for smear in ("jets", "constituents"):
        keys = {"factor": 1.25, "noise": 3.0, "stochastic": 0.8, "constant": 0.04, "smear": smear}
        pt = under(events, "energy_resolution", **keys).jets["pt"]
        # sqrt(1.25^2 - 1) = 3/4; (3 / 100)^2 + 0.8^2 / 100 + 0.04^2 = 0.0089
        assert pt.std() / 100 == pytest.approx(0.75 * np.sqrt(0.0089), rel=error)
        assert pt.mean() == pytest.approx(100, abs=4 * 7.1 / np.sqrt(n))


def test_a_jet_is_smeared_as_a_whole() -> None:
    events = made(50)
    after = under(events, "energy_resolution", factor=2.0)
    ratio = after.jets["mass"] / after.jets["pt"]
    order = np.argsort(ratio), np.argsort(events.jets["mass"] / events.jets["pt"])
    assert ratio[order[0]] == pytest.approx((events.jets["mass"] / events.jets["pt"])[order[1]], rel=1e-7)


@given(cut=st.integers(1, 39), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_chunks_and_order_do_not_matter(cut: int, seed: int) -> None:
    events = made(40, seed=2)
    kinds = (
        ("track_efficiency", {"loss": 0.3}),
        ("angular_smearing", {"eta": 0.01, "phi": 0.01}),
        ("energy_resolution", {"factor": 1.3}),
    )
    first = np.arange(40) < cut
    for kind, keys in kinds:
        whole = under(events, kind, seed=seed, **keys)
        parts = [under(events.select(mask), kind, seed=seed, **keys) for mask in (first, ~first)]
        for name in KINEMATICS:
            together = np.concatenate([part.jets[name] for part in parts])
            assert np.array_equal(together, whole.jets[name])


def test_random_numbers_follow_from_ids_dataset_seed_and_source() -> None:
    events = made(100)

    def numbers(dataset: str = "toy", name: str = "jer", seed: int = 1) -> np.ndarray:
        return Random(events, dataset, name, seed).uniform("track")

    assert np.array_equal(numbers(name="jer_up"), numbers(name="jer_down"))
    for other in (numbers(dataset="qcd"), numbers(name="tracks"), numbers(seed=2)):
        assert abs(np.corrcoef(numbers(), other)[0, 1]) < 0.08
    assert len(np.unique(numbers())) == len(numbers())
    assert abs(numbers().mean() - 0.5) < 4 / np.sqrt(12 * len(numbers()))


def test_a_missing_column_is_named() -> None:
    events = made(5)
    bare = {k: v for k, v in events.constituents.items() if k in KINEMATICS}
    events.constituents = bare
    with pytest.raises(MissingBranchError, match=r"store\.h5: no constituents/charge or pdg_class.*x "):
        under(events, "track_efficiency", loss=0.1)
    with pytest.raises(MissingBranchError, match="no constituents/pdg_class"):
        under(events, "energy_scale", shift=0.1, of="photons")
    events.constituents = {}
    with pytest.raises(MissingBranchError, match=r"no constituents, which variations\.x"):
        under(events, "energy_scale", shift=0.1)
