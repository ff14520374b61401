"""Train, score, reload: on toy jets of one and of two prongs, through the files that the workflow uses."""

import json

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import (
    BadValueError,
    ConfigError,
    EmptyFileError,
    InputError,
    MissingBranchError,
    TrainingError,
)
from resonaut.files import canonical_json
from resonaut.nn import checkpoint, resume
from resonaut.nn.splits import part_of
from resonaut.seeds import event_hash
from resonaut.tag import evaluate, score, train
from resonaut.tag.methods.pfn import Settings
from resonaut.tag.rows.data import join, read_class, read_manifests
from resonaut.tag.tasks import equal_sums

INPUTS = ("delta_eta", "delta_phi", "log_pt_fraction")


def write_clouds(
    folder, name, n_events, prongs, *, n_chunks=2, n_jets=2, kind="clouds", n_constituents_max=50, spoil=None
):
    """Toy jets: constituents around one axis, or around two axes 0.4 apart."""
    rng = np.random.default_rng(len(name) + 10 * prongs)
    paths = []
    for chunk in range(n_chunks):
        size = n_events // n_chunks
        counts = rng.integers(0, 12, size * n_jets)
        counts[0] = 0
        total = int(counts.sum())
        prong = rng.integers(0, prongs, total) - 0.5 * (prongs - 1)
        path = folder / f"{name}_{chunk}.h5"
        with h5py.File(path, "w") as file:
            file.attrs.update(
                {"kind": kind, "dataset": name, "label": name, "n_events": size, "sum_weights": 1.0}
            )
            file.attrs.update({"n_generated": size, "cut_flow": '{"read": 1}'})
            file.attrs["settings"] = canonical_json({"clouds": {"n_constituents_max": n_constituents_max}})
            for key in ("run", "lumi"):
                file[f"events/{key}"] = np.ones(size, np.int64)
            file["events/event"] = np.arange(size) + chunk * size
            file["offsets"] = np.concatenate([[0], np.cumsum(counts)])
            file["constituents/delta_eta"] = rng.normal(0, 0.1, total).astype(np.float32)
            file["constituents/delta_phi"] = (rng.normal(0, 0.1, total) + 0.4 * prong).astype(np.float32)
            file["constituents/log_pt_fraction"] = rng.normal(-2, 1, total).astype(np.float32)
            if spoil is not None:
                spoil(file)
        paths.append(path)
    manifest.write(folder / f"{name}.json", paths)
    return folder / f"{name}.json"


def slice_of(**more):
    settings = {
        "signal": ["two"],
        "background": ["one"],
        "inputs": list(INPUTS),
        "phi": [16, 16],
        "f": [16],
        "training": {"epochs": 6, "batch_size": 128, "learning_rate": 5e-3, "device": "cpu"},
    }
    return {"method": "toy", "kind": "pfn", "seed": 3, "settings": {**settings, **more}}


def outputs(folder, tag=""):
    return [folder / f"{tag}{name}" for name in ("w.safetensors", "s.h5", "t.json")]


def measured(files):
    """The metrics of a training's files."""
    evaluate.run(files[1], files[2], files[2].with_name("metrics.json"))
    return json.loads(files[2].with_name("metrics.json").read_text())


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    return {"one": write_clouds(folder, "one", 1200, 1), "two": write_clouds(folder, "two", 600, 2)}


@pytest.fixture(scope="module")
def trained(clouds, tmp_path_factory):
    files = outputs(tmp_path_factory.mktemp("trained"))
    train.run(slice_of(), clouds, *files, threads=1)
    return files


def test_separable_jets_are_told_apart(trained):
    metrics = measured(trained)
    assert metrics["auc"] > 0.9
    assert metrics["n_parameters"] == sum((a + 1) * b for a, b in [(3, 16), (16, 16), (16, 16), (16, 1)])
    assert sum(metrics["n_jets"].values()) == 3600
    losses = [epoch["validation_loss"] for epoch in metrics["history"]]
    assert losses[metrics["best_epoch"] - 1] == min(losses)
    training = json.loads(trained[2].read_text())
    assert training["provenance"]["settings"] == slice_of()
    assert metrics["history"] == training["history"]


