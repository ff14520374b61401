"""Entry of the stage: one chunk of a simulated dataset, from seeds to a ROOT file."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from resonaut import logs, provenance, registry, seeds
from resonaut.files import atomic, canonical_json
from resonaut.kinematics import from_cartesian
from resonaut.simulate.detector import Detector
from resonaut.simulate.gen_jets import cluster
from resonaut.simulate.generation import GeneratedBatch, Group, PythiaSource, select_events
from resonaut.simulate.methods.pythia import Settings
from resonaut.simulate.root_file import WEIGHT_PREFIX, ChunkWriter

GEN_JET_PT_MIN = 20.0
"""Generator jets below are not stored, GeV."""

PYTHIA_SEEDS = 900_000_000
"""Pythia takes seeds from 1 to this."""

PACKAGES = ("numba", "numpy", "pythia8mc", "uproot")


@dataclass(frozen=True)
class ChunkSummary:
    """What a chunk holds; the row of its TTree `Runs`.

    Attributes:
        n_generated: events of the generator.
        n_accepted: of these, those that pass `cuts.gen_jet_pt_min`: the events in the file.
        sum_weights: of all generated events, before that cut.
        cross_section_pb, cross_section_error_pb: of the generator, before that cut, pb.
        seed: of Pythia.
        content_digest: SHA-256 of the arrays as written.
    """

    n_generated: int
    n_accepted: int
    sum_weights: float
    cross_section_pb: float
    cross_section_error_pb: float
    seed: int
    content_digest: str


def simulate_chunk(
    dataset: str, source: str, settings: Settings, chunk: int, output: str | os.PathLike
) -> ChunkSummary:
    """Generate one chunk, pass it through the detector, and write it.

    Random numbers follow from (seed, dataset, chunk), so chunks can be made in any order and on any machine.

    Args:
        dataset: name of the dataset.
        source: name of a file in `simulate/methods`.
        settings: of that source, with the seed.
        chunk: number of the chunk, from 0.
        output: ROOT file.

    Raises:
        ConfigError: there is no such chunk, there is no seed, or Pythia refuses a setting.
        OutputError: the file cannot be written.
    """
    n_events = settings.events_of(chunk, dataset)
    sequence = seeds.seed_sequence(settings.seed, "simulate", dataset, chunk)
    for_pythia, for_detector = sequence.spawn(2)
    pythia_seed = 1 + int(for_pythia.generate_state(1, np.uint64)[0] % PYTHIA_SEEDS)
    rng = np.random.Generator(np.random.PCG64DXSM(for_detector))
    generator: PythiaSource = registry.build("simulate", source, settings)
    generator.start(pythia_seed)
    detector = Detector(settings.detector)
    optional = ("Truth",) if generator.resonances else ()

    generated = accepted = 0
    sum_weights = 0.0
    with atomic(output) as part, ChunkWriter(part, optional, generator.shower_weights) as writer:
        for batch in logs.progress(generator.batches(n_events), f"{dataset} chunk {chunk}: batches"):
            first = generated + 1
            generated += len(batch)
            sum_weights += float(batch.weights.sum())
            numbers = np.arange(first, first + len(batch))
            batch, numbers, jets = _accept(batch, numbers, settings)
            accepted += len(batch)
            _write(writer, batch, numbers, jets, detector, rng, chunk)
        cross_section = generator.cross_section()
        described = provenance.describe(
            {"dataset": dataset, "source": source, "settings": settings.model_dump(mode="json")},
            packages=PACKAGES,
        )
        row = {
            "n_generated": generated,
            "n_accepted": accepted,
            "sum_weights": sum_weights,
            "cross_section_pb": cross_section.value,
            "cross_section_error_pb": cross_section.error,
            "seed": pythia_seed,
        }
        digest = writer.finish(
            {**row, "chunk": chunk, "dataset": dataset, "provenance": canonical_json(described)}
        )
    return ChunkSummary(**row, content_digest=digest)


def _accept(
    batch: GeneratedBatch, numbers: np.ndarray, settings: Settings
) -> tuple[GeneratedBatch, np.ndarray, Group]:
    """Cluster generator jets and cut on the leading one."""
    columns, offsets = cluster(batch.particles, batch.offsets, settings.gen_jet_radius, GEN_JET_PT_MIN)
    threshold = settings.cuts.gen_jet_pt_min
    if threshold is None:
        return batch, numbers, (columns, offsets)
    keep = np.zeros(len(batch), dtype=bool)
    some = np.flatnonzero(np.diff(offsets))
    keep[some] = columns["pt"][offsets[some]] >= threshold
    return batch.select(keep), numbers[keep], select_events((columns, offsets), keep)


def _write(
    writer: ChunkWriter,
    batch: GeneratedBatch,
    numbers: np.ndarray,
    jets: Group,
    detector: Detector,
    rng: np.random.Generator,
    chunk: int,
) -> None:
    """Pass a batch through the detector and append it to the file."""
    if not len(batch):
        return
    candidates = detector.observe(batch.particles, batch.offsets, rng)
    columns = dict(candidates.columns)
    columns["pdgClass"] = columns.pop("pdg_class")
    writer.write(
        {
            "run": np.ones(len(batch)),
            "luminosityBlock": np.full(len(batch), chunk),
            "event": numbers,
            "genWeight": batch.weights,
            **{f"{WEIGHT_PREFIX}{name}": values for name, values in batch.shower_weights.items()},
        },
        {
            "PFCand": (columns, candidates.offsets),
            "GenJet": jets,
            "GenPart": _in_detector_coordinates(batch.hard),
            "HeavyHadron": _in_detector_coordinates(batch.heavy_hadrons),
            **({} if batch.decays is None else {"Truth": _in_detector_coordinates(batch.decays)}),
        },
    )


def _in_detector_coordinates(group: Group) -> Group:
    """pt, eta, phi and mass in place of px, py, pz and e; the other columns as they are."""
    columns, offsets = dict(group[0]), group[1]
    momenta = (columns.pop(name) for name in ("px", "py", "pz", "e"))
    kinematics = dict(zip(("pt", "eta", "phi", "mass"), from_cartesian(*momenta), strict=True))
    columns["pdgId"] = columns.pop("pdg_id")
    return kinematics | columns, offsets
