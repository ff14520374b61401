"""Images as inputs of taggers: the right pixels, what is refused, taggers trained on them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonaut import manifest
from resonaut.errors import (
    BadValueError,
    ConfigError,
    CorruptFileError,
    InputError,
    MismatchError,
    MissingBranchError,
)
from resonaut.files import canonical_json
from resonaut.nn import checkpoint
from resonaut.registry import build
from resonaut.tag import evaluate, score, train
from resonaut.tag.rows import images as tag_images
from resonaut.tag.rows.data import read_chunk
from resonaut.tag.rows.images import Images

CHANNELS = ("pt", "charged", "multiplicity")
N_EVENTS, N_JETS, ROWS, COLUMNS = 23, 2, 6, 5


def write(path, values, channels, *, chunks=None, n_ids=None, **attributes):
    with h5py.File(path, "w") as file:
        kept = (chunks, *values.shape[1:]) if chunks else None
        file.create_dataset("images", data=values, chunks=kept)
        for name in ("run", "lumi", "event"):
            file[f"events/{name}"] = np.arange(len(values) if n_ids is None else n_ids)
        file.attrs.update({"kind": "images", "channels": canonical_json(list(channels)), **attributes})
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A chunk of three channels, and its pixels (events, jets, channels, rows, columns)."""
    shape = (N_EVENTS, N_JETS, len(CHANNELS), ROWS, COLUMNS)
    values = np.random.default_rng(0).random(shape, np.float32)
    path = tmp_path_factory.mktemp("images") / "three.h5"
    return write(path, values, CHANNELS, chunks=4), values


def read(path, inputs, events):
    with h5py.File(path) as file:
        return Images().read(file, inputs, np.asarray(events), path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(st.integers(0, N_EVENTS - 1), max_size=40),
    inputs=st.permutations(CHANNELS).flatmap(lambda all_: st.integers(1, 3).map(lambda n: all_[:n])),
    block=st.sampled_from([1, 500, 5_000, 2**25]),
)
def test_pixels_are_those_of_the_events_and_channels(stored, monkeypatch, events, inputs, block):
    """Any events, in any order and more than once; any channels; blocks from one HDF5 chunk to the whole."""
    path, values = stored
    with monkeypatch.context() as patch:
        patch.setattr(tag_images, "_BLOCK_BYTES", block)
        flat, offsets = read(path, inputs, np.array(events, np.int64))
    channels = [CHANNELS.index(name) for name in inputs]
    expected = values[np.array(events, np.int64)][:, :, channels].reshape(-1, len(inputs), ROWS, COLUMNS)
    assert flat.dtype == np.float32
    np.testing.assert_array_equal(flat, expected)
    np.testing.assert_array_equal(offsets, np.arange(len(events) * N_JETS + 1))


def test_one_channel_is_stored_without_its_axis(tmp_path):
    values = np.random.default_rng(1).random((7, N_JETS, ROWS, COLUMNS), np.float32)
    path = write(tmp_path / "one.h5", values, ["pt"])
    flat, _ = read(path, ["pt"], [5, 0])
    np.testing.assert_array_equal(flat, values[[5, 0]].reshape(4, 1, ROWS, COLUMNS))


