"""The tagger of features: events or jets told apart as well as can be, and scored again by hand."""

from __future__ import annotations

import json
import math

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import BadValueError, ConfigError, InputError, MismatchError, MissingBranchError
from resonaut.files import canonical_json
from resonaut.nn import checkpoint
from resonaut.nn.splits import part_of
from resonaut.registry import build
from resonaut.seeds import event_hash
from resonaut.tag import evaluate, networks, score, train
from resonaut.tag.rows.data import read_chunk

CENTRES = {"background": (0.0, 0.0, 5.0), "signal": (1.0, 0.5, 5.0)}
WIDTHS = (1.0, 0.5, 300.0)
BEST_AUC = 0.5 * (1 + math.erf(math.hypot(1.0, 0.5 / 0.5) / 2))
"""Of two Gaussians of equal widths, at a distance d in units of their width: Phi(d / sqrt(2))."""
N_EVENTS = {"background": 9000, "signal": 5000}


def write_features(folder, name, n_events, *, n_chunks=2, n_jets=2, spoil=None, beta=1.0):
    """Features of Gaussian events: a, b and the useless c; jets/x of either jet is a, jets/y of the event."""
    generator = np.random.default_rng(len(name))
    paths = []
    for chunk in range(n_chunks):
        size = n_events // n_chunks
        path = folder / f"{name}_{chunk}.h5"
        with h5py.File(path, "w") as file:
            file.attrs.update({"kind": "features", "dataset": name, "label": name, "n_events": size})
            file.attrs.update({"sum_weights": 1.0, "n_generated": size, "cut_flow": '{"read": 1}'})
            settings = {"n_jets": n_jets, "features": {"nsubjettiness_beta": beta}, "selection": {}}
            file.attrs["settings"] = canonical_json(settings)
            for key in ("run", "lumi"):
                file[f"events/{key}"] = np.ones(size, np.int64)
            file["events/event"] = np.arange(size) + chunk * size
            values = generator.normal(CENTRES[name], WIDTHS, (size, 3))
            for column, feature in enumerate("abc"):
                file[f"events/{feature}"] = values[:, column]
            file["jets/x"] = generator.normal(CENTRES[name][0], 1.0, (size, n_jets)).astype(np.float32)
            file["jets/order"] = np.tile(np.arange(n_jets, dtype=np.int32), (size, 1))
            if spoil is not None:
                spoil(file)
        paths.append(path)
    manifest.write(folder / f"{name}.json", paths)
    return folder / f"{name}.json"


def slice_of(**more):
    training = {"epochs": 6, "batch_size": 256, "learning_rate": 3e-3, "device": "cpu"}
    settings = {"signal": ["signal"], "background": ["background"], "inputs": ["a", "b", "c"]}
    settings |= {"hidden": [16, 16], "training": training, **more}
    return {"method": "toy", "kind": "dense", "seed": 3, "settings": settings}


def outputs(folder):
    return [folder / name for name in ("w.safetensors", "s.h5", "t.json")]


def measured(files):
    """The metrics of a training's files."""
    evaluate.run(files[1], files[2], files[2].with_name("metrics.json"))
    return json.loads(files[2].with_name("metrics.json").read_text())


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, size) for name, size in N_EVENTS.items()}


@pytest.fixture(scope="module")
def trained(features, tmp_path_factory):
    files = outputs(tmp_path_factory.mktemp("trained"))
    train.run(slice_of(), features, *files, threads=1)
    return files


def test_events_are_told_apart_as_well_as_can_be(trained):
    metrics = measured(trained)
    # About 1800 and 1000 test events: the AUC is known to 0.009.
    assert metrics["auc"] == pytest.approx(BEST_AUC, abs=0.03)
    assert metrics["rows"] == "events"
    assert metrics["n_parameters"] == sum((a + 1) * b for a, b in [(3, 16), (16, 16), (16, 1)])
    assert sum(metrics["n_jets"].values()) == sum(N_EVENTS.values())


def test_scores_hold_the_events_of_the_test_part_once(trained):
    with h5py.File(trained[1]) as file:
        jets = {name: column[:] for name, column in file["jets"].items()}
    assert set(jets["index"]) == {0}
    for number, (name, n_events) in enumerate(sorted(N_EVENTS.items())):
        event = np.arange(n_events)
        ones = np.ones(n_events, np.int64)
        expected = event[part_of(event_hash(name, ones, ones, event, 3, "tag split")) == 2]
        np.testing.assert_array_equal(np.sort(jets["event"][jets["dataset"] == number]), expected)


