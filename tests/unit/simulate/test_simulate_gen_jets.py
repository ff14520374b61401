"""Compiled anti-kt against FastJet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.simulate.gen_jets import cluster


def _event(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Two collimated sprays on a soft background."""
    third = n // 3
    eta = np.concatenate(
        [rng.normal(0.3, 0.15, third), rng.normal(-0.8, 0.3, third), rng.uniform(-5, 5, n - 2 * third)]
    )
    phi = np.concatenate(
        [rng.normal(3.1, 0.2, third), rng.normal(0, 0.3, third), rng.uniform(-4, 4, n - 2 * third)]
    )
    pt = np.concatenate([rng.exponential(20, 2 * third), rng.exponential(0.7, n - 2 * third)]) + 0.01
    mass = rng.choice([0.0, 0.13957, 0.938], n)
    return {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "e": np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2),
    }


def _fastjet(
    particles: dict[str, np.ndarray], offsets: np.ndarray, radius: float, pt_min: float
) -> list[np.ndarray]:
    import awkward as ak
    import fastjet

    contents = [ak.contents.NumpyArray(particles[name]) for name in ("px", "py", "pz", "e")]
    record = ak.contents.RecordArray(
        contents, ["px", "py", "pz", "E"], parameters={"__record__": "Momentum4D"}
    )
    array = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    sequence = fastjet.ClusterSequence(array, definition)
    jets = sequence.inclusive_jets(min_pt=pt_min)
    return [
        np.array([[jet["px"], jet["py"], jet["pz"], jet["E"]] for jet in event]).reshape(-1, 4)
        for event in jets.to_list()
    ]


@pytest.mark.parametrize("radius", [0.4, 0.8, 1.0])
def test_every_jet_is_fastjets(radius):
    rng = np.random.default_rng(int(10 * radius))
    sizes = [1, 2, 17, 300, 450, 900]
    events = [_event(rng, n) for n in sizes]
    particles = {name: np.concatenate([event[name] for event in events]) for name in events[0]}
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    columns, found = cluster(particles, offsets, radius, 1.0)
    for number, expected in enumerate(_fastjet(particles, offsets, radius, 1.0)):
        jets = {name: values[found[number] : found[number + 1]] for name, values in columns.items()}
        pt = np.hypot(expected[:, 0], expected[:, 1])
        order = np.argsort(-pt)
        assert len(jets["pt"]) == len(pt)
        assert jets["pt"] == pytest.approx(pt[order], rel=1e-12)
        assert jets["eta"] == pytest.approx(np.arcsinh(expected[:, 2] / pt)[order], rel=1e-10, abs=1e-10)
        assert np.cos(jets["phi"] - np.arctan2(expected[:, 1], expected[:, 0])[order]) == pytest.approx(1.0)
        mass2 = expected[:, 3] ** 2 - pt**2 - expected[:, 2] ** 2
        assert jets["mass"] ** 2 == pytest.approx(np.maximum(mass2, 0)[order], rel=1e-6, abs=1e-6)


def test_no_events_and_empty_events():
    nothing = {name: np.empty(0) for name in ("px", "py", "pz", "e")}
    columns, offsets = cluster(nothing, np.array([0, 0, 0]), 1.0, 1.0)
    assert offsets.tolist() == [0, 0, 0]
    assert len(columns["pt"]) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 120))
def test_order_of_particles_and_rotation_do_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    event = _event(rng, n)
    offsets = np.array([0, n])
    expected, _ = cluster(event, offsets, 1.0, 1.0)
    order = rng.permutation(n)
    turn = rng.uniform(-3, 3)
    turned = {
        "px": np.cos(turn) * event["px"] - np.sin(turn) * event["py"],
        "py": np.sin(turn) * event["px"] + np.cos(turn) * event["py"],
        "pz": event["pz"],
        "e": event["e"],
    }
    found, _ = cluster({name: values[order] for name, values in turned.items()}, offsets, 1.0, 1.0)
    assert found["pt"] == pytest.approx(expected["pt"], rel=1e-9)
    assert found["mass"] == pytest.approx(expected["mass"], rel=1e-4, abs=1e-3)
    assert np.cos(found["phi"] - expected["phi"] - turn) == pytest.approx(1.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 120))
def test_momentum_is_conserved(seed, n):
    event = _event(np.random.default_rng(seed), n)
    columns, _ = cluster(event, np.array([0, n]), 0.7, 0.0)
    assert (columns["pt"] * np.sinh(columns["eta"])).sum() == pytest.approx(
        event["pz"].sum(), rel=1e-9, abs=1e-6
    )
    assert (columns["pt"] * np.cos(columns["phi"])).sum() == pytest.approx(event["px"].sum(), abs=1e-6)
