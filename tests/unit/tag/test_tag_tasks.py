"""Several classes, a quantity, restarts, weights, matched jets: through the files that the workflow uses."""

import json
import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
from test_tag_train import measured, outputs, slice_of, write_clouds

from resonaut.errors import ConfigError, TrainingError
from resonaut.files import canonical_json
from resonaut.nn.splits import part_of
from resonaut.registry import from_slice
from resonaut.seeds import event_hash
from resonaut.settings import validate
from resonaut.tag import networks, score, train
from resonaut.tag.methods.dense import Settings as Dense
from resonaut.tag.rows.data import Jets
from resonaut.tag.rows.prepare import combined_parts, prepare
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.tasks import equal_sums

N_EVENTS = {"one": 600, "two": 400, "three": 800}


def truth(file):
    """A quantity that the constituents tell: twice their summed pt fraction, smeared by nothing."""
    offsets, fraction = file["offsets"][:], np.exp(file["constituents/log_pt_fraction"][:])
    n_events = len(file["events/event"])
    total = np.add.reduceat(np.append(fraction, 0.0), offsets[:-1]) * (np.diff(offsets) > 0)
    shape = (n_events, -1)
    file["jets/pt"] = np.full(len(total), 500.0, np.float32).reshape(shape)
    file["jets/mass"] = np.full(len(total), 80.0, np.float32).reshape(shape)
    file["jets/gen_mass"] = np.where(total > 0, 80 * (1 + total), np.nan).astype(np.float32).reshape(shape)
    file["jets/matched"] = (np.arange(len(total)) % 3 > 0).astype(np.int8).reshape(shape)
    file["events/gen_weight"] = np.where(np.arange(n_events) % 2, 3.0, 1.0)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    return {
        name: write_clouds(folder, name, size, prongs + 1, spoil=truth)
        for prongs, (name, size) in enumerate(N_EVENTS.items())
    }


def without_classes(slice_):
    return {key: value for key, value in slice_["settings"].items() if key not in ("signal", "background")}


def of_classes(**more):
    slice_ = slice_of(**more)
    settings = without_classes(slice_)
    classes = {"c": ["three"], "a": ["one"], "b": ["two"]}
    return {**slice_, "settings": {**settings, "classes": classes}}


