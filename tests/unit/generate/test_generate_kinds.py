"""Showers, clouds, images and features: read, learnt, drawn and read again; datasets that are drawn."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch
from generate_files import GEOMETRY, slice_of, write_clouds, write_features, write_showers

from resonaut import manifest, ragged
from resonaut.errors import ConfigError, OutputError
from resonaut.generate import dataset, export, learnt, reading, sample, time, train
from resonaut.generate.networks import load
from resonaut.shower_files import read_showers

SHOWERS = {"datasets": ["photons"], "learn": "showers", "conditions": ["incident_energy"]}
CLOUDS = {"learn": "clouds", "conditions": ["pt"]}


def train_on(tmp_path, manifests, **more):
    """Weights of a toy in a folder."""
    train.run(slice_of(**more), manifests, tmp_path / "w", tmp_path / "t.json", threads=1)
    return tmp_path / "w"


def request(number, seed=1, **more):
    return sample.Request(number, seed, device="cpu", threads=1, **more)


def test_showers_come_back_as_they_were(toy, tmp_path):
    path = write_showers(tmp_path)
    settings = toy.Settings(**SHOWERS, n_rows_max=700)
    rows = learnt.read({"photons": path}, settings, 5, "generate.toy")
    stored = read_showers(tmp_path / "photons.h5")
    assert len(rows) == 700
    kept = stored.select(rows.ids["event"])
    for name in ("cell", "energy", "offsets"):
        np.testing.assert_array_equal(getattr(rows.showers(), name), getattr(kept, name))
    np.testing.assert_array_equal(rows.conditions[:, 0], kept.columns["incident_energy"])
    np.testing.assert_array_equal(rows.showers().columns["theta"], 0)
    shape = rows.shape()
    assert (shape.dims, shape.settings) == ((3, 4, 4), {"threshold": 2.0, "geometry": GEOMETRY})
    some = torch.tensor([5, 2])
    dense, conditions = rows.samples().take(some).values
    np.testing.assert_array_equal(dense, kept.dense()[[5, 2]])
    np.testing.assert_array_equal(conditions, rows.conditions[[5, 2]])
    part = rows.select(rows.part == 2)
    np.testing.assert_array_equal(part.showers().visible(), kept.visible()[rows.part == 2])
    test = learnt.read({"photons": path}, settings, 5, "generate.toy", ["test"])
    np.testing.assert_array_equal(test.values, part.values)


def test_showers_are_drawn_in_their_layout(toy, tmp_path):
    path = write_showers(tmp_path)
    weights = train_on(tmp_path, {"photons": path}, **SHOWERS)
    sample.run(weights, tmp_path / "s.h5", request(3000), words=["incident_energy=20,80"])
    drawn = read_showers(tmp_path / "s.h5")
    # As in what was learnt, no cell is below the threshold of 2 MeV.
    assert drawn.energy.min() > 0.002
    energy = drawn.columns["incident_energy"]
    expected = 1e-3 * energy[:, None] * np.linspace(0.2, 1, 48)
    dense = drawn.dense().reshape(-1, 48)
    for value in (20, 80):
        rows = energy == value
        clear = expected[rows][0] > 0.012
        np.testing.assert_allclose(dense[rows].mean(0)[clear], expected[rows][0][clear], rtol=0.03)
    again = reading.read_samples(
        tmp_path / "s.h5", load(weights).settings, load(weights).shape.settings, "generate.toy"
    )
    np.testing.assert_array_equal(again.showers().energy, drawn.energy)
    np.testing.assert_array_equal(again.conditions[:, 0], energy)
    assert again.condition_names == ("incident_energy",)


def test_clouds_are_drawn_in_their_layout(toy, tmp_path):
    path = write_clouds(tmp_path)
    weights = train_on(tmp_path, {"qcd": path}, **CLOUDS)
    assert load(weights).description["places"] == ["jets/pt"]
    sample.run(weights, tmp_path / "s.h5", request(900), words=["pt=550"])
    with h5py.File(tmp_path / "s.h5") as file:
        assert len(file["offsets"]) == 901
        assert set(np.diff(file["offsets"])) == {1, 2, 3, 4, 5}
        assert file["constituents/delta_eta"][:].mean() == pytest.approx(0.1, abs=0.02)
        assert file["constituents/log_pt_fraction"][:].mean() == pytest.approx(-2, abs=0.02)
        np.testing.assert_array_equal(file["jets/pt"], np.full((900, 1), 550, np.float32))
    few = tmp_path / "few.h5"
    sample.run(weights, few, request(10), words=["pt=550"])
    with h5py.File(few) as first, h5py.File(tmp_path / "s.h5") as file:
        n = first["offsets"][-1]
        np.testing.assert_array_equal(first["constituents/delta_phi"], file["constituents/delta_phi"][:n])


# -- datasets ------------------------------------------------------------------------------------------------


def drawn(weights, output, chunk=0, rows=None, **settings):
    """A chunk of a dataset `made`."""
    task = {"dataset": "made", "label": "fake", "seed": 1, "settings": settings}
    dataset.run(task, weights, output, chunk, rows, "cpu", threads=1)
    return output


def test_a_dataset_of_clouds_like_another(toy, tmp_path):
    """Events have two jets, copied kinematics, and the columns that follow from the constituents."""
    path = write_clouds(tmp_path)
    weights = train_on(tmp_path, {"qcd": path}, **CLOUDS)
    settings = {"n_events": 700, "chunk_events": 500, "like": "qcd"}
    chunks = [drawn(weights, tmp_path / f"{n}.h5", n, {"qcd": path}, **settings) for n in (0, 1)]
    manifest.write(tmp_path / "made.json", chunks)
    entry = manifest.read(tmp_path / "made.json", "clouds")
    assert (entry.dataset, entry.label, entry.n_events) == ("made", "fake", (500, 200))
    with (
        h5py.File(tmp_path / "qcd_clouds.h5") as real,
        h5py.File(chunks[0]) as file,
        h5py.File(chunks[1]) as more,
    ):
        assert json.loads(file.attrs["settings"]) == json.loads(real.attrs["settings"])
        for name in ("events/mass", "jets/pt", "jets/eta", "jets/phi"):
            np.testing.assert_array_equal(file[name], real[name][:500])
        # The next chunk goes on, and begins anew after the last of the 600 events.
        rows = np.arange(500, 700) % 600
        np.testing.assert_array_equal(more["jets/pt"], real["jets/pt"][:][rows])
        np.testing.assert_array_equal(more["events/lumi"], 1)
        columns = {name: file[f"constituents/{name}"][:].astype(float) for name in file["constituents"]}
        offsets = file["offsets"][:]
        jet = ragged.row_of(offsets)
        pt, eta, mass = (file[f"jets/{name}"][:].ravel().astype(float)[jet] for name in ("pt", "eta", "mass"))
        found_mass = file["jets/mass"][:].ravel()
    np.testing.assert_allclose(columns["log_pt"], columns["log_pt_fraction"] + np.log(pt), rtol=1e-5)
    np.testing.assert_allclose(
        columns["delta_r"], np.hypot(columns["delta_eta"], columns["delta_phi"]), rtol=1e-5
    )
    energy = np.exp(columns["log_pt"]) * np.cosh(eta + columns["delta_eta"])
    np.testing.assert_allclose(np.exp(columns["log_energy"]), energy, rtol=1e-4)
    jet_energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    np.testing.assert_allclose(np.exp(columns["log_energy_fraction"]), energy / jet_energy, rtol=1e-4)
    # m^2 = sum over pairs of 2 pt pt (cosh d_eta - cos d_phi)
    part = slice(offsets[3], offsets[4])
    p, e, f = np.exp(columns["log_pt"][part]), columns["delta_eta"][part], columns["delta_phi"][part]
    pairs = np.outer(p, p) * (np.cosh(e[:, None] - e) - np.cos(f[:, None] - f))
    assert found_mass[3] == pytest.approx(np.sqrt(max(pairs.sum(), 0)), rel=1e-3, abs=0.05)


def test_a_dataset_of_given_conditions(toy, tmp_path):
    path = write_features(tmp_path)
    weights = train_on(
        tmp_path, {"qcd": path}, inputs=["x", "jets/tau/0", "jets/tau/1"], conditions=["energy"]
    )
    given = {"energy": {"low": 20.0, "high": 60.0, "spacing": "log"}}
    output = drawn(weights, tmp_path / "d.h5", n_events=3000, conditions=given, cross_section=2.0)
    with h5py.File(output) as file:
        energy, tau = file["events/energy"][:], file["jets/tau"][:]
        assert file.attrs["cross_section"] == 2.0
        np.testing.assert_allclose(file["events/x"][:].mean(), 2 * energy.mean(), atol=0.2)
    assert np.log(energy).mean() == pytest.approx(np.log(np.sqrt(20 * 60)), abs=0.03)
    np.testing.assert_allclose(tau.mean(0), [energy.mean(), -energy.mean()], atol=0.3)
    first = output.read_bytes()
    drawn(weights, output, n_events=3000, conditions=given, cross_section=2.0)
    assert output.read_bytes() == first
    with pytest.raises(ConfigError, match=r"datasets\.made: generate\.toy would extrapolate: energy is 300"):
        drawn(weights, output, n_events=10, conditions={"energy": [50, 300]})
    with pytest.raises(ConfigError, match=r"--chunk: datasets\.made has chunks 0 to 0, got 1"):
        drawn(weights, output, 1, n_events=10, conditions={"energy": 50})
    drawn(weights, output, n_events=10, conditions={"energy": [50, 300]}, extrapolate=True)
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["events/extrapolated"], [0, 1] * 5)


def test_a_dataset_like_one_class(toy, tmp_path):
    both = {"qcd": write_features(tmp_path), "top": write_features(tmp_path, "top", shift=30.0, seed=3)}
    settings = {"datasets": ["qcd", "top"], "inputs": ["x"], "conditions": ["class", "energy"]}
    weights = train_on(tmp_path, both, **settings)
    for more, shift in (({}, 30), ({"conditions": {"class": "qcd"}}, 0)):
        settings = {"n_events": 2000, "like": "top", **more}
        output = drawn(weights, tmp_path / "d.h5", 0, {"top": both["top"]}, **settings)
        with h5py.File(output) as file:
            difference = file["events/x"][:] - 2 * file["events/energy"][:]
            assert difference.mean() == pytest.approx(shift, abs=0.5)
            assert "events/same" not in file
            np.testing.assert_allclose(file["events/mass"][:], 30 * file["events/energy"][:], rtol=1e-6)


# -- time and export -----------------------------------------------------------------------------------------


def test_times_are_measured_for_each_batch(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "_SECONDS", 0.01)
    path = write_showers(tmp_path)
    weights = train_on(tmp_path, {"photons": path}, **SHOWERS)
    simulation = {"rows_per_second": 2.0, "source": "Geant4, one core"}
    time.run({"simulation": simulation}, weights, tmp_path / "time.json", manifests={"photons": path})
    found = json.loads((tmp_path / "time.json").read_text())
    on_cpu = [one for one in found["measurements"] if one["device"] == "cpu"]
    assert [one["batch"] for one in on_cpu] == [1, 100, 1000]
    for one in on_cpu:
        assert one["threads"] == 1
        assert 0 < one["least"] <= one["seconds_per_row"] <= one["most"]
        assert one["repeats"] >= 3
        assert found["speed_up"][f"cpu {one['batch']}"] == pytest.approx(0.5 / one["seconds_per_row"])
    assert found["simulation"] == simulation
    # A pass over a thousand rows at once costs less for each than a pass over one.
    assert on_cpu[2]["seconds_per_row"] < on_cpu[0]["seconds_per_row"]


def test_a_batch_that_would_take_minutes_is_left_out(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "_seconds", lambda trained, network, given, device: 1.0 * len(given))
    weights = train_on(tmp_path, {"photons": write_showers(tmp_path)}, **SHOWERS)
    time.run({"simulation": None}, weights, tmp_path / "t", words=["incident_energy=50"])
    found = json.loads((tmp_path / "t").read_text())
    assert [one["seconds_per_row"] for one in found["measurements"][:3]] == [1.0, 1.0, None]
    assert found["speed_up"] == {}


@pytest.mark.full
def test_one_pass_is_exported_and_agrees(toy, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    weights = train_on(tmp_path, {"photons": write_showers(tmp_path)}, **SHOWERS)
    differences = export.run(weights, tmp_path / "m.onnx", 3)
    assert max(one.value for one in differences) < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["noise"]) == [{"name": "noise_0", "shape": [3, 48], "kind": "normal"}]
    noise = np.zeros((3, 48), np.float32)
    given = np.array([[20], [50], [80]], np.float32)
    (rows,) = session.run(None, {"noise_0": noise, "conditions": given})
    np.testing.assert_allclose(rows.reshape(3, 48), 1e-3 * given * np.linspace(0.2, 1, 48), rtol=0.1)
    with pytest.raises(OutputError, match="exists already"):
        export.run(weights, tmp_path / "m.onnx")


def twice(network, conditions):
    return network(network(torch.randn(len(conditions), 48), conditions).flatten(1), conditions)


def counted(network, conditions):
    return network(torch.randint(0, 2, (len(conditions), 48)).float(), conditions)


@pytest.mark.parametrize(
    ("sampling", "message"),
    [(twice, "the layer mean is run 2 times"), (counted, r"it draws with torch\.randint")],
)
def test_several_passes_are_not_exported(toy, tmp_path, monkeypatch, sampling, message):
    pytest.importorskip("onnxruntime")
    weights = train_on(tmp_path, {"photons": write_showers(tmp_path)}, **SHOWERS)
    monkeypatch.setattr(toy.Toy, "sample", lambda self, *given: sampling(*given))
    with pytest.raises(OutputError, match=rf"sampling of generate\.toy \(toy\) is no single pass.*{message}"):
        export.run(weights, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
