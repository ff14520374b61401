"""A scan that is split over jobs gives what one job gives."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut.cli import main

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3300, "high": 3700}, {"low": 3800, "high": 4200}],
}
SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 1,
    "hidden": [8],
    "training": {"epochs": 2, "batch_size": 128, "patience": 2},
}


def _slice(windows: list[int]) -> str:
    scan = copy.deepcopy(SCAN)
    scan["windows"] = [scan["windows"][number] for number in windows]
    names = {"method": "mine", "kind": "cwola", "seed": 3, "mixture": "data"}
    return json.dumps({**names, "settings": SETTINGS, "scan": scan})


def _train(folder: Path, made: tuple, windows: list[int]) -> tuple[Path, Path]:
    mixture, features, _ = made
    output, metrics = folder / "scores.h5", folder / "metrics.json"
    arguments = [
        *("detect", "train", "--settings", _slice(windows), "--mixture", str(mixture)),
        *("--features", *(f"{name}={path}" for name, path in features.items())),
        *("--output", str(output), "--metrics", str(metrics), "--threads", "1"),
    ]
    assert main(arguments) == 0
    return output, metrics


def _join(parts: list[tuple[Path, Path]], folder: Path) -> int:
    return main(
        [
            *("detect", "join", "--settings", _slice([0, 1])),
            *("--scores", *(str(scores) for scores, _ in parts)),
            *("--parts", *(str(metrics) for _, metrics in parts)),
            *("--output", str(folder / "scores.h5"), "--metrics", str(folder / "metrics.json")),
        ]
    )


def _numbers(path: Path) -> dict:
    content = json.loads(path.read_text())
    del content["provenance"]
    return content


@pytest.fixture
def made(tmp_path, toy, files):
    return files(tmp_path / "inputs", toy(900, 30))


def test_two_jobs_joined_equal_one_job(tmp_path, made) -> None:
    whole = _train(tmp_path / "whole", made, [0, 1])
    # The order of the parts does not matter, that of the scan does.
    parts = [_train(tmp_path / "late", made, [1]), _train(tmp_path / "early", made, [0])]
    assert _join(parts, tmp_path / "joined") == 0
    with h5py.File(whole[0]) as one, h5py.File(tmp_path / "joined" / "scores.h5") as two:
        np.testing.assert_allclose(two["score"][:], one["score"][:], atol=1e-5)
        for name in ("events/mass", "events/fold"):
            np.testing.assert_array_equal(two[name][:], one[name][:])
        for name in ("kind", "method", "mixture", "windows", "labelled"):
            assert two.attrs[name] == one.attrs[name]
    one, two = _numbers(whole[1]), _numbers(tmp_path / "joined" / "metrics.json")
    assert two["n_networks"] == one["n_networks"] == 6
    assert set(two["importance"]) == set(one["importance"]) == {"3300-3700", "3800-4200"}
    for curve in ("train_loss", "validation_loss"):
        assert two[curve]["n_networks"] == one[curve]["n_networks"]
        for name in ("mean", "min", "max"):
            np.testing.assert_allclose(two[curve][name], one[curve][name], atol=1e-5)
    assert sorted(two["best_epoch"]["each"]) == sorted(one["best_epoch"]["each"])


def test_a_window_that_no_part_holds_is_named(tmp_path, made, capsys) -> None:
    assert _join([_train(tmp_path / "early", made, [0])], tmp_path / "joined") == 3
    assert "no part holds the window 3800-4200 GeV" in capsys.readouterr().err
    assert not (tmp_path / "joined").exists() or not list((tmp_path / "joined").iterdir())


def test_parts_of_other_events_are_refused(tmp_path, made, toy, files, capsys) -> None:
    other = files(tmp_path / "others", toy(900, 30, seed=4))
    parts = [_train(tmp_path / "early", made, [0]), _train(tmp_path / "late", other, [1])]
    assert _join(parts, tmp_path / "joined") == 3
    assert "its events or folds are not those of" in capsys.readouterr().err
