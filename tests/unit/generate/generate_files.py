"""Slices, and files of each representation that the toy method learns."""

from __future__ import annotations

import h5py
import numpy as np

from resonaut import manifest
from resonaut.files import canonical_json
from resonaut.shower_files import writing
from resonaut.showers import from_dense

GEOMETRY = {"kind": "cartesian", "shape": [3, 4, 4], "cell": "(layer * rows + row) * columns + column"}
SETTINGS = {"epochs": 2, "batch_size": 200, "learning_rate": 1e-4, "device": "cpu"}


def slice_of(**more):
    """The slice `generate` of a toy."""
    settings = {"datasets": ["qcd"], "training": SETTINGS, **more}
    return {"method": "toy", "kind": "toy", "seed": 5, "settings": settings}


def head(file, kind, name, n, settings):
    """Attributes of a chunk."""
    attributes = {"kind": kind, "dataset": name, "label": name, "n_events": n, "n_generated": n}
    file.attrs.update({**attributes, "sum_weights": float(n), "cut_flow": '{"read": 1}'})
    file.attrs["settings"] = canonical_json(settings)


def write_features(folder, name="qcd", n=2000, shift=0.0, seed=0):
    """Events with x normal, mean 2 energy + shift and width 0.5, y normal, mean -1; pt of two jets."""
    random = np.random.default_rng(seed)
    energy, shifts = random.uniform(10, 100, n), np.full(n, shift)
    path = folder / f"{name}_features.h5"
    with h5py.File(path, "w") as file:
        head(file, "features", name, n, {"n_jets": 2, "features": {"tau": True}})
        columns = {"run": np.ones(n, int), "lumi": np.ones(n, int), "event": np.arange(n), "energy": energy}
        columns |= {"x": random.normal(2 * energy + shifts, 0.5), "y": random.normal(-1, 1, n)}
        columns |= {
            "same": np.full(n, 3.0),
            "broken": np.where(energy > 50, np.nan, 1.0),
            "mass": energy * 30,
        }
        for column, values in columns.items():
            file[f"events/{column}"] = values
        file["jets/pt"] = np.stack([10 * energy, 9 * energy], 1).astype(np.float32)
        file["jets/tau"] = random.normal(np.stack([energy, -energy], 1), 1).astype(np.float32)
    manifest.write(folder / f"{name}_features.json", [path])
    return folder / f"{name}_features.json"


def write_showers(folder, name="photons", n=1500):
    """Showers whose cells have energies of mean incident_energy / 1000 times a profile, GeV."""
    random = np.random.default_rng(1)
    energy = random.uniform(10, 100, n).astype(np.float32)
    profile = np.linspace(0.2, 1, 48).reshape(3, 4, 4)
    dense = (1e-3 * energy[:, None, None, None] * profile * random.normal(1, 0.05, (n, 3, 4, 4))).astype("f4")
    columns = {"run": np.zeros(n, int), "lumi": np.zeros(n, int), "event": np.arange(n)}
    columns |= {"incident_energy": energy, "theta": np.zeros(n, np.float32)}
    path = folder / f"{name}.h5"
    settings = {"showers": {"threshold": 2.0}}
    more = {
        "dataset": name,
        "label": name,
        "n_generated": n,
        "sum_weights": float(n),
        "cut_flow": {"read": n},
    }
    with writing(path, GEOMETRY, {**more, "settings": settings}) as writer:
        writer.append(from_dense(dense, GEOMETRY, columns, 0.002))
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


def write_clouds(folder, name="qcd", n=600):
    """Two jets per event with 3 to 8 constituents each."""
    random = np.random.default_rng(2)
    offsets = np.concatenate([[0], np.cumsum(random.integers(3, 9, 2 * n))])
    size, path = int(offsets[-1]), folder / f"{name}_clouds.h5"
    with h5py.File(path, "w") as file:
        head(file, "clouds", name, n, {"n_jets": 2, "clouds": {"n_constituents_max": 8}})
        for column, values in {
            "run": np.ones(n, int),
            "lumi": np.ones(n, int),
            "event": np.arange(n),
        }.items():
            file[f"events/{column}"] = values
        file["events/mass"] = random.uniform(2000, 3000, n)
        columns = {"pt": random.uniform(500, 600, (n, 2)), "eta": random.normal(0, 1, (n, 2))}
        columns |= {"phi": random.uniform(-3, 3, (n, 2)), "mass": random.uniform(50, 60, (n, 2))}
        for column, values in columns.items():
            file[f"jets/{column}"] = values.astype(np.float32)
        for column, centre in {"delta_eta": 0.1, "delta_phi": -0.1, "log_pt_fraction": -2.0}.items():
            file[f"constituents/{column}"] = random.normal(centre, 0.2, size).astype(np.float32)
        file["offsets"] = offsets
    manifest.write(folder / f"{name}_clouds.json", [path])
    return folder / f"{name}_clouds.json"
