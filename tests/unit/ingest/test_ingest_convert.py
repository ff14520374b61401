"""The event store that `ingest` makes of simulated files: values, counts, bounded memory, determinism."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import fastjet
import h5py
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut.events import Events
from resonaut.ingest.batch import Ragged
from resonaut.ingest.cluster import cluster
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask, JetSettings
from resonaut.settings import validate
from resonaut.store import Store


def task(**ingest: Any) -> IngestTask:
    return validate(IngestTask, {"dataset": "toy", "label": "qcd", "reader": "resonaut", "ingest": ingest})


def ingest(source: Path, output: Path, **settings: Any) -> tuple[Events, dict[str, Any]]:
    convert([str(source)], output, task(**settings))
    with Store(output) as store:
        return store.read(), store.attributes


def datasets(path: Path) -> dict[str, np.ndarray]:
    found = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[:]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def one_by_one(source: Path, radius: float, pt_min: float) -> list[list[fastjet.PseudoJet]]:
    """Jets of each event by FastJet's own classes instead of its array interface."""
    tree = uproot.open(source)["Events"]
    columns = [tree[f"PFCand_{name}"].array() for name in ("pt", "eta", "phi", "mass")]
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    events = []
    for event in zip(*columns, strict=True):
        inputs = []
        for pt, eta, phi, mass in zip(*(np.asarray(column, np.float64) for column in event), strict=True):
            momentum = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
            inputs.append(fastjet.PseudoJet(*momentum, np.sqrt(np.dot(momentum, momentum) + mass**2)))
        sequence = fastjet._swig.ClusterSequence(inputs, definition)
        jets = fastjet.sorted_by_pt(sequence.inclusive_jets(pt_min))
        events.append(
            [(jet.pt(), jet.eta(), jet.phi_std(), jet.m(), len(jet.constituents())) for jet in jets]
        )
    return events


