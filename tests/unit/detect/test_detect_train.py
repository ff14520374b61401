"""The stage as a command: files in, files out, one clear message for each way to be wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import mixtures
from resonaut.cli import main

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3300, "high": 3700}, {"low": 3800, "high": 4200}],
}
TRAINING = {"epochs": 2, "batch_size": 128, "patience": 2}
SLICES = {
    "cwola": {"features": ["first", "second"], "n_folds": 3, "n_restarts": 1, "hidden": [8]},
    "autoencoder": {"hidden": [8], "bottleneck": 2},
}


def _slice(kind: str, **more) -> dict:
    settings = {**SLICES[kind], "training": TRAINING, **more}
    names = {"method": "mine", "kind": kind, "seed": 3, "mixture": "data"}
    return {**names, "settings": settings, "scan": copy.deepcopy(SCAN)}


def _arguments(made: tuple, slice_: dict, output: Path) -> list[str]:
    mixture, features, images = made
    return [
        *("detect", "train", "--settings", json.dumps(slice_), "--mixture", str(mixture)),
        *("--features", *(f"{name}={path}" for name, path in features.items())),
        *("--images", *(f"{name}={path}" for name, path in images.items())),
        *("--output", str(output), "--metrics", str(output.with_name("metrics.json")), "--threads", "1"),
    ]


@pytest.mark.parametrize("kind", ["cwola", "autoencoder"])
def test_writes_scores_of_every_event_in_the_order_of_the_mixture(kind, tmp_path, toy, files) -> None:
    made = toy(900, 30)
    paths = files(tmp_path, made)
    outputs = [tmp_path / run / "scores.h5" for run in ("one", "two")]
    for output in outputs:
        assert main(_arguments(paths, _slice(kind), output)) == 0
    drawn = mixtures.read(paths[0])
    with h5py.File(outputs[0]) as file:
        assert file.attrs["kind"] == "scores"
        assert file.attrs["method"] == "mine"
        assert file.attrs["mixture"] == "data"
        assert [w["low"] for w in json.loads(file.attrs["windows"])] == [3300, 3800]
        assert json.loads(file.attrs["provenance"])["settings"] == _slice(kind)
        mass, fold, score = file["events/mass"][:], file["events/fold"][:], file["score"][:]
    assert (mass.dtype, fold.dtype, score.dtype) == (np.float64, np.int32, np.float32)
    assert (mass.shape, fold.shape, score.shape) == ((1, 930), (1, 930), (1, 2, 930))
    chunk_start = np.where(drawn.dataset == 1, 900, 450 * drawn.chunk)
    np.testing.assert_array_equal(mass[0], made.mass[chunk_start + drawn.row])
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    metrics = [json.loads(path.with_name("metrics.json").read_text()) for path in outputs]
    assert metrics[0] == metrics[1]
    assert metrics[0]["n_networks"] == (6 if kind == "cwola" else 2)
    # (2 + 1) 8 + 8 + 1, and (36 + 1) 8 + (8 + 1) 2 + (2 + 1) 8 + (8 + 1) 36
    assert metrics[0]["n_parameters"] == (33 if kind == "cwola" else 662)
    assert len(metrics[0]["train_loss"]["mean"]) == 2
    assert metrics[0]["validation_loss"]["min"][0] <= metrics[0]["validation_loss"]["mean"][0]
    assert 1 <= metrics[0]["best_epoch"]["min"] <= metrics[0]["best_epoch"]["max"] <= 2, "counted from 1"
    record = json.loads(outputs[0].with_name("scores.h5.run.json").read_text())
    assert record["threads"] == 1


def _without(slice_: dict, key: str) -> dict:
    return {name: value for name, value in slice_.items() if name != key}


@pytest.mark.parametrize(
    ("slice_", "code", "words"),
    [
        (_slice("cwola", features=["frist"]), 2, ["detect.mine.features: no feature 'frist'", "'first'"]),
        (_slice("cwola", n_fold=5), 2, ["detect.mine.n_fold", "Did you mean 'n_folds'?"]),
        ({**_slice("cwola"), "kind": "cwolla"}, 2, ["detect.mine: unknown detect method", "'cwola'"]),
        (_without(_slice("cwola"), "scan"), 2, ["--settings: the key 'scan' is required"]),
        ({**_slice("cwola"), "mixture": "null"}, 2, ["is mixture 'data'", "'null'"]),
        (_slice("cwola", min_events=500), 4, ["scan.windows[0]", "at least 500"]),
    ],
)
def test_bad_input_is_one_message_and_no_output(slice_, code, words, tmp_path, toy, files, capsys) -> None:
    output = tmp_path / "out" / "scores.h5"
    assert main(_arguments(files(tmp_path, toy(900, 30)), slice_, output)) == code
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert not output.parent.exists() or not list(output.parent.iterdir())


def test_missing_manifest_is_named(tmp_path, toy, files, capsys) -> None:
    mixture, features, images = files(tmp_path, toy(900, 30))
    del features["wprime"]
    arguments = _arguments((mixture, features, images), _slice("cwola"), tmp_path / "scores.h5")
    assert main(arguments) == 2
    assert "give --features wprime=MANIFEST. Given: qcd." in capsys.readouterr().err


def test_manifest_of_another_dataset_is_refused(tmp_path, toy, files, capsys) -> None:
    mixture, features, images = files(tmp_path, toy(900, 30))
    features["wprime"] = features["qcd"]
    arguments = _arguments((mixture, features, images), _slice("cwola"), tmp_path / "scores.h5")
    assert main(arguments) == 3
    assert "the manifest of dataset 'qcd', 'wprime' is expected" in capsys.readouterr().err


def test_mass_that_is_not_finite_is_counted(tmp_path, toy, files, capsys) -> None:
    made = toy(900, 30)
    made.mass[5] = np.nan
    arguments = _arguments(files(tmp_path, made), _slice("cwola"), tmp_path / "scores.h5")
    assert main(arguments) == 3
    assert "the mass of 1 of 930 events is not finite" in capsys.readouterr().err
