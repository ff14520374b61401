"""Pile-up that is overlaid: what is conserved, what random numbers depend on, what the store says of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from resonaut import ragged
from resonaut.errors import ConfigError, EmptyFileError, MismatchError, MissingBranchError
from resonaut.ingest import pileup
from resonaut.ingest.batch import Batch, Ragged
from resonaut.ingest.convert import convert
from resonaut.ingest.pileup import MinimumBias, PileUp
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.simulate.root_file import ChunkWriter
from resonaut.store import Store
from resonaut.variations.pileup import Overlay

COLUMNS = ("pt", "eta", "phi", "mass", "charge", "pdg_class", "d0", "dz")


def _candidates(rng, counts) -> Ragged:
    """Candidates of some events; half are charged, with dz within 1 mm."""
    n = int(np.sum(counts))
    charge = rng.integers(0, 2, n)
    columns = {
        "pt": rng.exponential(1.0, n) + 0.1,
        "eta": rng.uniform(-2.5, 2.5, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
        "mass": np.where(charge, 0.13957, 0.0),
        "charge": charge,
        "pdg_class": np.where(charge, 1, 3),
        "d0": np.where(charge, rng.normal(0, 0.05, n), np.nan),
        "dz": np.where(charge, rng.uniform(-1, 1, n), np.nan),
    }
    kept = {
        name: values.astype(np.float32 if values.dtype.kind == "f" else np.int32)
        for name, values in columns.items()
    }
    return Ragged(kept, ragged.offsets_of(np.asarray(counts)))


def _sample(n_events=200) -> MinimumBias:
    rng = np.random.default_rng(1)
    return MinimumBias(_candidates(rng, rng.integers(0, 12, n_events)), ("digest",))


def _batch(n_events=50, first=0) -> Batch:
    rng = np.random.default_rng(2)
    events = {
        "run": np.ones(n_events, np.int64),
        "lumi": np.zeros(n_events, np.int64),
        "event": np.arange(first, first + n_events),
        "gen_weight": np.ones(n_events),
    }
    return Batch(events, first, particles=_candidates(rng, rng.integers(3, 30, n_events)))


def _pileup(dataset="qcd", **values) -> PileUp:
    given = {"variation": "pileup_20", "seed": 1, "mean": 20, "minimum_bias": "minbias", **values}
    return PileUp(validate(Overlay, given), dataset, _sample())


def _overlaid(adder: PileUp, batch: Batch) -> Batch:
    (piece,) = adder.pieces(batch, "a.root")
    return piece


def test_every_candidate_of_the_event_stays_and_whole_interactions_are_added():
    adder, batch = _pileup(), _batch()
    found = _overlaid(adder, batch)
    hard, sample = batch.particles, adder.minimum_bias.particles
    assert found.events["n_pu"].sum() == adder.uses.sum()
    size = np.diff(sample.offsets)
    assert found.particles.offsets[-1] == hard.offsets[-1] + adder.uses @ size
    energy = ragged.sums(sample.columns["pt"].astype(np.float64), sample.offsets)
    total = found.particles.columns["pt"].sum(dtype=np.float64)
    assert total == pytest.approx(hard.columns["pt"].sum(dtype=np.float64) + adder.uses @ energy, rel=1e-6)
    for event in (0, 7, 49):
        mine = slice(*hard.offsets[event : event + 2])
        start = found.particles.offsets[event]
        for name in COLUMNS:
            # They stand before what is added, bit for bit.
            kept = found.particles.columns[name][start : start + mine.stop - mine.start]
            np.testing.assert_array_equal(kept, hard.columns[name][mine])


def test_the_number_of_interactions_is_poisson_distributed():
    n_pu = pileup._poisson(pileup._uniform(np.arange(40_000, dtype=np.uint64), 1), 60.0)
    assert n_pu.mean() == pytest.approx(60, abs=4 * np.sqrt(60 / 40_000))
    assert n_pu.var() == pytest.approx(60, rel=0.04)
    assert (n_pu >= pileup._poisson(pileup._uniform(np.arange(40_000, dtype=np.uint64), 1), 30.0)).all()


def test_streams_of_random_numbers_are_uniform_and_independent():
    keys = np.arange(20_000, dtype=np.uint64)
    streams = np.array([pileup._uniform(keys, stream) for stream in range(4)])
    assert streams.min() > 0
    assert streams.max() < 1
    np.testing.assert_allclose(streams.mean(axis=1), 0.5, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(streams) - np.eye(4), 0, atol=0.03)
    assert np.abs(np.corrcoef(streams[0][1:], streams[0][:-1])[0, 1]) < 0.03


def test_an_event_has_the_same_pileup_in_any_slice_and_with_any_memory(monkeypatch):
    whole = _overlaid(_pileup(), _batch())
    alone = _overlaid(_pileup(), _batch().take(np.array([31])))
    rows = slice(*whole.particles.offsets[31:33])
    for name in COLUMNS:
        np.testing.assert_array_equal(whole.particles.columns[name][rows], alone.particles.columns[name])
    monkeypatch.setattr(pileup, "PARTICLES_AT_A_TIME", 500)
    pieces = list(_pileup().pieces(_batch(), "a.root"))
    assert len(pieces) > 5
    for name in COLUMNS:
        joined = np.concatenate([piece.particles.columns[name] for piece in pieces])
        np.testing.assert_array_equal(joined, whole.particles.columns[name])


def test_it_depends_on_the_dataset_and_the_seed_and_not_on_the_mitigation():
    first = _overlaid(_pileup(), _batch()).particles.columns["pt"]
    assert len(_overlaid(_pileup("top"), _batch()).particles.columns["pt"]) != len(first)
    assert len(_overlaid(_pileup(seed=2), _batch()).particles.columns["pt"]) != len(first)
    kept = _overlaid(_pileup(mitigation="charged_subtraction"), _batch()).particles.columns["pt"]
    assert set(kept) < set(first)


def test_a_larger_mean_adds_to_the_interactions_of_a_smaller_one():
    small, large = _pileup(mean=5), _pileup(mean=40)
    few, many = _overlaid(small, _batch()), _overlaid(large, _batch())
    assert (small.uses <= large.uses).all()
    assert (few.events["n_pu"] <= many.events["n_pu"]).all()
    assert set(few.particles.columns["phi"]) <= set(many.particles.columns["phi"])


def test_interactions_are_rotated_reflected_and_moved_along_the_beam():
    """Of one track and one photon each: all angles, both signs of eta, and vertices of the beam spot."""
    one = {
        "pt": np.array([1.0, 2.0]),
        "eta": np.array([1.5, 0.5]),
        "phi": np.array([0.3, 0.7]),
        "mass": np.zeros(2),
        "charge": np.array([1, 0]),
        "pdg_class": np.array([1, 3]),
        "d0": np.array([0.02, np.nan]),
        "dz": np.array([0.1, np.nan]),
    }
    adder = _pileup(mean=100, beam_spot=45)
    adder = dataclasses.replace(adder, minimum_bias=MinimumBias(Ragged(one, np.array([0, 2])), ("x",)))
    n_pu = np.full(300, 100)
    columns, event = adder._interactions(np.arange(300, dtype=np.uint64) * 977, n_pu)
    track = columns["charge"] == 1
    np.testing.assert_array_equal(np.abs(columns["eta"][track]), 1.5)
    assert np.mean(columns["eta"][track] > 0) == pytest.approx(0.5, abs=0.02)
    between = (columns["phi"][~track] - columns["phi"][track]) % (2 * np.pi)
    np.testing.assert_allclose(between, 0.4, atol=1e-9)
    # Uniform in phi: all Fourier components vanish.
    for order in (1, 2, 3):
        assert np.abs(np.exp(1j * order * columns["phi"]).mean()) < 0.02
    assert np.isnan(columns["dz"][~track]).all()
    np.testing.assert_array_equal(columns["d0"][track], 0.02)
    # Two independent vertices of the beam spot: sqrt(2) 45 mm; within an event the leading one is common.
    assert columns["dz"][track].std() == pytest.approx(45 * np.sqrt(2), rel=0.06)
    of = event[track]
    inside = columns["dz"][track] - (np.bincount(of, columns["dz"][track]) / np.bincount(of))[of]
    assert inside.std() == pytest.approx(45, rel=0.02)


def test_it_is_counted_how_often_a_minimum_bias_event_is_used():
    adder = _pileup()
    _overlaid(adder, _batch())
    said = adder.described()
    assert said["n_interactions"] == adder.uses.sum()
    assert said["n_minimum_bias"] == 200
    assert said["uses_mean"] == pytest.approx(adder.uses.sum() / 200)
    assert said["uses_max"] == adder.uses.max()
    assert said["inputs"] == ["digest"]


def _write(path, particles: Ragged) -> str:
    """A file as the stage simulate writes it."""
    n_events = len(particles.offsets) - 1
    columns = {name.replace("pdg_class", "pdgClass"): values for name, values in particles.columns.items()}
    nothing = np.zeros(n_events + 1, np.int64)
    kinematics = {name: np.zeros(0) for name in ("pt", "eta", "phi", "mass")}
    coded = {**kinematics, "pdgId": np.zeros(0)}
    with ChunkWriter(path) as writer:
        writer.write(
            {
                "run": np.ones(n_events),
                "luminosityBlock": np.zeros(n_events),
                "event": np.arange(n_events),
                "genWeight": np.ones(n_events),
            },
            {
                "PFCand": (columns, particles.offsets),
                "GenJet": (kinematics, nothing),
                "GenPart": ({**coded, "status": np.zeros(0)}, nothing),
                "HeavyHadron": (coded, nothing),
            },
        )
        writer.finish({"n_generated": n_events, "sum_weights": float(n_events), "cross_section_pb": 1.0})
    return str(path)


def _hard(n_events=150) -> Ragged:
    """One jet of 10 candidates of 30 GeV in each event."""
    rng = np.random.default_rng(5)
    particles = _candidates(rng, np.full(n_events, 10))
    around = np.repeat(rng.uniform(-1, 1, n_events), 10)
    kinematics = {
        "pt": np.full(10 * n_events, 30.0),
        "eta": around + rng.normal(0, 0.1, 10 * n_events),
        "phi": rng.normal(0, 0.1, 10 * n_events),
    }
    found = {name: values.astype(np.float32) for name, values in kinematics.items()}
    return Ragged({**particles.columns, **found}, particles.offsets)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pileup")
    sample = _sample()
    return {
        "hard": _write(folder / "hard.root", _hard()),
        "minbias": [_write(folder / "minbias.root", sample.particles)],
        "empty": _write(folder / "empty.root", _candidates(np.random.default_rng(0), np.zeros(0, int))),
    }


def _store(files, output, minimum_bias=(), **overlay):
    task = {"dataset": "qcd", "label": "qcd", "ingest": {"jets": {"pt_min": 100}, "preselection": {}}}
    if overlay:
        task["pileup"] = {"variation": "v", "seed": 1, "minimum_bias": "minbias", **overlay}
    convert([files["hard"]], output, validate(IngestTask, task), minimum_bias)
    with Store(output) as store:
        return store.read(), store.attributes


def test_jets_are_clustered_with_pileup_and_the_store_says_so(files, tmp_path):
    nominal, attributes = _store(files, tmp_path / "nominal.h5")
    assert "pileup" not in attributes
    assert "pileup" not in json.loads(attributes["settings"])
    assert "n_pu" not in nominal.events
    found = {}
    for mitigation in ("none", "charged_subtraction", "softkiller"):
        events, attributes = _store(
            files, tmp_path / f"{mitigation}.h5", files["minbias"], mean=30, mitigation=mitigation
        )
        said = json.loads(attributes["pileup"])
        assert said["n_interactions"] == events.events["n_pu"].sum()
        np.testing.assert_array_equal(events.events["event"], nominal.events["event"])
        leading = events.jets["pt"][events.event_offsets[:-1]]
        found[mitigation] = np.mean(leading - nominal.jets["pt"][nominal.event_offsets[:-1]])
    # 30 interactions of 5.5 candidates of 1.1 GeV over |eta| < 2.5 are 5.8 GeV per unit of area; in a jet of
    # R = 1, along its axis, pi R^2 times 2 J1(R) / R of it.
    assert found["none"] == pytest.approx(5.8 * np.pi * 0.88, rel=0.15)
    assert found["charged_subtraction"] == pytest.approx(found["none"] / 2, rel=0.2)
    assert 0 <= found["softkiller"] < found["none"]


def test_minimum_bias_without_settings_or_settings_without_it_are_refused(files, tmp_path):
    with pytest.raises(ConfigError, match=r"--minimum-bias.*no 'pileup'"):
        _store(files, tmp_path / "a.h5", files["minbias"])
    with pytest.raises(EmptyFileError, match="--minimum-bias: no minimum-bias events"):
        _store(files, tmp_path / "a.h5", mean=30)
    with pytest.raises(EmptyFileError, match=r"empty.root: the tree 'Events' has 0 events"):
        _store(files, tmp_path / "a.h5", [files["empty"]], mean=30)
    assert not (tmp_path / "a.h5").exists()


def test_a_sample_too_large_for_memory_is_refused(files, tmp_path, monkeypatch):
    monkeypatch.setattr(pileup, "EVENTS_MAX", 100)
    with pytest.raises(ConfigError, match=r"minbias.root: there are more than 100"):
        _store(files, tmp_path / "a.h5", files["minbias"], mean=30)


def test_events_of_jets_and_unknown_columns_are_refused():
    batch = _batch()
    jets = dataclasses.replace(batch, particles=None, jets=batch.particles)
    with pytest.raises(MissingBranchError, match=r"a.root: pile-up needs the candidates.*'pileup_20'"):
        _overlaid(_pileup(), jets)
    particles = Ragged(
        {**batch.particles.columns, "puppi": batch.particles.columns["pt"]}, batch.particles.offsets
    )
    with pytest.raises(MismatchError, match=r"a.root: its candidates have puppi"):
        _overlaid(_pileup(), dataclasses.replace(batch, particles=particles))


def test_candidates_without_tracks_get_pileup_without_tracks():
    batch = _batch()
    bare = {name: batch.particles.columns[name] for name in ("pt", "eta", "phi", "mass")}
    found = _overlaid(_pileup(), dataclasses.replace(batch, particles=Ragged(bare, batch.particles.offsets)))
    assert set(found.particles.columns) == set(bare)
    assert found.particles.offsets[-1] > 3 * batch.particles.offsets[-1]