def test_scores_hold_the_test_part_and_both_jets_of_its_events(trained):
    with h5py.File(trained[1]) as file:
        jets = {name: column[:] for name, column in file["jets"].items()}
        assert json.loads(file.attrs["datasets"]) == ["one", "two"]
    np.testing.assert_array_equal(jets["label"], jets["dataset"])
    for number, (name, n_events) in enumerate((("one", 1200), ("two", 600))):
        event = np.arange(n_events)
        expected = event[part_of(event_hash(name, event * 0 + 1, event * 0 + 1, event, 3, "tag split")) == 2]
        own = jets["dataset"] == number
        assert sorted(jets["event"][own]) == sorted(np.repeat(expected, 2))
        np.testing.assert_array_equal(jets["index"][own], np.tile([0, 1], len(expected)))


def test_two_runs_give_the_same_bytes(clouds, trained, tmp_path):
    again = outputs(tmp_path)
    train.run(slice_of(), clouds, *again, threads=1)
    for first, second in zip(trained, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_reloaded_weights_give_the_scores_of_the_training(clouds, trained, tmp_path):
    score.run(trained[0], clouds["two"], tmp_path / "all.h5", threads=1)
    with h5py.File(tmp_path / "all.h5") as every, h5py.File(trained[1]) as test:
        assert every["jets/score"].shape == (600, 2)
        assert set(every["events/part"][:]) == {0, 1, 2}
        row = {int(event): number for number, event in enumerate(every["events/event"][:])}
        own = test["jets/label"][:] == 1
        events, index = test["jets/event"][own], test["jets/index"][own]
        rows = [row[int(event)] for event in events]
        np.testing.assert_allclose(every["jets/score"][:][rows, index], test["jets/score"][own], atol=1e-6)
        assert (every["events/part"][:][rows] == 2).all()


def test_standardisation_is_stored_with_the_weights(clouds, trained):
    tensors, description = checkpoint.read(trained[0])
    manifests = read_manifests(clouds, ["one", "two"], "tag.toy")
    parts = read_class(manifests, ["one", "two"], ["one", "two"], INPUTS, 10_000, 3, "tag.toy")
    jets = join([part.jets for part in parts])
    np.testing.assert_allclose(tensors["0.standardise.mean"], jets.flat.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(tensors["0.standardise.width"], jets.flat.std(axis=0), rtol=0.05)
    assert description["representation"] == {"n_constituents_max": 50}


def test_choice_of_jets_does_not_depend_on_chunks(tmp_path):
    whole = write_clouds(tmp_path, "one", 400, 1, n_chunks=1)
    with h5py.File(tmp_path / "one_0.h5") as file:
        event, offsets = file["events/event"][:], file["offsets"][:]
        eta = file["constituents/delta_eta"][:]
    choice = (["one"], ["one"], ("delta_eta",), 100, 3, "tag.toy")
    (part,) = read_class({"one": manifest.read(whole)}, *choice)
    jets = part.jets
    np.testing.assert_array_equal(jets.row, 2 * jets.event + jets.index)
    assert len(jets) == 100
    order = np.argsort(event_hash("one", event * 0 + 1, event * 0 + 1, event, 3, "tag choice"))
    chosen = np.sort(order[:50])
    np.testing.assert_array_equal(jets.event, np.repeat(chosen, 2))
    first = 2 * chosen[7]
    place = slice(jets.offsets[14], jets.offsets[16])
    np.testing.assert_array_equal(jets.flat[place, 0], eta[offsets[first] : offsets[first + 2]])


def test_class_weights_balance():
    label = np.float32([0, 0, 0, 1])
    weight = equal_sums(label, np.ones(4), ("background", "signal"))
    np.testing.assert_allclose(weight, [2 / 3, 2 / 3, 2 / 3, 2])
    assert weight.mean() == pytest.approx(1)


def test_command_line(clouds, tmp_path):
    files = outputs(tmp_path)
    names = [f"{name}={path}" for name, path in clouds.items()]
    options = ["--weights", str(files[0]), "--scores", str(files[1]), "--training", str(files[2])]
    settings = slice_of(training={"epochs": 1, "device": "cpu"}, n_jets_max=200)
    text = canonical_json(settings)
    assert main(["tag", "train", "--settings", text, "--clouds", *names, *options, "--threads", "1"]) == 0
    target = ["--output", str(tmp_path / "all.h5")]
    assert main(["tag", "score", "--weights", str(files[0]), "--clouds", str(clouds["one"]), *target]) == 0
    assert (tmp_path / "t.json.run.json").exists()


def test_a_partial_training_section_keeps_the_methods_own_defaults():
    assert Settings(signal=("a",), background=("b",), training={"learning_rate": 0.1}).training.epochs == (
        Settings(signal=("a",), background=("b",)).training.epochs
    )


# -- wrong input ---------------------------------------------------------------------------------------------


def fails(error, message, slice_, paths, folder):
    files = outputs(folder)
    with pytest.raises(error, match=message):
        train.run(slice_, paths, *files, threads=1)
    assert not any(path.exists() for path in files)


def test_dataset_without_clouds(clouds, tmp_path):
    fails(ConfigError, "no clouds of 'two' are given", slice_of(), {"one": clouds["one"]}, tmp_path)


def test_manifest_of_another_kind_or_dataset(clouds, tmp_path):
    other = write_clouds(tmp_path, "two", 20, 2, kind="images")
    fails(InputError, "a manifest of 'clouds' is expected", slice_of(), {**clouds, "two": other}, tmp_path)
    swapped = {"one": clouds["one"], "two": clouds["one"]}
    fails(InputError, "manifest of 'one' is given for the dataset 'two'", slice_of(), swapped, tmp_path)


def no_events(file):
    for name in ("run", "lumi", "event"):
        del file[f"events/{name}"]
        file[f"events/{name}"] = np.zeros(0, np.int64)
    del file["offsets"]
    file["offsets"] = np.zeros(1, np.int64)


def test_class_without_jets(clouds, tmp_path):
    empty = write_clouds(tmp_path, "two", 20, 2, spoil=no_events)
    message = r"tag\.toy\.signal: two hold no jets .*represent\.selection"
    fails(EmptyFileError, message, slice_of(), {**clouds, "two": empty}, tmp_path)


def test_part_without_signal(clouds, tmp_path):
    few = write_clouds(tmp_path, "two", 2, 2)
    fails(TrainingError, r"holds no signal jets \(4 in all", slice_of(), {**clouds, "two": few}, tmp_path)


def test_nan_names_file_column_and_row(clouds, tmp_path):
    def spoil(file):
        file["constituents/delta_phi"][5] = np.nan

    bad = write_clouds(tmp_path, "two", 100, 2, n_chunks=1, spoil=spoil)
    message = r"two_0\.h5: constituents/delta_phi is nan in row 5"
    fails(BadValueError, message, slice_of(), {**clouds, "two": bad}, tmp_path)


def test_unknown_input_names_the_nearest(clouds, tmp_path):
    message = "no constituents/delta_et. Did you mean 'delta_eta'"
    fails(MissingBranchError, message, slice_of(inputs=["delta_et"]), clouds, tmp_path)


def test_clouds_made_with_other_settings(clouds, trained, tmp_path):
    other = write_clouds(tmp_path, "two", 100, 2, n_constituents_max=30)
    message = "made with {'n_constituents_max': 30}"
    fails(InputError, message, slice_of(), {**clouds, "two": other}, tmp_path)
    with pytest.raises(InputError, match=r"trained on clouds made with .*50"):
        score.run(trained[0], other, tmp_path / "all.h5")
    assert not (tmp_path / "all.h5").exists()


def test_slice_without_a_key(clouds, tmp_path):
    slice_ = slice_of()
    del slice_["seed"]
    fails(ConfigError, "the key 'seed' is required", slice_, clouds, tmp_path)


def test_a_training_that_was_stopped_goes_on_and_ends_with_the_same_bytes(
    clouds, trained, tmp_path, monkeypatch
):
    """Stopped after its second epoch, it computes only the others."""
    files = outputs(tmp_path)
    computed = []
    write = resume.write

    def stopping(folder, state, key):
        write(folder, state, key)
        computed.append(len(state.epochs))
        if computed == [1, 2]:
            raise KeyboardInterrupt

    monkeypatch.setattr(resume, "write", stopping)
    with pytest.raises(KeyboardInterrupt):
        train.run(slice_of(), clouds, *files, threads=1)
    assert not any(path.exists() for path in files)
    train.run(slice_of(), clouds, *files, threads=1)
    assert computed == list(range(1, len(computed) + 1))
    for mine, undisturbed in zip(files, trained, strict=True):
        assert mine.read_bytes() == undisturbed.read_bytes()
    assert not list(tmp_path.rglob(".*"))
