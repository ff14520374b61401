"""Scores of varied events: by networks that did not see them, as in the mixture where nothing varies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
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
VARIATIONS = {"nominal": {}, "jes_up": {}, "shower": {"column": "isr_up"}}


def _slice(windows=(0, 1), **more) -> str:
    scan = {**SCAN, "windows": [SCAN["windows"][number] for number in windows]}
    names = {"method": "mine", "kind": "cwola", "seed": 1, "mixture": "data"}
    varied = {"dataset": "wprime", "variations": VARIATIONS}
    return json.dumps({**names, "settings": SETTINGS, "scan": scan, "varied": varied, **more})


@pytest.fixture
def made(tmp_path, toy, files):
    """Mixture and features; the signal's events have weights, `jes_up` moves them and loses three."""
    mixture, features, _ = files(tmp_path, toy(900, 40))
    chunk = tmp_path / "features/wprime/0.h5"
    with h5py.File(chunk, "a") as file:
        file["events/gen_weight"] = np.full(40, 2.0)
        file["events/weights/isr_up"] = np.linspace(0.5, 1.5, 40)
        file.attrs["sum_weights"] = 200.0
    manifest.write(features["wprime"], [chunk])
    moved = tmp_path / "jes_up/0.h5"
    moved.parent.mkdir()
    shutil.copy(chunk, moved)
    with h5py.File(moved, "a") as file:
        columns = {
            f"events/{name}": file[f"events/{name}"][:37] for name in file["events"] if name != "weights"
        }
        columns["events/mass"] = 1.05 * columns["events/mass"]
        columns["events/first"] = columns["events/first"] - 4
        del file["events"]
        for name, values in columns.items():
            file[name] = values
        file.attrs["n_events"] = 37
    manifest.write(tmp_path / "jes_up.json", [moved])
    varied = {"nominal": features["wprime"], "jes_up": tmp_path / "jes_up.json", "shower": features["wprime"]}
    return mixture, features, varied


def _train(folder: Path, made: tuple, settings: str, varied: dict | None = None) -> int:
    mixture, features, paths = made
    words = ["detect", "train", "--settings", settings, "--mixture", str(mixture)]
    words += ["--features", *(f"{name}={path}" for name, path in features.items())]
    words += ["--varied", *(f"features/{k}/wprime={v}" for k, v in (varied or paths).items())]
    words += ["--varied-output", str(folder / "varied.h5"), "--output", str(folder / "scores.h5")]
    return main([*words, "--metrics", str(folder / "metrics.json"), "--threads", "1"])


def test_events_of_the_mixture_have_the_scores_that_they_have_in_it(tmp_path, made) -> None:
    assert _train(tmp_path / "out", made, _slice()) == 0
    drawn = mixtures.read(made[0])
    ours = drawn.dataset == drawn.datasets.index("wprime")
    with h5py.File(tmp_path / "out/scores.h5") as scores, h5py.File(tmp_path / "out/varied.h5") as varied:
        assert varied.attrs["kind"] == "varied_scores"
        assert varied.attrs["dataset"] == "wprime"
        nominal = varied["nominal"]
        place = {event: row for row, event in enumerate(nominal["event"][:])}
        rows = [place[event] for event in drawn.split_hash[ours]]
        assert len(rows) == 40
        np.testing.assert_array_equal(nominal["fold"][:][rows], scores["events/fold"][0][ours])
        np.testing.assert_allclose(nominal["score"][:][:, rows], scores["score"][0][:, ours], rtol=1e-6)
        np.testing.assert_allclose(nominal["mass"][:][rows], scores["events/mass"][0][ours])
        # Fractions of what was produced: 40 events of weight 2 among a sum of weights of 200.
        np.testing.assert_allclose(nominal["weight"][:], 0.01)
        moved = varied["jes_up"]
        shared, first, second = np.intersect1d(nominal["event"][:], moved["event"][:], return_indices=True)
        assert len(shared) == 37
        np.testing.assert_allclose(moved["mass"][:][second], 1.05 * nominal["mass"][:][first], rtol=1e-6)
        np.testing.assert_array_equal(moved["fold"][:][second], nominal["fold"][:][first])
        assert abs(moved["score"][:][:, second] - nominal["score"][:][:, first]).max() > 1e-3
        shower = varied["shower"]
        np.testing.assert_array_equal(shower["score"][:], nominal["score"][:])
        assert shower["weight"][:].sum() == pytest.approx(0.4)
        assert shower["weight"][:].min() == pytest.approx(0.005)


