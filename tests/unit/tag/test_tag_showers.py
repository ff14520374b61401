"""Taggers of calorimeter showers: the right hits, what is refused, and a network that sees leakage."""

import json

import h5py
import numpy as np
import pytest
import torch

from resonaut import manifest
from resonaut.config import parse
from resonaut.errors import ConfigError, MismatchError, MissingBranchError
from resonaut.files import canonical_json
from resonaut.registry import from_slice
from resonaut.settings import validate
from resonaut.shower_files import write_showers
from resonaut.showers import Showers, from_dense
from resonaut.tag import evaluate, score, train
from resonaut.tag.methods.cnn3d import Settings as Cnn
from resonaut.tag.methods.locally_connected import Settings as Local
from resonaut.tag.methods.shower_cloud import Settings as Cloud
from resonaut.tag.rows.data import read_chunk
from resonaut.tag.rows.prepare import prepare

SHAPE = (8, 4, 4)
GRID = {"kind": "cartesian", "shape": list(SHAPE), "cell": "(layer * rows + row) * columns + column"}
CELLS = ("cell/8x4x4", "energy")


def leaking(n, seed, first=0):
    """Showers of which the calorimeter holds a part that depends on where they begin."""
    rng = np.random.default_rng(seed)
    energy, start = rng.uniform(10, 100, n), rng.uniform(0, 6, n)
    depth = np.arange(14) - start[:, None]
    profile = np.exp(-0.5 * ((depth - 2) / 1.5) ** 2)
    profile /= profile.sum(axis=1, keepdims=True)
    across = np.zeros((4, 4))
    across[1:3, 1:3] = 0.25
    layers = 0.03 * (energy + np.sqrt(energy) * rng.normal(0, 0.1, n))[:, None] * profile[:, :8]
    dense = (layers[:, :, None, None] * across).astype(np.float32)
    ids = {"run": np.ones(n, int), "lumi": np.ones(n, int), "event": np.arange(n) + first}
    columns = {**ids, "gen_weight": np.ones(n), "incident_energy": energy}
    return from_dense(dense, GRID, columns, 1e-6)


def write(folder, name, parts):
    paths = []
    for number, showers in enumerate(parts):
        paths.append(folder / f"{name}_{number}.h5")
        n = len(showers)
        attributes = {"dataset": name, "label": name, "sum_weights": float(n), "n_generated": n}
        attributes |= {"cut_flow": '{"read": 1}', "settings": canonical_json({"showers": {"threshold": 0.1}})}
        write_showers(paths[-1], showers, attributes)
    manifest.write(folder / f"{name}.json", paths)
    return folder / f"{name}.json"


@pytest.fixture(scope="module")
def photons(tmp_path_factory):
    folder = tmp_path_factory.mktemp("showers")
    return write(folder, "photons", [leaking(1500, 1), leaking(500, 2, first=1500)])


def slice_of(kind="cnn3d", **more):
    settings = {"datasets": ["photons"], "target": "incident_energy", "reference": "visible_energy"}
    settings["training"] = {"epochs": 10, "batch_size": 50, "learning_rate": 5e-3, "device": "cpu"}
    if kind != "shower_cloud":
        settings |= {"shape": list(SHAPE), "filters": [4, 8], "hidden": [32]}
    settings |= more
    return {"method": "energy", "kind": kind, "seed": 3, "settings": settings}