def test_files_of_represent_are_read(tmp_path):
    """A store becomes images, and they become inputs: the pixels add up to their constituents."""
    from resonaut import store
    from resonaut.events import Events
    from resonaut.represent.images import write_images
    from resonaut.represent.settings import RepresentSettings

    n_events, per_jet, rng = 5, 4, np.random.default_rng(2)
    n_jets, n = 2 * n_events, 8 * n_events
    axis = np.tile([0.0, 0.5, 1.0, 2.5], n_events // 2 + 1)[:n_jets]
    constituents = {"pt": rng.uniform(200, 300, n), "mass": np.zeros(n), "charge": np.arange(n) % 2}
    constituents |= {name: np.repeat(axis, per_jet) + rng.normal(0, 0.2, n) for name in ("eta", "phi")}
    jets = {"pt": np.tile([1100.0, 1000.0], n_events), "eta": axis, "phi": axis, "mass": axis + 80}
    events = {name: np.arange(n_events) for name in ("run", "lumi", "event")}
    events |= {"mass": np.full(n_events, 3000.0), "gen_weight": np.ones(n_events)}
    made = Events(events, jets, np.arange(n_events + 1) * 2, constituents, np.arange(n_jets + 1) * per_jet)
    head = {"dataset": "toy", "label": "qcd", "label_names": ["qcd"], "n_events": n_events}
    head |= {"n_generated": 9, "sum_weights": 9.0, "cross_section": 1.0, "cut_flow": {"read": n_events}}
    with store.writing(tmp_path / "store.h5", head) as writer:
        writer.append(made)
    wanted = {"channels": ["charged", "neutral", "multiplicity"], "normalise": "none", "half_width": 3}
    settings = RepresentSettings(images={**wanted, "n_pixels": [10, 20]})
    write_images(tmp_path / "store.h5", tmp_path / "i.h5", settings)
    flat, _ = read(tmp_path / "i.h5", ["multiplicity", "charged"], [3, 1])
    assert flat.shape == (4, 2, 10, 20)
    np.testing.assert_allclose(flat[:, 0].sum((1, 2)), per_jet)
    charged = (constituents["pt"] * constituents["charge"]).reshape(n_events, 2, per_jet).sum(2)
    np.testing.assert_allclose(flat[:, 1].sum((1, 2)), charged[[3, 1]].ravel(), rtol=1e-5)
    write_images(tmp_path / "store.h5", tmp_path / "one.h5", RepresentSettings())
    flat, _ = read(tmp_path / "one.h5", ["pt"], [0, 4])
    assert flat.shape == (4, 1, 40, 40)
    np.testing.assert_allclose(flat.sum((1, 2, 3)), 1, rtol=1e-5)


def test_reads_are_bounded_and_leave_out_what_nobody_wants(stored, monkeypatch):
    path, _ = stored
    monkeypatch.setattr(tag_images, "_BLOCK_BYTES", 1)
    taken, whole = [], h5py.Dataset.__getitem__

    def spy(dataset, key):
        if dataset.name == "/images":
            taken.append((key.start, key.stop))
        return whole(dataset, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", spy)
    read(path, ["pt"], [21, 1, 2, 9])
    assert taken == [(1, 3), (9, 10), (21, 22)]


def test_jets_of_a_chunk_belong_to_their_events(stored):
    path, values = stored
    jets, n_jets = read_chunk(path, ["multiplicity"], 3, np.array([4, 11]), kind="images")
    assert n_jets == N_JETS
    assert jets.event.tolist() == [4, 4, 11, 11]
    assert jets.index.tolist() == [0, 1, 0, 1]
    assert set(jets.dataset) == {3}
    np.testing.assert_array_equal(jets.flat[2, 0], values[11, 0, 2])
    batch = Images().samples(jets.flat, jets.offsets, np.arange(4)).take(np_rows([2, 0]))
    np.testing.assert_array_equal(batch.values[0].numpy(), jets.flat[[2, 0]])
    assert batch.values[1].tolist() == [2, 0]


def np_rows(rows):
    import torch

    return torch.tensor(rows)


def test_a_pixel_that_is_not_finite_is_named(tmp_path):
    values = np.zeros((9, N_JETS, 2, ROWS, COLUMNS), np.float32)
    values[6, 1, 1, 3, 4] = np.nan
    path = write(tmp_path / "nan.h5", values, ["pt", "charged"])
    with pytest.raises(BadValueError, match=r"charged is nan in pixel \[3, 4\] of jet 1 of row 6"):
        read(path, ["pt", "charged"], [8, 6])
    read(path, ["pt"], [8, 6])
    read(path, ["charged"], [8, 7])


def test_what_is_not_there_or_does_not_fit_is_told(tmp_path, stored):
    path, values = stored
    with pytest.raises(MissingBranchError, match=r"channel 'charge'\. Did you mean 'charged'"):
        read(path, ["charge"], [0])
    flat = write(tmp_path / "flat.h5", values[:, 0, 0], ["pt"])
    with pytest.raises(InputError, match=r"\(events, jets, rows, columns\).*is expected"):
        read(flat, ["pt"], [0])
    short = write(tmp_path / "short.h5", values, CHANNELS, n_ids=22)
    with pytest.raises(InputError, match="and 22 events"):
        read(short, ["pt"], [0])
    wrong = write(tmp_path / "wrong.h5", values, ["pt", "charged"])
    with pytest.raises(CorruptFileError, match="attribute 'channels'"):
        read(wrong, ["pt"], [0])
    broken = write(tmp_path / "broken.h5", values, CHANNELS)
    with h5py.File(broken, "a") as file:
        file.attrs["channels"] = "pt, charged"
    with pytest.raises(CorruptFileError, match="JSON list"):
        read(broken, ["pt"], [0])
    with h5py.File(broken, "a") as file:
        del file["images"]
    with pytest.raises(MissingBranchError, match="no images; it holds events"):
        read(broken, ["pt"], [0])


def test_settings_name_pixels_and_channels():
    chosen = {"signal": ["a"], "background": ["b"], "n_pixels": [40, 40]}
    method = build("tag", "cnn", chosen)
    assert method.inputs == ("pt",)
    assert method.network().standardise.shape == (1, 40, 40)
    from resonaut.tag.methods.cnn import Settings

    read = Settings(**chosen)
    assert read.n_pixels == 40
    assert read.representation() == "images"
    assert Settings(**{**chosen, "n_pixels": [20, 30], "inputs": ["pt", "charged"]}).shape == (2, 20, 30)
    with pytest.raises(ConfigError, match="inputs"):
        build("tag", "cnn", {**chosen, "inputs": ["jets/pt"]})


def write_dataset(folder, name, upright, n_events=300):
    """Images of 10 x 10 pixels with one bar along the rows or the columns, in two chunks."""
    rng, paths = np.random.default_rng(len(name)), []
    for chunk in range(2):
        values = np.zeros((n_events, N_JETS, 10, 10), np.float32)
        place = rng.integers(2, 8, (n_events, N_JETS))
        event, jet = np.ogrid[:n_events, :N_JETS]
        if upright:
            values[event, jet, :, place] = rng.random((n_events, N_JETS, 10))
        else:
            values[event, jet, place] = rng.random((n_events, N_JETS, 10))
        path = folder / f"{name}_{chunk}.h5"
        attributes = {"dataset": name, "label": name, "n_events": n_events, "n_generated": n_events}
        attributes |= {"sum_weights": 1.0, "cut_flow": '{"read": 1}'}
        made = {"n_jets": N_JETS, "images": {"channels": ["pt"], "n_pixels": 10}, "selection": {}}
        write(path, values, ["pt"], settings=canonical_json(made), **attributes)
        with h5py.File(path, "a") as file:
            file["events/run"][:] = chunk
        paths.append(path)
    manifest.write(folder / f"{name}.json", paths)
    return folder / f"{name}.json"


SMALL = {
    "cnn": {"filters": [4, 4], "kernel_size": 3, "hidden": [8]},
    "resnet": {"widths": [4, 8], "n_blocks": 1},
    "resnext": {"widths": [4, 8], "n_blocks": [1, 1], "groups": 4, "first_width": 8, "dropout": 0.0},
    "capsule": {"filters": 4, "kernel_size": 3, "n_primary": 2, "primary_size": 4, "class_size": 4},
}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    return {"signal": write_dataset(folder, "signal", True), "qcd": write_dataset(folder, "qcd", False)}


@pytest.mark.parametrize("kind", SMALL)
def test_taggers_of_images_train_and_score(datasets, tmp_path, kind):
    training = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "device": "cpu"}
    chosen = {"signal": ["signal"], "background": ["qcd"], "n_pixels": 10, "n_jets_max": 500}
    slice_ = {"method": "toy", "kind": kind, "seed": 5}
    slice_["settings"] = {**chosen, **SMALL[kind], "training": training}
    files = [tmp_path / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(slice_, datasets, *files, threads=1)
    evaluate.run(*files[1:], tmp_path / "m.json")
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert metrics["auc"] > 0.97
    assert metrics["rows"] == "jets"
    score.run(files[0], datasets["qcd"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as every, h5py.File(files[1]) as test:
        assert every["jets/score"].shape == (600, N_JETS)
        own = test["jets/label"][:] == 0
        row = test["jets/run"][own] * 300 + test["jets/event"][own]
        again = every["jets/score"][:][row, test["jets/index"][own]]
        np.testing.assert_allclose(again, test["jets/score"][own], atol=1e-5)
    tensors, _ = checkpoint.read(files[0])
    # A bar has 10 of 100 pixels with the mean square 1/3.
    assert tensors["0.standardise.width"].item() == pytest.approx((0.1 / 3) ** 0.5, rel=0.05)


def test_images_of_another_size_than_the_settings_say_are_told(datasets, tmp_path):
    chosen = {"signal": ["signal"], "background": ["qcd"], "n_pixels": 12, **SMALL["cnn"]}
    slice_ = {"method": "toy", "kind": "cnn", "seed": 5, "settings": chosen}
    with pytest.raises(MismatchError, match=r"Images of 1 x 10 x 10 .* a network for 1 x 12 x 12"):
        train.run(slice_, datasets, *[tmp_path / name for name in "wsm"], threads=1)
