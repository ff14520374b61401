"""Whole chunks: reproducible, complete, and of the physics that was asked for."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut.cli import main
from resonaut.errors import ConfigError
from resonaut.settings import validate
from resonaut.simulate.events import simulate_chunk
from resonaut.simulate.methods.pythia import Settings

QCD = {"process": "qcd_dijet", "cuts": {"pt_hat_min": 1130, "m_hat_min": 2300}, "seed": 1}


def _chunk(folder, chunk=0, name="out.root", dataset="qcd", **options):
    settings = validate(Settings, {"n_events": 60, "chunk_events": 30, **QCD, **options})
    summary = simulate_chunk(dataset, "pythia", settings, chunk, folder / name)
    with uproot.open(folder / name) as file:
        return summary, file["Events"].arrays(), file["Runs"].arrays()[0]


def _jets(events: ak.Array, radius: float = 1.0) -> ak.Array:
    """The two leading jets of particle-flow candidates, by FastJet."""
    import fastjet

    pt, eta, phi, mass = (
        ak.values_astype(events[f"PFCand_{name}"], np.float64) for name in ("pt", "eta", "phi", "mass")
    )
    momenta = ak.zip(
        {
            "px": pt * np.cos(phi),
            "py": pt * np.sin(phi),
            "pz": pt * np.sinh(eta),
            "E": np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2),
        },
        with_name="Momentum4D",
    )
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    jets = fastjet.ClusterSequence(momenta, definition).inclusive_jets(min_pt=100)
    order = ak.argsort(np.hypot(jets.px, jets.py), ascending=False)
    return jets[order][:, :2]


def _mass(momenta: ak.Array) -> ak.Array:
    squared = momenta.E**2 - momenta.px**2 - momenta.py**2 - momenta.pz**2
    return np.sqrt(np.maximum(squared, 0))


def test_a_chunk_is_reproducible_and_no_other_chunks_copy(tmp_path):
    first, events, runs = _chunk(tmp_path)
    again, same, _ = _chunk(tmp_path, name="again.root")
    assert first == again
    assert events.fields == same.fields
    for name in events.fields:
        assert ak.array_equal(events[name], same[name], equal_nan=True), name
    other, different, _ = _chunk(tmp_path, chunk=1, name="other.root")
    assert other.seed != first.seed
    assert other.content_digest != first.content_digest
    assert not ak.array_equal(events.PFCand_pt, different.PFCand_pt)
    assert set(events.luminosityBlock) == {0}
    assert set(different.luminosityBlock) == {1}
    assert events.event.to_list() == list(range(1, 31))
    assert set(events.run) == {1}
    assert runs["content_digest"] == first.content_digest
    assert _chunk(tmp_path, name="named.root", dataset="qcd2")[0].seed != first.seed


def test_runs_holds_the_cross_section_and_where_the_events_come_from(tmp_path):
    summary, events, runs = _chunk(tmp_path)
    assert runs["n_generated"] == runs["n_accepted"] == len(events) == 30
    assert runs["sum_weights"] == ak.sum(events.genWeight) == 30
    # 4.54 +- 0.05 pb with 2000 events.
    assert runs["cross_section_pb"] == pytest.approx(4.54, rel=0.4)
    assert 0 < runs["cross_section_error_pb"] < runs["cross_section_pb"]
    assert runs["dataset"] == "qcd"
    assert 1 <= runs["seed"] <= 900_000_000
    provenance = json.loads(runs["provenance"])
    assert provenance["settings"]["settings"]["cuts"]["pt_hat_min"] == 1130
    assert provenance["versions"]["pythia8mc"] == "8.317.2"
    assert summary.cross_section_pb == runs["cross_section_pb"]


def test_candidates_are_complete(tmp_path):
    _, events, _ = _chunk(tmp_path)
    flat = {
        name: ak.flatten(events[f"PFCand_{name}"]).to_numpy()
        for name in ("pt", "eta", "phi", "mass", "charge", "pdgClass", "d0", "dz")
    }
    charged = flat["charge"] != 0
    for name in ("pt", "eta", "phi", "mass"):
        assert np.isfinite(flat[name]).all()
    assert np.isfinite(flat["d0"][charged]).all()
    assert np.isnan(flat["d0"][~charged]).all()
    assert np.isnan(flat["dz"][~charged]).all()
    assert set(flat["pdgClass"][charged]) <= {1, 4, 5}
    assert set(flat["pdgClass"][~charged]) == {2, 3}
    assert np.abs(flat["eta"][charged]).max() <= 2.5
    assert np.abs(flat["phi"]).max() <= np.float32(np.pi)
    # The two leading jets are those of the generator to the calorimeter's few per cent.
    jets = _jets(events)
    response = np.hypot(jets.px, jets.py)[:, 0] / events.GenJet_pt[:, 0]
    assert np.median(response) == pytest.approx(1.0, abs=0.04)
    assert np.std(response) < 0.08


def test_wprime_sample_has_the_masses_of_the_lhc_olympics_point(tmp_path):
    settings = validate(Settings, {"n_events": 400, "process": "wprime_xy", "seed": 1})
    simulate_chunk("wprime", "pythia", settings, 0, tmp_path / "w.root")
    events = uproot.open(tmp_path / "w.root")["Events"].arrays()
    jets = _jets(events)
    assert ak.all(ak.num(jets) == 2)
    light, heavy = np.sort(_mass(jets).to_numpy(), axis=1).T
    # A sample of the same settings gave 116, 478 and 3445 GeV.
    assert np.median(light) == pytest.approx(116, rel=0.12)
    assert np.median(heavy) == pytest.approx(478, rel=0.06)
    pair = ak.zip({name: ak.sum(jets[name], axis=1) for name in ("px", "py", "pz", "E")})
    assert np.median(_mass(pair)) == pytest.approx(3445, rel=0.03)


def test_cut_on_generator_jets_conserves_counts(tmp_path):
    _, every, _ = _chunk(tmp_path)
    threshold = float(np.median(every.GenJet_pt[:, 0]))
    summary, kept, runs = _chunk(tmp_path, name="cut.root", cuts={**QCD["cuts"], "gen_jet_pt_min": threshold})
    passing = every.GenJet_pt[:, 0] >= threshold
    assert summary.n_generated == 30
    assert summary.n_accepted == len(kept) == ak.sum(passing)
    assert kept.event.to_list() == every.event[passing].to_list()
    assert ak.array_equal(kept.GenJet_pt, every.GenJet_pt[passing])
    assert ak.array_equal(kept.GenPart_pt, every.GenPart_pt[passing])
    assert runs["sum_weights"] == 30


def test_truth_is_written_where_the_process_has_resonances(tmp_path):
    _, qcd, _ = _chunk(tmp_path)
    assert not [name for name in qcd.fields if name.startswith("Truth")]
    assert ak.sum(qcd.nHeavyHadron) > 0
    options = {"process": "wprime_xy", "cuts": {"gen_jet_pt_min": 1700}}
    summary, events, _ = _chunk(tmp_path, name="w.root", **options)
    assert 0 < summary.n_accepted < 30
    assert set(events.nTruth) == {6}
    resonance = events.Truth_parent < 0
    assert set(ak.flatten(abs(events.Truth_pdgId)[resonance])) == {9000001, 9000002}
    light, heavy = np.sort(ak.to_numpy(events.Truth_mass[resonance]), axis=1).T
    assert np.median(light) == pytest.approx(100, rel=0.05)
    assert np.median(heavy) == pytest.approx(500, rel=0.02)
    # They are the resonances of the hard process, and their quarks fly along with them.
    assert set(ak.flatten(events.Truth_pt[resonance])) <= set(ak.flatten(events.GenPart_pt))
    parent = events.Truth_parent[~resonance]
    dphi = events.Truth_phi[~resonance] - events.Truth_phi[parent]
    distance = np.hypot(
        events.Truth_eta[~resonance] - events.Truth_eta[parent], (dphi + np.pi) % (2 * np.pi) - np.pi
    )
    assert np.median(ak.flatten(distance)) < 0.5


def test_tracks_of_long_lived_scalars_are_displaced(tmp_path):
    options = {
        "process": "displaced",
        "cuts": {},
        "long_lived": {"m_h": 800, "lifetime": 5, "quarks": "light"},
    }
    _, events, _ = _chunk(tmp_path, name="d.root", **options)
    _, prompt, _ = _chunk(tmp_path)
    share = []
    for sample in (events, prompt):
        hard = (sample.PFCand_pt > 2) & (sample.PFCand_charge != 0) & (abs(sample.PFCand_eta) < 2)
        share.append(np.mean(np.abs(ak.flatten(sample.PFCand_d0[hard])) > 0.3))
    assert share[0] > 0.5
    assert share[1] < 0.1


def test_a_cut_that_no_event_passes_leaves_an_empty_file(tmp_path):
    summary, events, runs = _chunk(tmp_path, cuts={**QCD["cuts"], "gen_jet_pt_min": 6000})
    assert (summary.n_generated, summary.n_accepted, len(events)) == (30, 0, 0)
    assert runs["n_accepted"] == 0


@pytest.mark.parametrize(
    ("change", "chunk", "message"),
    [
        ({"pythia": ["Nonsense:key = 1"]}, 0, "Nonsense:key = 1"),
        ({}, 2, "chunks 0 to 1"),
        ({"detector": "alas"}, 0, "Did you mean 'atlas'?"),
        ({"process": "wprime_xz", "cuts": {}}, 0, "Did you mean 'wprime_xy'?"),
        ({"seed": None}, 0, "seed"),
    ],
)
def test_bad_input_is_one_message_and_no_file(tmp_path, capsys, change, chunk, message):
    settings = {"n_events": 20, "chunk_events": 10, **QCD, **change}
    text = json.dumps({"dataset": "qcd", "source": "pythia", "settings": settings})
    output = tmp_path / "out.root"
    code = main(["simulate", "--settings", text, "--chunk", str(chunk), "--output", str(output)])
    assert code == ConfigError.exit_code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_command_line_writes_the_chunk_and_its_run_record(tmp_path):
    settings = {"n_events": 10, "chunk_events": 10, "detector": "atlas", **QCD}
    text = json.dumps({"dataset": "qcd", "source": "pythia", "settings": settings})
    output = tmp_path / "deep" / "out.root"
    assert main(["simulate", "--settings", text, "--chunk", "0", "--output", str(output)]) == 0
    record = json.loads((tmp_path / "deep" / "out.root.run.json").read_text())
    with uproot.open(output) as file:
        assert file["Events"].num_entries == 10
        assert file["Runs/content_digest"].array()[0] == record["content_digest"]
    assert sorted(path.name for path in output.parent.iterdir()) == ["out.root", "out.root.run.json"]