def run(slice_, inputs, folder):
    files = [folder / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(slice_, inputs, *files, threads=1)
    evaluate.run(files[1], files[2], folder / "m.json")
    return json.loads((folder / "m.json").read_text()), files


def test_rows_are_the_showers_dense_and_sparse(photons):
    path = photons.with_name("photons_0.h5")
    events = np.array([3, 17, 900])
    rows, n_rows = read_chunk(path, CELLS, 0, events, "showers")
    expected = leaking(1500, 1).select(events)
    assert n_rows == 1
    np.testing.assert_array_equal(rows.offsets, expected.offsets)
    from resonaut.nn.networks.cells import StandardiseCells
    from resonaut.tag.rows.representations import REPRESENTATIONS

    batch = REPRESENTATIONS["showers"].samples(rows.flat, rows.offsets).take(torch.arange(3))
    dense = StandardiseCells(SHAPE).fill(*batch.values)
    np.testing.assert_array_equal(dense.numpy(), expected.dense())


def test_points_have_places(photons):
    path = photons.with_name("photons_0.h5")
    names = ("layer", "row", "column", "log_energy", "energy")
    rows, _ = read_chunk(path, names, 0, np.array([5]), "showers")
    showers = leaking(1500, 1).select(np.array([5]))
    layer, rest = np.divmod(showers.cell, 16)
    np.testing.assert_array_equal(rows.flat[:, 0], layer)
    np.testing.assert_array_equal(rows.flat[:, 1], rest // 4 - 1.5)
    np.testing.assert_array_equal(rows.flat[:, 2], rest % 4 - 1.5)
    np.testing.assert_allclose(rows.flat[:, 3], np.log(showers.energy * 1e3), rtol=1e-5)
    np.testing.assert_array_equal(rows.flat[:, 4], showers.energy)


def test_visible_energy_is_the_sum_of_hits(photons):
    from resonaut.tag.rows.data import Wanted

    wanted = Wanted("incident_energy", "visible_energy")
    rows, _ = read_chunk(photons.with_name("photons_1.h5"), CELLS, 0, None, "showers", wanted)
    np.testing.assert_allclose(rows.columns["visible_energy"], leaking(500, 2).visible(), rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (("cell/30x30x30", "energy"), MismatchError, r"showers of \[8, 4, 4\], but .* \[30, 30, 30\]"),
        (("time",), MissingBranchError, "no hits/time; it holds cell, energy, event_offsets"),
        (("layers",), MissingBranchError, "Did you mean 'layer'"),
    ],
)
def test_what_is_refused(photons, inputs, error, message):
    with pytest.raises(error, match=message):
        read_chunk(photons.with_name("photons_0.h5"), inputs, 0, None, "showers")


def test_the_network_sees_leakage_that_the_calibrated_sum_does_not(photons, tmp_path):
    metrics, files = run(slice_of("locally_connected", windows=[2, 2]), {"photons": photons}, tmp_path)
    found, sums = metrics["resolution"], metrics["calibrated"]["resolution"]
    # The sum is wrong by what leaks out; the photons that sampling smears by 0.1 / sqrt(E) are known to 2 %.
    assert sums > 0.08
    assert found < 0.4 * sums
    assert metrics["gain_over_calibrated"]["resolution"] == pytest.approx(sums / found)
    assert metrics["median"] == pytest.approx(1, abs=0.02)
    binned = metrics["bins"]["target"]
    assert {"corrected", "calibrated", "uncorrected"} < set(binned)
    medians = [entry["median"] for entry in binned["corrected"]]
    np.testing.assert_allclose(medians, 1, atol=0.05)
    score.run(files[0], photons, tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as file, h5py.File(files[1]) as test:
        prediction = file["jets/prediction"][:, 0]
        np.testing.assert_allclose(prediction[test["jets/event"][:]], test["jets/prediction"][:], rtol=1e-4)


@pytest.mark.parametrize(("limits", "position"), [([40, 60], "interpolated"), ([80, 101], "extrapolated")])
def test_what_is_held_out_is_not_learnt_from(photons, tmp_path, limits, position):
    slice_ = slice_of(hold_out={"incident_energy": limits}, training={"epochs": 1, "device": "cpu"})
    settings, tagger, where = from_slice("tag", slice_)
    rows = prepare(slice_, settings, tagger, where, {"photons": photons}, 1)
    energy = rows.jets.columns["incident_energy"]
    inside = (energy >= limits[0]) & (energy <= limits[1])
    learnt = np.concatenate(rows.parts[:2])
    assert inside.sum() > 250
    assert not inside[learnt].any()
    assert len(learnt) + len(rows.parts[2]) < len(energy)
    metrics, files = run(slice_, {"photons": photons}, tmp_path)
    found = metrics["held_out"]["incident_energy"]
    assert (found["range"], found["position"]) == (limits, position)
    assert found["trained"] == [energy[rows.parts[0]].min(), energy[rows.parts[0]].max()]
    assert found["inside"]["n"] == inside[rows.parts[2]].sum()
    assert found["inside"]["n"] + found["outside"]["n"] == metrics["n"]
    with h5py.File(files[1]) as file:
        np.testing.assert_array_equal(file["jets/held_out_incident_energy"][:], inside[rows.parts[2]])


def test_settings_say_what_is_wrong():
    task = {"datasets": ["a"], "target": "incident_energy"}
    for model, more, message in (
        (Cnn, {"stream": True}, "showers are sparse and read at once"),
        (Cnn, {"hold_out": {"incident_energy": [5, 5]}}, "low < high"),
        (Local, {"windows": [3]}, "1 for 2 filters"),
        (Cloud, {"network": "edge_convolutions", "inputs": ["layer", "energy"]}, "row and column must"),
    ):
        with pytest.raises(ConfigError, match=message):
            validate(model, {**task, **more})


@pytest.mark.parametrize("network", ["deep_sets", "edge_convolutions"])
def test_points_do_not_depend_on_their_order(network):
    settings = validate(Cloud, {"datasets": ["a"], "target": "b", "network": network})
    from resonaut.tag.methods.shower_cloud import build

    torch.manual_seed(1)
    made = build(settings).network(1).eval()
    values, mask = torch.randn(3, 12, 5), torch.ones(3, 12, dtype=torch.bool)
    order = torch.randperm(12)
    with torch.no_grad():
        torch.testing.assert_close(made(values, mask), made(values[:, order], mask), rtol=1e-4, atol=1e-5)


def test_a_study_of_showers_is_planned():
    study = parse(
        {
            "study": "s",
            "seed": 1,
            "datasets": {"g": {"source": "em_showers", "energies": [10, 20], "n_events": 10}},
            "tag": {"cnn3d": {"datasets": ["g"], "target": "incident_energy"}},
        }
    )
    assert study.tag["cnn3d"].representation() == "showers"


def test_times_are_points_too(tmp_path):
    showers = leaking(20, 5)
    time = np.arange(len(showers.cell), dtype=np.float32)
    timed = Showers(GRID, showers.cell, showers.energy, showers.offsets, showers.columns, time)
    path = write(tmp_path, "timed", [timed]).with_name("timed_0.h5")
    rows, _ = read_chunk(path, ("time",), 0, np.array([2]), "showers")
    np.testing.assert_array_equal(rows.flat[:, 0], time[showers.offsets[2] : showers.offsets[3]])
