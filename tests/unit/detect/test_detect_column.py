"""A column as the score: no network, the sign, one column for each window, and the file that `hunt` reads."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from resonaut import mixtures, registry
from resonaut.cli import main
from resonaut.errors import BadValueError, ConfigError

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3300, "high": 3700}, {"low": 3800, "high": 4200}],
}


def score_of(data, context, **settings):
    return registry.build("detect", "column", settings).fit(data, context).score(data)


def test_the_score_is_the_column_in_every_window(toy, scan, context) -> None:
    data = toy(300, 20).data(scan)
    scores = score_of(data, context, features=["second"])
    assert scores.score.shape == (2, 320)
    for window in scores.score:
        np.testing.assert_array_equal(window, data.features["second"].astype(np.float32))
    np.testing.assert_array_equal(scores.fold, np.zeros(320, np.int32))
    fitted = registry.build("detect", "column", {"features": ["second"]}).fit(data, context)
    assert (fitted.n_networks, fitted.n_parameters) == (0, 0)
    assert len(fitted.history.best_epoch) == 0
    some = fitted.score(data.take(np.arange(3, 300, 50)))
    np.testing.assert_array_equal(some.score, scores.score[:, 3:300:50])


def test_small_values_are_signal_when_the_sign_is_turned(toy, scan, context) -> None:
    data = toy(300, 20).data(scan)
    large = score_of(data, context, features=["first"]).score
    small = score_of(data, context, features=["first"], signal="small").score
    np.testing.assert_array_equal(small, -large)
    assert small[0].argmax() == data.features["first"].argmin()


def test_one_column_for_each_window(toy, scan, context) -> None:
    data = toy(300, 20).data(scan)
    scores = score_of(data, context, features=["second", "first"]).score
    np.testing.assert_array_equal(scores[0], data.features["second"].astype(np.float32))
    np.testing.assert_array_equal(scores[1], data.features["first"].astype(np.float32))
    with pytest.raises(ConfigError, match=r"detect\.toy\.features: 3 columns for 2 windows"):
        score_of(data, context, features=["first", "second", "first"])


def test_nan_and_constants_are_refused(toy, scan, context) -> None:
    data = toy(300, 20).data(scan)
    data.features["first"][7] = np.nan
    with pytest.raises(BadValueError, match=r"detect\.toy\.features: 'first' is nan in 1 of 320 events"):
        score_of(data, context, features=["first"])
    data.features["second"][:] = 2.0
    with pytest.raises(BadValueError, match="'second' is 2 in all 320 events"):
        score_of(data, context, features=["second"])


def test_what_single_precision_cannot_hold_is_refused(toy, scan, context) -> None:
    """Infinite scores have no order: a likelihood ratio of e^90 passes no cut better than one of e^100."""
    data = toy(300, 20).data(scan)
    data.features["first"] = data.features["first"].astype(np.float64)
    data.features["first"][7] = 3e38
    assert score_of(data, context, features=["first"]).score[0].argmax() == 7
    data.features["first"][9] = -np.exp(90.0)
    message = (
        r"detect\.toy\.features: 'first' reaches 1\.22e\+39 in mixture '.*'; scores hold 3\.4e38 at most"
    )
    with pytest.raises(BadValueError, match=message):
        score_of(data, context, features=["first"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "features: this key is required"),
        ({"features": []}, "features"),
        ({"features": ["first"], "signal": "largest"}, "signal: .*'large' or 'small'"),
        ({"features": ["first"], "n_folds": 5}, "n_folds: unknown key"),
    ],
)
def test_settings_are_checked(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", "column", settings)


def test_from_files_to_the_selection_of_hunt(tmp_path, toy, files) -> None:
    """The command of the rule; then `hunt` keeps the largest values of the column in the side bands."""
    made = toy(9000, 60)
    mixture, features, _ = files(tmp_path, made)
    names = {"method": "cut", "kind": "column", "seed": 3, "mixture": "data"}
    slice_ = {**names, "settings": {"features": ["first"], "signal": "large"}, "scan": SCAN}
    output = tmp_path / "out/scores.h5"
    arguments = ["detect", "train", "--settings", json.dumps(slice_), "--mixture", str(mixture), "--features"]
    arguments += [f"{name}={path}" for name, path in features.items()]
    arguments += ["--output", str(output), "--metrics", str(output.with_name("metrics.json"))]
    assert main(arguments) == 0
    drawn = mixtures.read(mixture)
    starts = np.array([0, len(made.truth[~made.truth]) // 2])
    row = np.where(drawn.dataset == 1, 9000, starts[np.minimum(drawn.chunk, 1)]) + drawn.row
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["score"][0, 0], made.features[row, 0].astype(np.float32))
        np.testing.assert_array_equal(file["events/mass"][0], made.mass[row])
    metrics = json.loads(output.with_name("metrics.json").read_text())
    assert metrics["n_networks"] == 0
    assert metrics["best_epoch"] == {"median": None, "min": None, "max": None, "each": []}
    assert metrics["train_loss"] == {"mean": [], "min": [], "max": [], "n_networks": []}

    settings = {"scan": SCAN, "hunt": {"efficiencies": [0.1], "n_parameters": 2, "bin_width": 100}}
    spectra = output.with_name("spectra.h5")
    arguments = [
        "hunt",
        "spectra",
        "--settings",
        json.dumps(settings),
        "--scores",
        str(output),
        "--output",
        str(spectra),
    ]
    assert main([*arguments, "--summary", str(output.with_name("hunt.json"))]) == 0
    with h5py.File(spectra) as file:
        limit = file["thresholds"][0, 0, 0, 0]
        chosen = file["selected"][0, 0, 0]
    near = (made.mass >= 2800) & (made.mass < 4200) & ~((made.mass >= 3300) & (made.mass < 3700))
    sideband = np.sort(made.features[near, 0].astype(np.float32))[::-1]
    assert limit == sideband[int(0.1 * len(sideband) + 0.5) - 1]
    np.testing.assert_array_equal(chosen, made.features[row, 0].astype(np.float32) >= limit)