def test_three_classes_in_the_order_of_their_names(clouds, tmp_path):
    files = outputs(tmp_path)
    train.run(of_classes(), clouds, *files, threads=1)
    with h5py.File(files[1]) as file:
        assert json.loads(file.attrs["classes"]) == ["a", "b", "c"]
        assert file.attrs["task"] == "classes"
        scores, label = file["jets/scores"][:], file["jets/label"][:]
        dataset = file["jets/dataset"][:]
        names = json.loads(file.attrs["datasets"])
        assert set(file["training"]) == {"label", "scores", "restart_scores"}
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    expected = {"one": 0, "three": 2, "two": 1}
    np.testing.assert_array_equal(label, [expected[names[number]] for number in dataset])
    metrics = measured(files)
    assert metrics["accuracy"] == pytest.approx((scores.argmax(axis=1) == label).mean())
    assert metrics["accuracy"] > 0.6
    assert metrics["history"][-1]["metrics"]["accuracy"] > 0.6
    score.run(files[0], clouds["two"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as file:
        assert file["jets/scores"].shape == (400, 2, 3)
        assert file["jets/restart_scores"].shape == (400, 2, 1, 3)


def test_restarts_are_averaged_and_the_first_is_the_single_network(clouds, tmp_path):
    paths = {name: clouds[name] for name in ("one", "two")}
    single, several = outputs(tmp_path, "single_"), outputs(tmp_path, "several_")
    train.run(slice_of(), paths, *single, threads=1)
    train.run(slice_of(restarts=3), paths, *several, threads=1, epochs=tmp_path / "epochs.jsonl")
    with h5py.File(single[1]) as one, h5py.File(several[1]) as three:
        each = three["jets/restart_scores"][:]
        assert each.shape == (len(one["jets/score"]), 3)
        np.testing.assert_array_equal(each[:, 0], one["jets/score"][:])
        assert np.abs(each[:, 1] - each[:, 0]).max() > 1e-3
        np.testing.assert_allclose(three["jets/score"][:], each.mean(axis=1), atol=1e-7)
        mean = three["training/restart_scores"][:].mean(axis=1)
        np.testing.assert_allclose(three["training/score"][:], mean, atol=1e-6)
    assert len(networks.load(several[0]).networks) == 3
    lines = [(tmp_path / name).read_text().splitlines() for name in ("epochs.jsonl", "epochs.2.jsonl")]
    assert [json.loads(line)["epoch"] for line in lines[1]] == [1, 2, 3, 4, 5, 6]
    assert json.loads(lines[0][-1])["metrics"]["auc"] > 0.8
    metrics = measured(several)
    assert len(metrics["restarts"]) == 3
    assert {"pt", "mass"} <= set(metrics["efficiency"])


def test_a_quantity_is_corrected(clouds, tmp_path):
    files = outputs(tmp_path)
    slice_ = slice_of(training={"epochs": 30, "batch_size": 64, "learning_rate": 5e-3, "device": "cpu"})
    settings = without_classes(slice_)
    settings |= {"datasets": ["one", "three"], "target": "gen_mass", "reference": "mass"}
    train.run({**slice_, "settings": settings}, clouds, *files, threads=1)
    with h5py.File(files[1]) as file:
        assert {"prediction", "target", "reference"} <= set(file["jets"])
        assert "label" not in file["jets"]
        found, true = file["jets/prediction"][:], file["jets/target"][:]
        np.testing.assert_allclose(file["jets/reference"][:], 80)
    # Jets without constituents have no true value and are left out.
    assert np.isfinite(true).all()
    assert true.min() > 80
    before, after = np.std(np.log(80 / true)), np.std(np.log(found / true))
    assert after < 0.3 * before
    metrics = measured(files)
    assert metrics["task"] == "regression"
    score.run(files[0], clouds["two"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as file:
        assert file["jets/prediction"].shape == (400, 2)
        assert file["jets/prediction"][:].max() > 80


def test_only_matched_jets(clouds, tmp_path):
    files = outputs(tmp_path)
    paths = {name: clouds[name] for name in ("one", "two")}
    train.run(slice_of(matched=True), paths, *files, threads=1)
    training = json.loads(files[2].read_text())
    assert sum(training["n_jets"].values()) == sum(
        int((np.arange(half * 2) % 3 > 0).sum()) for half in (300, 300, 200, 200)
    )


def test_weights_of_events_count_within_a_class(clouds, tmp_path, monkeypatch):
    seen = {}
    original = train.fit_once

    def noting(settings, tagger, rows, *rest, **options):
        part = rows.parts[0]
        seen.update(weights=rows.weights(0), group=rows.group[part], jets=rows.jets.event[part])
        return original(settings, tagger, rows, *rest, **options)

    monkeypatch.setattr(train, "fit_once", noting)
    paths = {name: clouds[name] for name in ("one", "two")}
    slice_ = slice_of(event_weights=True, training={"epochs": 1, "device": "cpu"})
    train.run(slice_, paths, *outputs(tmp_path), threads=1)
    sums = np.bincount(seen["group"], weights=seen["weights"])
    np.testing.assert_allclose(sums, sums[0], rtol=1e-5)
    assert seen["weights"].mean() == pytest.approx(1, rel=1e-5)
    own = seen["group"] == 0
    odd = seen["jets"][own] % 2 == 1
    np.testing.assert_allclose(seen["weights"][own][odd], 3 * seen["weights"][own][~odd][0], rtol=1e-5)


def test_weights_that_add_up_to_nothing():
    with pytest.raises(TrainingError, match=r"class 'signal' add up to -1"):
        equal_sums(np.array([0, 1, 1]), np.array([1.0, 1.0, -2.0]), ("background", "signal"))


def test_streamed_rows_are_the_rows_in_memory(clouds, tmp_path):
    paths = {name: clouds[name] for name in ("one", "two")}
    prepared = []
    for stream in (False, True):
        slice_ = slice_of(stream=stream, n_jets_max=700)
        prepared.append(prepare(slice_, *from_slice("tag", slice_), paths, 1))
    memory, streamed = prepared
    assert len(memory.jets) == len(streamed.jets) == 1400
    assert len(streamed.jets.flat) == 0
    part = memory.parts[1]
    there, read = (one.samples(one.target).take(torch.from_numpy(one.place[part])) for one in prepared)
    for first, second in zip(there.values, read.values, strict=True):
        np.testing.assert_array_equal(first, second)
    files = outputs(tmp_path)
    slice_ = slice_of(stream=True)
    train.run(slice_, paths, *files, threads=1)
    assert measured(files)["auc"] > 0.85


def test_two_processes_train_restarts_and_one_writes(clouds, tmp_path):
    """As torchrun starts them: the command, twice, with ranks; batches of half the size each."""
    training = {"epochs": 3, "batch_size": 64, "learning_rate": 5e-3, "device": "cpu"}
    text = canonical_json(slice_of(restarts=2, training=training))
    names = [f"{name}={clouds[name]}" for name in ("one", "two")]
    files = outputs(tmp_path)
    options = ["--weights", files[0], "--scores", files[1], "--training", files[2]]
    command = [sys.executable, "-m", "resonaut.cli", "tag", "train", "--settings", text, "--clouds", *names]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [*map(str, command), *map(str, options), "--threads", "1"],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    alone = outputs(tmp_path, "alone_")
    double = slice_of(restarts=2, training={**training, "batch_size": 128})
    train.run(double, {name: clouds[name] for name in ("one", "two")}, *alone, threads=1)
    found, expected = (json.loads(paths[2].read_text())["history"] for paths in (files, alone))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], abs=1e-5)
    with h5py.File(files[1]) as ours, h5py.File(alone[1]) as theirs:
        each = (file["jets/restart_scores"][:] for file in (ours, theirs))
        np.testing.assert_allclose(*each, atol=1e-4)


# -- settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "one of these is expected: 'signal' and 'background'; 'classes'"),
        ({"signal": ["a"]}, "'background' is required besides 'signal'"),
        ({"signal": ["a"], "background": ["a"]}, "a is both background and signal"),
        ({"classes": {"x": ["a"], "y": ["b"]}}, "three or more are expected"),
        ({"datasets": ["a"]}, "'target' is required besides 'datasets'"),
        ({"datasets": ["a"], "target": "gen_mass", "signal": ["a"]}, "one of these is expected"),
    ],
)
def test_one_task(given, message):
    with pytest.raises(ConfigError, match=message):
        validate(TaggerSettings, given, "tag.toy")


