"""A variation of kind `pileup` through Snakemake: what it makes, and what a change of it reruns."""

from __future__ import annotations

import json

import h5py
import numpy as np

STUDY = """
  minbias: {source: pythia, process: minimum_bias, n_events: 120, chunk_events: 60}

variations:
  pileup_10: {kind: pileup, mean: 10, minimum_bias: minbias, mitigation: puppi, datasets: [wprime]}

represent:
"""
VARIED = "results/tiny/represent/wprime/pileup_10/features.json"
NOMINAL = "results/tiny/represent/wprime/nominal/features.json"
CHUNK = "000/000000.h5"


def _rows(clone, manifest):
    with h5py.File(clone.folder / manifest.replace(".json", "") / CHUNK) as file:
        return {
            name: file[f"events/{name}"][:]
            for name in ("event", "mass", *(["n_pu"] if "pile" in manifest else []))
        }


def test_pileup_is_ingested_beside_nominal_and_reruns_alone(clone) -> None:
    clone.edit("study.yaml", "\nrepresent:\n", STUDY)
    planned = clone.planned(VARIED, NOMINAL)
    assert planned["simulate_chunk"] == 3
    assert planned["ingest_chunk"] == planned["represent_chunk"] == 2
    clone.snakemake(VARIED, NOMINAL)
    varied, nominal = _rows(clone, VARIED), _rows(clone, NOMINAL)
    both, here, there = np.intersect1d(varied["event"], nominal["event"], return_indices=True)
    assert len(both) > 0.9 * len(nominal["event"])
    assert varied["n_pu"].mean() == np.clip(varied["n_pu"].mean(), 9, 11)
    assert np.abs(np.median(varied["mass"][here] / nominal["mass"][there]) - 1) < 0.01
    assert (varied["mass"][here] != nominal["mass"][there]).mean() > 0.5
    with h5py.File(clone.folder / "results/tiny/ingest/wprime/pileup_10" / CHUNK) as file:
        said = json.loads(file.attrs["pileup"])
    assert said["n_minimum_bias"] == 120
    assert len(said["inputs"]) == 2
    # Another mean: the variation alone is made again, from the events that are there.
    clone.edit("study.yaml", "mean: 10,", "mean: 12,")
    assert clone.planned(VARIED, NOMINAL) == {
        "ingest_chunk": 1,
        "represent_chunk": 1,
        "represent_manifest": 1,
    }
