"""A store of showers becomes cells and features: cuts, thresholds, cells taken together, refusals, plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut import manifest, store
from resonaut.cli import main
from resonaut.config import parse
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, MissingBranchError
from resonaut.events import Events
from resonaut.represent.clouds import write_clouds
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.shower_features import write_shower_features
from resonaut.represent.showers import write_showers
from resonaut.representation import read_settings
from resonaut.settings import validate
from resonaut.shower_files import geometry_of, read_showers
from resonaut.shower_observables import OBSERVABLES, layer_energies, layer_hits, observables
from resonaut.showers import from_dense
from resonaut.workflow import Plan

N = 23
GRID = {"kind": "cartesian", "shape": [4, 6, 6], "cell": "(layer * rows + row) * columns + column"}


def settings_of(**showers: Any) -> RepresentSettings:
    # Cuts on jets that no shower could pass.
    return validate(RepresentSettings, {"selection": {"mass_min": 2500}, "showers": showers}, "represent")


def dense_of(n: int = N) -> np.ndarray:
    """(n, 4, 6, 6) GeV, cells around the default threshold of 0.1 MeV; shower 5 has none above 0.05 MeV."""
    random = np.random.default_rng(4)
    cells = random.exponential(2e-4, (n, 4, 6, 6)) * (random.random((n, 4, 6, 6)) < 0.3)
    cells[5:6] = np.minimum(cells[5:6], 5e-5)
    return cells.astype(np.float32)


def shower_store(path: Path, n: int = N, time: bool = False, **changes: Any) -> Path:
    """A store as `ingest` writes it: incident energies 10, 11, ... GeV."""
    made = from_dense(dense_of(n), GRID, {})
    events = {
        "run": np.ones(n, np.int64),
        "lumi": np.full(n, 7),
        "event": np.arange(100, 100 + n),
        "gen_weight": np.ones(n),
        "label": np.zeros(n, np.int32),
        "incident_energy": 10.0 + np.arange(n),
        "theta": np.linspace(0, 0.5, n),
    }
    hits = {"cell": made.cell, "energy": made.energy}
    if time:
        hits["time"] = np.arange(len(made.cell), dtype=np.float32)
    attributes = {
        "level": "showers",
        "dataset": "photons",
        "label": "photon",
        "label_names": ["photon"],
        "geometry": GRID,
    }
    attributes |= {"n_events": n, "n_generated": 50, "sum_weights": 50.0}
    attributes |= {"cut_flow": {"generated": 50, "read": n, "ingest_good": n}}
    with store.writing(path, attributes | changes) as writer:
        writer.append(Events(events, {}, np.zeros(n + 1, np.int64), hits=hits, hit_offsets=made.offsets))
    return path


def test_cells_above_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Slices of about four showers.
    monkeypatch.setattr("resonaut.store._SLICE_HITS", 200)
    source = shower_store(tmp_path / "s.h5", time=True)
    flow = write_showers(source, tmp_path / "r.h5", settings_of(zero_energy="keep"))
    assert flow == {
        "generated": 50,
        "read": N,
        "ingest_good": N,
        "represent_energy": N,
        "represent_visible": N,
    }
    found, dense = read_showers(tmp_path / "r.h5"), dense_of()
    np.testing.assert_array_equal(found.dense(), np.where(dense >= np.float32(1e-4), dense, 0))
    np.testing.assert_array_equal(found.columns["theta"], np.linspace(0, 0.5, N))
    assert sorted(found.columns) == [
        *("event", "gen_weight", "incident_energy", "label", "lumi", "run", "theta")
    ]
    above = dense[dense > 0] >= np.float32(1e-4)
    np.testing.assert_array_equal(found.time, np.flatnonzero(above))
    assert geometry_of(tmp_path / "r.h5") == GRID
    with h5py.File(tmp_path / "r.h5") as file:
        assert (file.attrs["n_events"], file.attrs["label"], file.attrs["sum_weights"]) == (N, "photon", 50.0)
    manifest.write(tmp_path / "r.json", [tmp_path / "r.h5"])
    assert manifest.read(tmp_path / "r.json", "showers").n_events == (N,)
    wanted = {"threshold": 0.1, "energy_min": 0.0, "energy_max": None, "zero_energy": "keep", "regroup": None}
    assert read_settings(tmp_path / "r.h5") == wanted


def test_showers_without_energy_fail_or_drop(tmp_path: Path) -> None:
    source = shower_store(tmp_path / "s.h5")
    message = r"s\.h5: 1 of 23 showers have no cell of at least 0\.1 MeV, the first is 1:7:105 .*zero_energy"
    with pytest.raises(BadValueError, match=message):
        write_showers(source, tmp_path / "r.h5", settings_of())
    assert not (tmp_path / "r.h5").exists()
    flow = write_showers(source, tmp_path / "r.h5", settings_of(zero_energy="drop"))
    assert (flow["represent_energy"], flow["represent_visible"]) == (N, N - 1)
    assert 105 not in read_showers(tmp_path / "r.h5").columns["event"]
    # Below the energies of its cells, the threshold leaves it.
    assert write_showers(source, tmp_path / "r.h5", settings_of(threshold=0.01))["represent_visible"] == N


def test_incident_energies_are_cut(tmp_path: Path) -> None:
    source = shower_store(tmp_path / "s.h5")
    flow = write_showers(source, tmp_path / "r.h5", settings_of(energy_min=16, energy_max=20))
    assert (flow["represent_energy"], flow["represent_visible"]) == (5, 5)
    assert read_showers(tmp_path / "r.h5").columns["incident_energy"].tolist() == [16, 17, 18, 19, 20]


def test_no_shower_that_passes_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = shower_store(tmp_path / "s.h5")
    with caplog.at_level("WARNING"):
        write_showers(source, tmp_path / "r.h5", settings_of(energy_min=200))
    assert "none of 23 showers pass represent.showers: 0 have an incident energy from 200" in caplog.text
    assert len(read_showers(tmp_path / "r.h5")) == 0
    with pytest.raises(EmptyFileError, match=r"r\.h5: no showers\. None passed represent\.showers"):
        geometry_of(tmp_path / "r.h5")


def test_neighbouring_cells_become_one(tmp_path: Path) -> None:
    source = shower_store(tmp_path / "s.h5")
    write_showers(source, tmp_path / "r.h5", settings_of(zero_energy="drop", regroup=[2, 3, 2]))
    found, dense = read_showers(tmp_path / "r.h5"), np.delete(dense_of(), 5, axis=0)
    blocks = np.where(dense >= np.float32(1e-4), dense, 0).reshape(N - 1, 2, 2, 2, 3, 3, 2)
    np.testing.assert_allclose(found.dense(), blocks.sum(axis=(2, 4, 6)), rtol=1e-6)
    assert geometry_of(tmp_path / "r.h5")["shape"] == [2, 2, 3]
    with pytest.raises(ConfigError, match=r"represent\.showers\.regroup: \[3, 2, 2\] does not divide"):
        write_showers(source, tmp_path / "o.h5", settings_of(regroup=[3, 2, 2]))


def test_features_are_those_of_the_cells(tmp_path: Path) -> None:
    source = shower_store(tmp_path / "s.h5")
    wanted = settings_of(zero_energy="drop", regroup=[1, 2, 2], energy_max=30)
    # The command finds from the store what the features are of.
    text = json.dumps({"showers": wanted.showers.model_dump(mode="json")})
    arguments = ["--settings", text, "--input", str(source), "--output", str(tmp_path / "f.h5")]
    assert main(["represent", "features", *arguments]) == 0
    write_showers(source, tmp_path / "r.h5", wanted)
    showers = read_showers(tmp_path / "r.h5")
    with h5py.File(tmp_path / "f.h5") as file:
        columns = {name: values[:] for name, values in file["events"].items()}
        assert (file.attrs["kind"], file.attrs["n_events"]) == ("features", 20)
    for name, values in observables(showers).items():
        np.testing.assert_allclose(columns.pop(name), values, rtol=1e-6, atol=1e-6, err_msg=name)
    for prefix, by_layer in (("e", layer_energies(showers)), ("hits", layer_hits(showers))):
        for number, values in enumerate(by_layer.T):
            np.testing.assert_allclose(columns.pop(f"{prefix}_layer_{number:02d}"), values, rtol=1e-6)
    assert columns.keys() == showers.columns.keys()
    assert len(OBSERVABLES) == 13
    assert read_settings(tmp_path / "f.h5") == wanted.showers.model_dump(mode="json")


def test_what_is_no_shower_is_refused(tmp_path: Path) -> None:
    source = shower_store(tmp_path / "s.h5", level="jets")
    for write in (write_showers, write_shower_features):
        with pytest.raises(MissingBranchError, match=r"s\.h5: it holds jets, of which no showers"):
            write(source, tmp_path / "r.h5", settings_of())
    with pytest.raises(MissingBranchError, match=r"it holds showers, of which no clouds are made"):
        write_clouds(shower_store(tmp_path / "t.h5"), tmp_path / "r.h5", settings_of())


def test_a_chunk_without_showers(tmp_path: Path) -> None:
    nothing = shower_store(tmp_path / "s0.h5", 0, geometry={})
    with h5py.File(nothing, "r+") as file:
        del file.attrs["geometry"]
    write_showers(nothing, tmp_path / "r0.h5", settings_of(regroup=[2, 2, 2]))
    write_shower_features(nothing, tmp_path / "f0.h5", settings_of())
    write_showers(shower_store(tmp_path / "s1.h5"), tmp_path / "r1.h5", settings_of(zero_energy="keep"))
    manifest.write(tmp_path / "r.json", [tmp_path / "r0.h5", tmp_path / "r1.h5"])
    assert manifest.read(tmp_path / "r.json", "showers").n_events == (0, N)
    assert geometry_of(tmp_path / "r0.h5", tmp_path / "r1.h5") == GRID


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"energy_max \(10\.0\) must exceed energy_min \(20\.0\)"):
        settings_of(energy_min=20, energy_max=10)
    with pytest.raises(ConfigError, match=r"unknown key.*Did you mean 'threshold'"):
        settings_of(treshold=0.2)


def test_the_plan_makes_features_and_showers(tmp_path: Path) -> None:
    source = {"source": "files", "files": [str(tmp_path / "a.h5")]}
    (tmp_path / "a.h5").touch()
    raw = {
        "study": "calorimeter",
        "datasets": {
            "photons": {**source, "reader": "showers", "label": "photon"},
            "qcd": {**source, "reader": "lhco"},
        },
    }
    plan = Plan(parse(raw))
    base = "results/calorimeter/represent"
    kinds = {path for path in plan.targets("represent") if path.startswith(f"{base}/photons/")}
    assert kinds == {f"{base}/photons/nominal/{kind}.json" for kind in ("features", "showers")}
    assert f"{base}/qcd/nominal/showers.json" not in plan.targets("represent")
    entry = plan.representing("features", "photons")
    assert (entry, plan.representing("features", "qcd")) == ("shower_features", "features")
    assert plan.code(entry) != plan.code("features")
    # One key of showers changes their slices and no other.
    changed = Plan(parse({**raw, "represent": {"showers": {"threshold": 0.2}}}))
    for name in ("showers", "shower_features"):
        assert plan.settings(name) != changed.settings(name)
    for name in ("features", "images", "clouds"):
        assert plan.settings(name) == changed.settings(name)
    scan = {"mass_min": 2500, "mass_max": 6000, "windows": [{"low": 3300, "high": 3700}]}
    mixture = {"datasets": {"photons": "all"}, "methods": ["cwola"]}
    searched = {
        **raw,
        "detect": {"cwola": {"features": ["depth"]}},
        "mixtures": {"data": mixture},
        "scan": scan,
    }
    with pytest.raises(ConfigError, match=r"mixtures\.data: dataset 'photons' holds showers, which have no"):
        parse(searched)