def test_matched_needs_jets_with_truth(tmp_path):
    paths = {"one": write_clouds(tmp_path, "one", 40, 1), "two": write_clouds(tmp_path, "two", 40, 2)}
    with pytest.raises(ConfigError, match=r"tag\.toy\.matched: no dataset has jets/matched"):
        train.run(slice_of(matched=True), paths, *outputs(tmp_path), threads=1)


def test_names_of_scores_among_the_inputs():
    settings = validate(
        Dense,
        {"signal": ["a"], "background": ["b"], "inputs": ["taggers/pfn", "jets/mass", "taggers/cnn/0"]},
        "tag.toy",
    )
    assert settings.taggers_used() == ["cnn", "pfn"]


def test_the_split_of_a_combination_is_part_of_the_validation(clouds):
    event = np.arange(20_000)
    ones = np.ones(len(event), np.int64)
    part = part_of(event_hash("one", ones, ones, event, 3, "tag split"))
    zeros = np.zeros(len(event), np.int16)
    offsets = np.arange(len(event) + 1)
    ids = (zeros, zeros, ones, ones, event, event, ones)
    jets = Jets(np.zeros((len(event), 1)), offsets, *ids, {})
    again = combined_parts(part, jets, ["one"], 3)
    np.testing.assert_array_equal(again == 2, part == 2)
    assert (again[part == 0] == -1).all()
    assert set(again[part == 1]) == {0, 1}
    assert (again[part == 1] == 0).mean() == pytest.approx(0.75, abs=0.02)
