"""Real Delphes files: jets agree with the candidates that their references point to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut import ragged, registry
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, MissingBranchError
from resonaut.ingest.batch import Batch, Ragged
from resonaut.ingest.contents import contents_of, find_reader
from resonaut.ingest.convert import convert
from resonaut.ingest.methods import delphes
from resonaut.ingest.references import resolve
from resonaut.ingest.rootfile import open_root
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.store import Store

COLLECTIONS = {
    "Jet": 106,
    "ParticleFlowJet02": 85,
    "ParticleFlowJet04": 113,
    "ParticleFlowJet08": 158,
    "ParticleFlowJet15": 154,
}


@functools.cache
def opened(path: str) -> Any:
    """The list of a thousand branches takes seconds to read: once is enough."""
    return uproot.open(path)


@functools.cache
def batches(path: str, collection: str | None, step: int = 100, **options: Any) -> list[Batch]:
    reader = registry.build("ingest", "delphes", options)
    return list(reader.batches(opened(path), path, collection, step))


def total_momentum(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """pt and mass of the sum of each jet's constituents."""
    # A few tracks are smeared to pt 0 (eta 999.9); they still have mass in the jets of Delphes.
    members = batch.constituents.keep(batch.constituents.columns["pt"] > 0)
    c = {name: members.columns[name].astype(np.float64) for name in ("pt", "eta", "phi", "mass")}
    x, y, z = c["pt"] * np.cos(c["phi"]), c["pt"] * np.sin(c["phi"]), c["pt"] * np.sinh(c["eta"])
    energy = np.sqrt(x**2 + y**2 + z**2 + c["mass"] ** 2)
    x, y, z, energy = (ragged.sums(values, members.offsets) for values in (x, y, z, energy))
    return np.hypot(x, y), np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0))


def members(found: list[Batch]) -> list[Ragged]:
    return [batch.constituents for batch in found]


