"""Small files in the format of the stage `simulate`, written here so that the two stages are tested apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "root"


@dataclass
class Sample:
    """Events as they are written.

    Attributes:
        candidates: jagged pt, eta, phi, mass, charge, pdgClass, d0, dz.
        changes: columns of `Runs` that differ from the default.
    """

    candidates: dict[str, ak.Array]
    changes: dict[str, float | int | str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.candidates["pt"])


def dijets(n_events: int, seed: int = 7) -> Sample:
    """Two back-to-back sprays of particles per event, charged and neutral, some of them along phi = pi."""
    random = np.random.default_rng(seed)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("pt", "eta", "phi")}
    for _ in range(n_events):
        axis = random.uniform(-np.pi, np.pi)
        eta = random.normal(0, 1, 2)
        n_particles = random.integers(12, 25, 2)
        parts = {
            "pt": [random.exponential(900 / n, n) + 0.5 for n in n_particles],
            "eta": [eta[side] + random.normal(0, 0.15, n) for side, n in enumerate(n_particles)],
            "phi": [axis + side * np.pi + random.normal(0, 0.15, n) for side, n in enumerate(n_particles)],
        }
        for name, values in parts.items():
            columns[name].append(np.concatenate(values))
    counts = [len(values) for values in columns["pt"]]
    total = sum(counts)
    charge = random.integers(-1, 2, total)
    flat = {name: np.concatenate(values).astype(np.float32) for name, values in columns.items()}
    flat["phi"] = ((flat["phi"] + np.pi) % (2 * np.pi) - np.pi).astype(np.float32)
    flat |= {
        "mass": np.where(charge == 0, 0, 0.1396).astype(np.float32),
        "charge": charge.astype(np.int32),
        "pdgClass": np.where(charge == 0, 3, 1).astype(np.int32),
        "d0": np.where(charge == 0, np.nan, random.normal(0, 0.05, total)).astype(np.float32),
        "dz": np.where(charge == 0, np.nan, random.normal(0, 0.1, total)).astype(np.float32),
    }
    return Sample({name: ak.unflatten(values, counts) for name, values in flat.items()})


def write_sample(path: Path, sample: Sample) -> Path:
    """Write a file as `simulate` does."""
    n_events = len(sample)
    runs: dict[str, float | int | str] = {
        "n_generated": 2 * n_events,
        "sum_weights": 2.5 * n_events,
        "cross_section_pb": 12.5,
        "content_digest": "abc",
        **sample.changes,
    }
    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        record = ak.zip(sample.candidates)
        events = {
            "run": np.ones(n_events, np.uint32),
            "luminosityBlock": np.full(n_events, 3, np.uint32),
            "event": np.arange(1, n_events + 1, dtype=np.uint64),
            "genWeight": np.linspace(0.5, 1.5, n_events),
        }
        types = {name: values.dtype for name, values in events.items()}
        tree = file.mktree("Events", {**types, "PFCand": record.type.content})
        if n_events:
            tree.extend({**events, "PFCand": record})
        values = {name: ak.Array([v]) if isinstance(v, str) else np.array([v]) for name, v in runs.items()}
        kinds = {name: "string" if isinstance(v, str) else values[name].dtype for name, v in runs.items()}
        file.mktree("Runs", kinds).extend(values)
    return path


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 40 dijet events."""
    return write_sample(tmp_path_factory.mktemp("simulated") / "dijets.root", dijets(40))


@pytest.fixture
def write() -> Callable[[Path, Sample], Path]:
    """Writes a `Sample`."""
    return write_sample


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """Makes a `Sample`."""
    return dijets


@pytest.fixture
def real_file() -> Callable[[str], str]:
    """Path of a real file; the test is skipped where it is absent."""

    def find(name: str) -> str:
        if not (DATA / name).exists():
            pytest.skip(f"real data are absent: {DATA / name}")
        return str(DATA / name)

    return find