def test_jets_are_those_of_fastjet(simulated: Path, tmp_path: Path) -> None:
    events, _ = ingest(simulated, tmp_path / "s.h5", preselection={}, jets={"pt_min": 20, "n_max": 100})
    expected = one_by_one(simulated, 1.0, 20.0)
    assert np.diff(events.event_offsets).tolist() == [len(jets) for jets in expected]
    pt, eta, phi, mass, multiplicity = np.array([jet for jets in expected for jet in jets]).T
    np.testing.assert_allclose(events.jets["pt"], pt, rtol=1e-6)
    np.testing.assert_allclose(events.jets["eta"], eta, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(events.jets["phi"], phi, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(events.jets["mass"], mass, rtol=1e-5, atol=1e-4)
    assert np.diff(events.jet_offsets).tolist() == multiplicity.tolist()


def test_constituents_add_up_to_their_jet(simulated: Path, tmp_path: Path) -> None:
    events, _ = ingest(simulated, tmp_path / "s.h5")
    c = {name: values.astype(np.float64) for name, values in events.constituents.items()}
    jet = np.repeat(np.arange(len(events.jets["pt"])), np.diff(events.jet_offsets))
    momenta = (c["pt"] * np.cos(c["phi"]), c["pt"] * np.sin(c["phi"]), c["pt"] * np.sinh(c["eta"]))
    px, py, pz = (np.bincount(jet, values) for values in momenta)
    np.testing.assert_allclose(np.hypot(px, py), events.jets["pt"], rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(py, px), events.jets["phi"], atol=1e-6)
    np.testing.assert_allclose(np.arcsinh(pz / np.hypot(px, py)), events.jets["eta"], atol=1e-6)
    for first, last in zip(events.jet_offsets[:-1], events.jet_offsets[1:], strict=True):
        assert (np.diff(c["pt"][first:last]) <= 0).all()


def test_columns_follow_their_candidate(simulated: Path, tmp_path: Path) -> None:
    events, _ = ingest(simulated, tmp_path / "s.h5")
    c = events.constituents
    assert set(c) == {"pt", "eta", "phi", "mass", "charge", "pdg_class", "d0", "dz"}
    neutral = c["charge"] == 0
    assert neutral.any()
    assert (~neutral).any()
    assert (np.isnan(c["d0"]) == neutral).all()
    assert (c["pdg_class"] == np.where(neutral, 3, 1)).all()
    assert set(c["pt"].tolist()) <= set(
        ak.flatten(uproot.open(simulated)["Events/PFCand_pt"].array()).tolist()
    )


def test_mass_is_that_of_the_two_leading_jets(simulated: Path, tmp_path: Path) -> None:
    events, _ = ingest(simulated, tmp_path / "s.h5")
    for row, first in enumerate(events.event_offsets[:-1]):
        pt, eta, phi, mass = (
            events.jets[name][first : first + 2].astype(float) for name in ("pt", "eta", "phi", "mass")
        )
        transverse = np.sqrt(pt**2 + mass**2)
        rapidity = np.arcsinh(pt * np.sinh(eta) / transverse)
        # m^2 = m1^2 + m2^2 + 2 (mT1 mT2 cosh(dy) - pT1 pT2 cos(dphi))
        squared = (mass**2).sum() + 2 * (
            transverse.prod() * np.cosh(rapidity[0] - rapidity[1]) - pt.prod() * np.cos(phi[0] - phi[1])
        )
        assert events.events["mass"][row] == pytest.approx(np.sqrt(squared), rel=1e-9)


def test_one_jet_gives_its_mass_and_none_gives_zero(tmp_path: Path, write: Any, sample: Any) -> None:
    toy = sample(3)
    toy.candidates = {
        name: ak.concatenate([values[:1], values[1:2][:, :0], values[2:]])
        for name, values in toy.candidates.items()
    }
    hemisphere = ak.Array(
        [
            [True] * len(toy.candidates["pt"][0]),
            [],
            np.cos(toy.candidates["phi"][2] - toy.candidates["phi"][2][0]) > 0,
        ]
    )
    toy.candidates = {name: values[hemisphere] for name, values in toy.candidates.items()}
    source = write(tmp_path / "toy.root", toy)
    events, _ = ingest(source, tmp_path / "s.h5", preselection={}, jets={"pt_min": 200})
    n_jets = np.diff(events.event_offsets)
    assert n_jets.tolist() == [2, 0, 1]
    assert events.events["mass"][1] == 0
    assert events.events["mass"][2] == pytest.approx(events.jets["mass"][2], rel=1e-5)
    strict, attributes = ingest(source, tmp_path / "t.h5", preselection={"n_jets_min": 2})
    assert len(strict) == 1
    assert json.loads(attributes["cut_flow"])["ingest_n_jets"] == 1


def test_counts_are_conserved(simulated: Path, tmp_path: Path) -> None:
    events, attributes = ingest(
        simulated,
        tmp_path / "s.h5",
        preselection={"n_jets_min": 2, "leading_jet_pt_min": 900, "mass_min": 1800},
    )
    flow = json.loads(attributes["cut_flow"])
    cuts = ["ingest_good", "ingest_n_jets", "ingest_leading_jet_pt", "ingest_mass"]
    assert list(flow) == ["generated", "read", *cuts]
    assert flow["generated"] == 80
    assert flow["read"] == 40
    counts = list(flow.values())
    assert all(after <= before for before, after in itertools.pairwise(counts))
    assert 0 < flow["ingest_mass"] < flow["read"]
    assert flow["ingest_mass"] == attributes["n_events"] == len(events)
    assert attributes["n_generated"] == 80
    assert attributes["sum_weights"] == 100.0
    assert attributes["cross_section"] == 12.5
    leading = events.jets["pt"][events.event_offsets[:-1]]
    assert (leading >= 900).all()
    assert (events.events["mass"] >= 1800).all()


def test_two_files_are_one_chunk(tmp_path: Path, write: Any, sample: Any) -> None:
    first, second = sample(10, seed=1), sample(30, seed=2)
    second.changes = {"cross_section_pb": 14.5}
    paths = [str(write(tmp_path / f"{name}.root", part)) for name, part in (("a", first), ("b", second))]
    convert(paths, tmp_path / "s.h5", task(duplicates="keep"))
    apart = [ingest(Path(path), tmp_path / f"{Path(path).stem}.h5")[0] for path in paths]
    with Store(tmp_path / "s.h5") as store:
        together = store.read()
        # 20 and 60 generated events
        assert store.attributes["cross_section"] == pytest.approx((12.5 * 20 + 14.5 * 60) / 80)
        assert store.attributes["sum_weights"] == 100.0
    for name in ("pt", "eta", "phi", "mass"):
        np.testing.assert_array_equal(together.jets[name], np.concatenate([p.jets[name] for p in apart]))


def test_cross_section_of_the_configuration_wins(simulated: Path, tmp_path: Path) -> None:
    convert([str(simulated)], tmp_path / "s.h5", IngestTask(dataset="toy", cross_section=3.0))
    with Store(tmp_path / "s.h5") as store:
        assert store.attributes["cross_section"] == 3.0
        assert store.attributes["label"] == ""
        assert "label" not in store.read().events


@pytest.mark.parametrize("step", [1, 7, 39, 40])
def test_step_changes_nothing(simulated: Path, tmp_path: Path, step: int) -> None:
    ingest(simulated, tmp_path / "all.h5")
    ingest(simulated, tmp_path / "steps.h5", step_events=step)
    whole, steps = datasets(tmp_path / "all.h5"), datasets(tmp_path / "steps.h5")
    assert whole.keys() == steps.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], steps[name], err_msg=name)
        assert whole[name].dtype == steps[name].dtype