def test_windows_of_several_jobs_are_joined(tmp_path, made) -> None:
    for name, windows in (("both", (0, 1)), ("one", (0,)), ("two", (1,))):
        assert _train(tmp_path / name, made, _slice(windows)) == 0
    parts = [tmp_path / name for name in ("one", "two")]
    words = ["detect", "join", "--settings", _slice()]
    for option, file in (("--scores", "scores.h5"), ("--parts", "metrics.json"), ("--varied", "varied.h5")):
        words += [option, *(str(part / file) for part in parts)]
    words += ["--output", str(tmp_path / "scores.h5"), "--metrics", str(tmp_path / "metrics.json")]
    assert main([*words, "--varied-output", str(tmp_path / "varied.h5")]) == 0
    with h5py.File(tmp_path / "varied.h5") as joined, h5py.File(tmp_path / "both/varied.h5") as whole:
        assert sorted(joined) == sorted(whole) == ["jes_up", "nominal", "shower"]
        assert joined.attrs["windows"] == whole.attrs["windows"]
        for name in whole:
            for key in whole[name]:
                np.testing.assert_allclose(joined[name][key][:], whole[name][key][:], rtol=1e-5)


def test_a_mixture_that_takes_none_writes_a_file_without_any(tmp_path, made) -> None:
    settings = json.loads(_slice())
    del settings["varied"]
    mixture, features, _ = made
    words = ["detect", "train", "--settings", json.dumps(settings), "--mixture", str(mixture)]
    words += ["--features", *(f"{name}={path}" for name, path in features.items()), "--threads", "1"]
    words += ["--output", str(tmp_path / "s.h5"), "--metrics", str(tmp_path / "m.json")]
    assert main([*words, "--varied-output", str(tmp_path / "varied.h5")]) == 0
    with h5py.File(tmp_path / "varied.h5") as file:
        assert list(file) == []
    without = (tmp_path / "s.h5").read_bytes()
    assert main(words) == 0
    assert (tmp_path / "s.h5").read_bytes() == without


def test_bad_input_is_one_message(tmp_path, made, capsys) -> None:
    varied = made[2]
    assert _train(tmp_path / "a", made, _slice(), {"nominal": varied["nominal"]}) == 2
    assert "--varied: features/jes_up/wprime=MANIFEST is not given" in capsys.readouterr().err
    settings = json.loads(_slice())
    del settings["varied"]
    assert _train(tmp_path / "a", made, json.dumps(settings)) == 2
    assert "the key 'varied' of --settings belong together" in capsys.readouterr().err
    large = {
        "dataset": "wprime",
        "variations": {"nominal": {}, "shower": {"column": "isr_up", "largest": 1.2}},
    }
    assert _train(tmp_path / "a", made, _slice(varied=large)) != 0
    assert (
        "values up to 1.2 times the mean are expected (variations.shower.largest)" in capsys.readouterr().err
    )
    absent = {"dataset": "wprime", "variations": {"nominal": {}, "shower": {"column": "fsr"}}}
    assert _train(tmp_path / "a", made, _slice(varied=absent)) != 0
    assert "no 'events/weights/fsr'; it holds isr_up" in capsys.readouterr().err
    assert not (tmp_path / "a/varied.h5").exists()