def test_standardisation_is_that_of_the_training_rows(features, trained):
    tensors, description = checkpoint.read(trained[0])
    rows = []
    for name in ("background", "signal"):
        for path in manifest.read(features[name]).chunks:
            with h5py.File(path) as file:
                ids = [file[f"events/{key}"][:] for key in ("run", "lumi", "event")]
                used = part_of(event_hash(name, *ids, 3, "tag split")) == 0
                rows.append(np.stack([file[f"events/{key}"][:][used] for key in "abc"], axis=1))
    values = np.concatenate(rows).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(tensors["0.standardise.mean"], values.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(tensors["0.standardise.width"], values.std(axis=0), rtol=1e-4)
    assert description["representation"] == {"n_jets": 2, "nsubjettiness_beta": 1.0}


def test_two_runs_give_the_same_bytes(features, trained, tmp_path):
    again = outputs(tmp_path)
    train.run(slice_of(), features, *again, threads=1)
    for first, second in zip(trained, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_network_is_the_formula_that_its_weights_say(features, trained):
    tensors, _ = checkpoint.read(trained[0])
    tensors = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    rows, _ = read_chunk(manifest.read(features["signal"]).chunks[0], ("a", "b", "c"), 0, kind="features")
    values = (rows.flat - tensors["0.standardise.mean"]) / tensors["0.standardise.width"]
    for number in (0, 2, 4):
        values = values @ tensors[f"0.layers.{number}.weight"].T + tensors[f"0.layers.{number}.bias"]
        values = np.maximum(values, 0) if number < 4 else values
    expected = 1 / (1 + np.exp(-values[:, 0]))
    from resonaut.nn.samples import FixedSamples

    again = networks.load(trained[0])
    order = np.random.default_rng(1).permutation(len(rows))
    found = networks.outputs(again.networks, again.task, FixedSamples(rows.flat), order)
    np.testing.assert_allclose(found, expected[None, order], atol=1e-5)


def test_reloaded_weights_give_the_scores_of_the_training(features, trained, tmp_path):
    score.run(trained[0], features["signal"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as every, h5py.File(trained[1]) as test:
        assert every["jets/score"].shape == (5000, 1)
        np.testing.assert_array_equal(every["events/event"][:], np.arange(5000))
        own = test["jets/label"][:] == 1
        events = test["jets/event"][own]
        np.testing.assert_allclose(every["jets/score"][:][events, 0], test["jets/score"][own], atol=1e-6)
        assert (every["events/part"][:][events] == 2).all()


# -- inputs of jets ------------------------------------------------------------------------------------------


def test_with_an_input_of_every_jet_each_jet_is_a_row(features, tmp_path):
    path = manifest.read(features["signal"]).chunks[1]
    inputs = ("jets/order", "jets/x", "b", "jets/x/1")
    rows, n_jets = read_chunk(path, inputs, 4, np.array([7, 3]), kind="features")
    with h5py.File(path) as file:
        x, b = file["jets/x"][:], file["events/b"][:].astype(np.float32)
    expected = [[0, x[7, 0], b[7], x[7, 1]], [1, x[7, 1], b[7], x[7, 1]]]
    expected += [[0, x[3, 0], b[3], x[3, 1]], [1, x[3, 1], b[3], x[3, 1]]]
    assert n_jets == 2
    np.testing.assert_array_equal(rows.flat, np.float32(expected))
    np.testing.assert_array_equal(rows.index, [0, 1, 0, 1])
    np.testing.assert_array_equal(rows.event, [2507, 2507, 2503, 2503])

    files = outputs(tmp_path)
    train.run(slice_of(inputs=["jets/x"], n_jets_max=3000), features, *files, threads=1)
    metrics = measured(files)
    assert metrics["rows"] == "jets"
    assert sum(metrics["n_jets"].values()) == 6000
    assert metrics["auc"] == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.04)
    score.run(files[0], features["signal"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as every:
        assert every["jets/score"].shape == (5000, 2)


def test_a_jet_of_an_event_leaves_the_event_a_row(features):
    path = manifest.read(features["background"]).chunks[0]
    rows, n_jets = read_chunk(path, ("jets/x/1", "events/a"), 0, kind="features")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(rows.flat[:, 0], file["jets/x"][:, 1])
        np.testing.assert_array_equal(rows.flat[:, 1], file["events/a"][:].astype(np.float32))
    assert n_jets == 1
    with pytest.raises(MissingBranchError, match=r"jets/x/2: 2 jets per event are stored"):
        read_chunk(path, ("jets/x/2",), 0, kind="features")


# -- a chunk of a table without events has no columns --------------------------------------------------------


def empty(file):
    file.attrs["n_events"] = 0
    for name in list(file["events"]):
        del file[f"events/{name}"]
    del file["jets"]
    for name in ("run", "lumi", "event"):
        file[f"events/{name}"] = np.zeros(0, np.int64)


def test_empty_chunks_are_passed_over(features, trained, tmp_path):
    def spoil(file):
        if file["events/event"][0] == 0:
            empty(file)

    half = write_features(tmp_path, "signal", 600, spoil=spoil)
    score.run(trained[0], half, tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as file:
        np.testing.assert_array_equal(file["events/event"][:], np.arange(300, 600))
    slice_ = slice_of(training={"epochs": 1, "device": "cpu"})
    train.run(slice_, {**features, "signal": half}, *outputs(tmp_path), threads=1)
    assert measured(outputs(tmp_path))["n_signal"] > 0


# -- wrong input ---------------------------------------------------------------------------------------------


def fails(error, message, slice_, paths, folder):
    files = outputs(folder)
    with pytest.raises(error, match=message):
        train.run(slice_, paths, *files, threads=1)
    assert not any(path.exists() for path in files)


def test_unknown_column_names_the_nearest(features, tmp_path):
    def rename(file):
        file.move("events/a", "events/tau21")

    other = write_features(tmp_path, "background", 100, spoil=rename)
    message = r"background_0\.h5: no events/tau12. Did you mean 'tau21'"
    paths = {**features, "background": other}
    fails(MissingBranchError, message, slice_of(inputs=["tau12"]), paths, tmp_path)

    def drop(file):
        del file["jets"]

    paths["background"] = write_features(tmp_path, "background", 100, spoil=drop)
    message = r"no group 'jets'; it holds events\."
    fails(MissingBranchError, message, slice_of(inputs=["jets/x"]), paths, tmp_path)


def test_nan_names_file_column_and_row(features, tmp_path):
    def spoil(file):
        file["events/b"][5] = np.nan

    bad = write_features(tmp_path, "signal", 100, n_chunks=1, spoil=spoil)
    message = r"signal_0\.h5: b is nan in row 5"
    fails(BadValueError, message, slice_of(), {**features, "signal": bad}, tmp_path)


def test_manifest_of_another_representation(features, tmp_path):
    def spoil(file):
        file.attrs["kind"] = "clouds"

    clouds = write_features(tmp_path, "signal", 100, spoil=spoil)
    message = "a manifest of 'features' is expected, got 'clouds'"
    fails(InputError, message, slice_of(), {**features, "signal": clouds}, tmp_path)


def test_features_made_with_other_settings(features, trained, tmp_path):
    other = write_features(tmp_path, "signal", 100, beta=2.0)
    message = r"features made with \{'nsubjettiness_beta': 2\.0\}"
    fails(MismatchError, message, slice_of(), {**features, "signal": other}, tmp_path)
    with pytest.raises(MismatchError, match=r"was trained on features made with \{'nsubjettiness_beta': 1"):
        score.run(trained[0], other, tmp_path / "all.h5")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["a", "events/a"], "an input is named twice"),
        (["jets/x/first"], r"inputs\.0"),
        (["jet/x"], r"inputs\.0"),
        ([], "inputs"),
    ],
)
def test_inputs_are_checked(inputs, message):
    with pytest.raises(ConfigError, match=message):
        build("tag", "dense", {**slice_of()["settings"], "inputs": inputs})


def test_command_line(features, tmp_path):
    files = outputs(tmp_path)
    names = [f"{name}={path}" for name, path in features.items()]
    options = ["--weights", str(files[0]), "--scores", str(files[1]), "--training", str(files[2])]
    text = canonical_json(slice_of(training={"epochs": 1, "device": "cpu"}, n_jets_max=200))
    assert main(["tag", "train", "--settings", text, "--features", *names, *options]) == 0
    target = ["--output", str(tmp_path / "all.h5")]
    weights = ["--weights", str(files[0])]
    assert main(["tag", "score", *weights, "--features", str(features["signal"]), *target]) == 0