def test_equal_content_gives_equal_bytes(tmp_path: Path, write: Callable, sample: Callable) -> None:
    sources, outputs = [], []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        source = write(tmp_path / name / "toy.root", sample(12))
        ingest(source, tmp_path / name / "s.h5")
        sources.append(source.read_bytes())
        outputs.append((tmp_path / name / "s.h5").read_bytes())
    assert sources[0] != sources[1]
    assert outputs[0] == outputs[1]


def test_provenance_names_settings_versions_and_content(simulated: Path, tmp_path: Path) -> None:
    _, attributes = ingest(simulated, tmp_path / "s.h5", jets={"radius": 0.8})
    provenance = json.loads(attributes["provenance"])
    assert provenance["inputs"] == {"dijets.root": "abc"}
    assert provenance["settings"]["ingest"]["jets"]["radius"] == 0.8
    assert {"fastjet", "resonaut", "uproot"} <= set(provenance["versions"])
    assert str(tmp_path) not in json.dumps({k: str(v) for k, v in attributes.items()})
    record = json.loads((tmp_path / "s.h5.run.json").read_text())
    assert record["output"] == "s.h5"


particles = st.lists(
    st.tuples(st.floats(1, 500), st.floats(-2.5, 2.5), st.floats(-3.1, 3.1)), min_size=1, max_size=12
)


@given(particles, st.randoms(use_true_random=False), st.floats(-3, 3))
@hypothesis_settings(max_examples=60, deadline=None)
def test_jets_ignore_the_order_and_turn_with_the_event(event: Any, random: Any, angle: float) -> None:
    def jets(rows: list, turn: float = 0.0) -> dict[str, np.ndarray]:
        pt, eta, phi = np.array(rows).T
        columns = {"pt": pt, "eta": eta, "phi": phi + turn, "mass": np.zeros(len(pt))}
        found, _ = cluster(Ragged(columns, np.array([0, len(pt)])), JetSettings(pt_min=5, radius=0.7))
        return found.columns

    straight = jets(event)
    shuffled = random.sample(event, len(event))
    # Distances that are equal to the last digits may be resolved either way.
    np.testing.assert_allclose(jets(shuffled)["pt"].sum(), straight["pt"].sum(), rtol=1e-6)
    turned = jets(event, angle)
    if len(turned["pt"]) == len(straight["pt"]):
        np.testing.assert_allclose(turned["pt"], straight["pt"], rtol=1e-6)
        np.testing.assert_allclose(turned["mass"], straight["mass"], rtol=1e-4, atol=1e-3)