def test_all_616_jets_agree_with_their_constituents(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    seen = 0
    for collection, n_jets in COLLECTIONS.items():
        found = batches(path, collection)
        pt = np.concatenate([batch.jets.columns["pt"] for batch in found])
        mass = np.concatenate([batch.jets.columns["mass"] for batch in found])
        summed_pt, summed_mass = map(np.concatenate, zip(*map(total_momentum, found), strict=True))
        assert len(pt) == n_jets
        # 1 % is asked for; the files hold single precision and agree to it.
        np.testing.assert_allclose(summed_pt, pt, rtol=1e-6)
        whole = np.concatenate(
            [ragged.sums((m.columns["pt"] == 0) * 1, m.offsets) == 0 for m in members(found)]
        )
        assert whole.mean() > 0.9
        np.testing.assert_allclose(summed_mass[whole], mass[whole], rtol=1e-3, atol=0.02)
        seen += len(pt)
    assert seen == 616


@pytest.mark.parametrize(
    ("collection", "n_jets"), [("JetPUPPIAK8", 21), ("JetPUPPIAK15", 26), ("GenJetAK8", 21)]
)
def test_jets_of_another_card(real_file: Callable[[str], str], collection: str, n_jets: int) -> None:
    (batch,) = batches(real_file("jetclass2_delphes_example.root"), collection)
    assert len(batch.jets.columns["pt"]) == n_jets
    pt, mass = total_momentum(batch)
    np.testing.assert_allclose(pt, batch.jets.columns["pt"], rtol=1e-6)
    # With the leaf Eta of charged candidates, a position in the detector, masses are off by 5 % and more.
    whole = ragged.sums((batch.constituents.columns["pt"] == 0) * 1, batch.constituents.offsets) == 0
    assert whole.mean() > 0.7
    np.testing.assert_allclose(mass[whole], batch.jets.columns["mass"][whole], rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("collection", ["CaloJet08", "TrackJet08"])
def test_towers_and_tracks(real_file: Callable[[str], str], collection: str) -> None:
    (batch,) = batches(real_file("delphes.root"), collection)
    np.testing.assert_allclose(total_momentum(batch)[0], batch.jets.columns["pt"], rtol=1e-6)
    # A tower's charge is not known: the column is absent, not zeros.
    assert ("charge" in batch.constituents.columns) == (collection == "TrackJet08")


@pytest.mark.parametrize("collection", ["ParticleFlowJet02", None])
def test_step_changes_nothing(real_file: Callable[[str], str], collection: str | None) -> None:
    whole = batches(real_file("delphes.root"), collection)
    parts = batches(real_file("delphes.root"), collection, step=9)
    assert (len(whole), len(parts)) == (1, 3)
    group = "particles" if collection is None else "constituents"
    for name, values in getattr(whole[0], group).columns.items():
        np.testing.assert_array_equal(
            np.concatenate([getattr(p, group).columns[name] for p in parts]), values
        )
    assert [p.events["event"].tolist() for p in parts][1] == list(range(9, 18))


def test_energy_flow_columns(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    (batch,) = batches(path, None)
    c = batch.particles.columns
    tree = opened(path)["Delphes"]
    expected = {name: int(ak.sum(tree[f"{name}_size"].array())) for name in delphes._ENERGY_FLOW}
    assert len(c["pt"]) == sum(expected.values()) - 14  # without momentum
    assert (c["pdg_class"] == 3).sum() == pytest.approx(expected["EFlowPhoton"], abs=14)
    assert (c["pdg_class"] == 2).sum() == pytest.approx(expected["EFlowNeutralHadron"], abs=14)
    assert (c["charge"] != 0).sum() == pytest.approx(expected["EFlowTrack"], abs=14)
    assert (np.isnan(c["d0"]) == (c["charge"] == 0)).all()
    momenta = {"EFlowTrack": "PT", "EFlowPhoton": "ET", "EFlowNeutralHadron": "ET"}
    total = sum(ak.sum(tree[f"{name}.{leaf}"].array()) for name, leaf in momenta.items())
    assert c["pt"].astype(float).sum() == pytest.approx(total, rel=1e-5)


def test_clustered_jets_are_those_of_delphes(real_file: Callable[[str], str], tmp_path: Path) -> None:
    """Delphes' own anti-kt R = 0.8 jets of the same candidates come out of our clustering."""
    path = real_file("delphes.root")
    ingest = {"jets": {"radius": 0.8, "pt_min": 30, "n_max": 50}, "preselection": {}}
    own, theirs = tmp_path / "own.h5", tmp_path / "theirs.h5"
    convert([path], own, validate(IngestTask, {"dataset": "d", "ingest": ingest}))
    named = {**ingest, "collection": "ParticleFlowJet08"}
    convert([path], theirs, validate(IngestTask, {"dataset": "d", "ingest": named}))
    with Store(own) as first, Store(theirs) as second:
        a, b = first.read(), second.read()
        assert "cross_section" not in first.attributes
        assert first.attributes["sum_weights"] == pytest.approx(25 * 1530891.0)
    np.testing.assert_array_equal(a.event_offsets, b.event_offsets)
    np.testing.assert_allclose(a.jets["pt"], b.jets["pt"], rtol=1e-5)
    np.testing.assert_allclose(a.events["mass"], b.events["mass"], rtol=1e-3)
    np.testing.assert_array_equal(a.constituents["pt"], b.constituents["pt"])
    np.testing.assert_array_equal(a.jet_offsets, b.jet_offsets)


def test_references_are_masked_and_stay_inside_their_event() -> None:
    process = 1 << 24
    ids = np.array([process + 5, process + 9, process + 5, 7], np.uint32)
    offsets = np.array([0, 2, 4])
    found = resolve(np.array([9, 5, 5, 7, 9]), np.array([0, 0, 1, 1, 1]), ids, offsets)
    # 9 stands in the first event only.
    assert found.tolist() == [1, 0, 2, 3, -1]
    assert resolve(np.array([1]), np.array([0]), ids[:0], np.array([0, 0])).tolist() == [-1]


def test_reference_to_a_lost_candidate(
    real_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delphes, "_GROUPS", (("EFlowTrack",), ("EFlowPhoton",)))
    with pytest.raises(
        BadValueError, match=r"constituents of ParticleFlowJet08 are in none of EFlowTrack, EFlowPhoton"
    ):
        batches.__wrapped__(real_file("delphes.root"), "ParticleFlowJet08")


def test_the_format_is_recognised(real_file: Callable[[str], str]) -> None:
    for name in ("delphes.root", "jetclass2_delphes_example.root"):
        path = real_file(name)
        with open_root(path) as file:
            assert find_reader(contents_of(file, path, "root"), "auto") == "delphes"


def test_the_file_without_a_tree_is_named(real_file: Callable[[str], str]) -> None:
    path = real_file("bad_delphes.root")
    with open_root(path) as file, pytest.raises(CorruptFileError, match=r"bad_delphes\.root: .* no tree"):
        registry.build("ingest", "delphes", {}).info(file, path)


def test_candidates_are_an_option(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    tree = opened(path)["Delphes"]
    (towers,) = batches(path, None, candidates=("Tower",))
    found = np.asarray(ak.flatten(tree["Tower.ET"].array()))
    np.testing.assert_array_equal(towers.particles.columns["pt"], found[found > 0])
    assert "charge" not in towers.particles.columns
    (particles,) = batches(path, None, candidates=("Particle",))
    kind = np.abs(ak.flatten(tree["Particle.PID"].array()))
    stable = (ak.flatten(tree["Particle.Status"].array()) == 1) & (kind != 12) & (kind != 14) & (kind != 16)
    assert len(particles.particles.columns["pt"]) == ak.sum(
        stable & (ak.flatten(tree["Particle.PT"].array()) > 0)
    )
    (both,) = batches(path, None, candidates=("Track", "Tower"))
    assert "d0" not in both.particles.columns
    with pytest.raises(ConfigError, match=r"options.candidates: 'Jet' holds no candidates. Known: .*Tower, "):
        batches(path, None, candidates=("Jet",))
    with pytest.raises(MissingBranchError, match=r"no branch 'EFlowPhotons'. Did you mean 'EFlowPhoton'?"):
        batches(path, None, candidates=("EFlowPhotons",))


def test_jets_alone(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    (batch,) = batches(path, "ParticleFlowJet08", candidates="none")
    (whole,) = batches(path, "ParticleFlowJet08")
    assert batch.constituents is None
    for name, values in whole.jets.columns.items():
        np.testing.assert_array_equal(batch.jets.columns[name], values)
    with pytest.raises(ConfigError, match="leaves nothing to cluster"):
        batches(path, None, candidates="none")


def test_generator_weights_and_jets(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    (batch,) = batches(path, None, weights="WeightLHEF", gen_jets="GenJet15")
    names = [name for name in batch.events if name.startswith("weights/")]
    assert len(names) == 147
    tree = opened(path)["Delphes"]
    expected = tree["WeightLHEF.Weight"].array()
    for name in ("weights/0", "weights/146"):
        np.testing.assert_array_equal(batch.events[name], np.asarray(expected[:, int(name.split("/")[1])]))
    np.testing.assert_array_equal(
        batch.gen_jets.columns["pt"], np.asarray(ak.flatten(tree["GenJet15.PT"].array()))
    )
    (default,) = batches(path, None)
    assert len(default.gen_jets.columns["pt"]) == ak.sum(tree["GenJet_size"].array())
    with pytest.raises(MissingBranchError, match=r"no branch 'WeightLHE'. Did you mean 'WeightLHEF'"):
        batches(path, None, weights="WeightLHE")


def test_only_branches_in_use_are_read(
    real_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_file("delphes.root")
    seen: set[str] = set()
    kind = type(opened(path)["Delphes"]["Event"]["Event.Weight"])
    array = kind.array

    def spy(self: Any, *args: Any, **options: Any) -> Any:
        seen.add(self.name)
        return array(self, *args, **options)

    monkeypatch.setattr(uproot.TBranch, "array", spy)
    (_,) = batches.__wrapped__(path, None, candidates=("Tower",))
    assert seen == {
        "Event.Weight",
        *(f"Tower.{leaf}" for leaf in ("ET", "Eta", "Phi", "fUniqueID")),
        *(f"GenJet.{leaf}" for leaf in ("PT", "Eta", "Phi", "Mass")),
    }
