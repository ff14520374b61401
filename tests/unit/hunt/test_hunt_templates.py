"""What a search selects of a varied signal: thresholds of the mixture, closed forms of the acceptances."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hunt_scores import SCAN, WINDOWS, settings, toy, write

from resonaut.cli import main
from resonaut.hunt.spectra import hunt

SOURCES = {"sources": {"jes": {"jes_up": 1.0, "jes_down": -1.0}}, "scan": SCAN, "seed": 1}


def varied(path, **groups):
    """Scores of varied events; of each group the columns that differ from 3000 events of the nominal one."""
    rng = np.random.default_rng(5)
    n = 3000
    nominal = {
        "mass": rng.normal(3500, 100, n),
        "weight": np.full(n, 1e-4),
        "event": np.arange(n, dtype=np.uint64),
        "fold": rng.integers(0, 3, n).astype(np.int32),
        "score": rng.random((2, n)).astype(np.float32) ** 0.2,
    }
    with h5py.File(path, "w") as file:
        for name, own in {"nominal": {}, **groups}.items():
            for key, values in {**nominal, **own}.items():
                file[f"{name}/{key}"] = values
        file.attrs.update(
            kind="varied_scores",
            method="cwola",
            mixture="data",
            dataset="wprime",
            windows=json.dumps(WINDOWS),
        )
    return nominal


@pytest.fixture
def spectra(tmp_path):
    hunt(settings(), write(tmp_path / "scores.h5", **toy()), tmp_path / "spectra.h5", tmp_path / "hunt.json")
    return tmp_path / "spectra.h5"


def run(tmp_path, given=SOURCES):
    return main(
        [
            *("hunt", "templates", "--settings", json.dumps(given), "--varied", str(tmp_path / "varied.h5")),
            *("--spectra", str(tmp_path / "spectra.h5"), "--output", str(tmp_path / "templates.h5")),
            *("--summary", str(tmp_path / "v.json"), "--table", str(tmp_path / "v.md")),
            *("--scores", str(tmp_path / "scores.h5"), "--response", str(tmp_path / "r.json")),
        ]
    )


def test_the_mixtures_thresholds_select_the_varied_events(tmp_path, spectra) -> None:
    nominal = varied(tmp_path / "varied.h5")
    lower = nominal["score"] - 0.05
    half = nominal["fold"].copy()
    half[::2] = -1
    columns = {key: values[..., 1::2] for key, values in nominal.items()}
    varied(
        tmp_path / "varied.h5",
        jes_up={"score": lower, "mass": 1.05 * nominal["mass"]},
        jes_down={**columns, "weight": columns["weight"] * 1.5},
    )
    assert run(tmp_path) == 0
    with h5py.File(spectra) as file:
        cuts = file["thresholds"][0]
    with h5py.File(tmp_path / "templates.h5") as file:
        assert file.attrs["kind"] == "signal_variations"
        assert json.loads(file.attrs["sources"]) == SOURCES["sources"]
        for name, score in (("nominal", nominal["score"]), ("jes_up", lower)):
            for window in (0, 1):
                wanted = score[window] >= cuts[window, 1][nominal["fold"]]
                np.testing.assert_array_equal(file[name]["selected"][window, 1], wanted)
        assert file["nominal/selected"][:, 0].all(), "an efficiency of 1 selects everything"
        n_before, n_after = (file[name]["selected"][0, 1].sum() for name in ("nominal", "jes_up"))
    entries = json.loads((tmp_path / "v.json").read_text())["windows"]
    assert [(entry["low"], entry["selection_efficiency"]) for entry in entries] == [
        (3000.0, 1.0),
        (3000.0, 0.1),
        (3400.0, 1.0),
        (3400.0, 0.1),
    ]
    loose, tight = entries[:2]
    assert loose["nominal"]["acceptance"] == pytest.approx(0.3)
    assert loose["nominal"]["acceptance_error"] == pytest.approx(np.sqrt(3000) * 1e-4)
    assert loose["varied"]["jes_up"]["acceptance_ratio"] == pytest.approx(1)
    assert loose["varied"]["jes_up"]["acceptance_ratio_error"] == pytest.approx(0, abs=1e-6)
    assert loose["varied"]["jes_up"]["mean_mass_ratio"] == pytest.approx(1.05)
    # Half of the events with weights of 1.5: events that both have in common count once.
    assert loose["varied"]["jes_down"]["acceptance_ratio"] == pytest.approx(0.75)
    assert loose["varied"]["jes_down"]["acceptance_ratio_error"] == pytest.approx(0.75 / np.sqrt(3000))
    lost = n_before - n_after
    assert 0 < lost < n_before
    found = tight["varied"]["jes_up"]
    assert found["acceptance_ratio"] == pytest.approx(n_after / n_before)
    wanted = n_after / n_before * np.sqrt(lost / (n_before * n_after))
    assert found["acceptance_ratio_error"] == pytest.approx(wanted)
    assert (tmp_path / "v.md").read_text().count("| jes_up |") == 4 + 2


def test_scores_are_compared_with_the_side_bands_of_their_fold(tmp_path, spectra) -> None:
    # Scores of the side bands are uniform, and so is what a score is worth; folds have scales of their own.
    with h5py.File(tmp_path / "scores.h5", "a") as file:
        fold = file["events/fold"][0]
        file["score"][0] = file["score"][0] * (1 + fold) + 10 * fold
    hunt(settings(), tmp_path / "scores.h5", spectra, tmp_path / "hunt.json")
    nominal = varied(tmp_path / "varied.h5")
    of_fold = (1 + nominal["fold"]), 10 * nominal["fold"]
    score, lower = nominal["score"] * of_fold[0] + of_fold[1], nominal["score"] ** 2 * of_fold[0] + of_fold[1]
    varied(
        tmp_path / "varied.h5", nominal={"score": score}, jes_up={"score": lower}, jes_down={"score": score}
    )
    assert run(tmp_path) == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert list(result["taggers"]) == ["3000-3400", "3400-3800"]
    assert result["sources"] == {"jes": ["jes_up", "jes_down"]}
    entry = result["taggers"]["3000-3400"]
    # u^0.2 against u, with u uniform: an AUC of 5 / 6, and u^0.4 one of 5 / 7.
    assert entry["nominal"]["auc"]["value"] == pytest.approx(5 / 6, abs=0.02)
    up, down = entry["varied"]["jes_up"], entry["varied"]["jes_down"]
    assert up["auc_change"]["value"] == pytest.approx(5 / 7 - 5 / 6, abs=0.01)
    assert 0 < up["auc_change"]["error"] < 0.005
    assert (down["auc_change"]["value"], down["auc_change"]["error"]) == (0, 0)
    # At a signal efficiency of 0.5 the background's is 1 - 0.5^0.2, then 1 - 0.5^0.4.
    wanted = (1 - 0.5**0.2) / (1 - 0.5**0.4) - 1
    assert up["at"][1]["rejection_change"]["value"] == pytest.approx(wanted, abs=0.08)
    assert up["shape"]["background"]["kolmogorov_smirnov"]["value"] == pytest.approx(0, abs=1e-12)
    assert entry["n_rows"]["signal"] == 3000


def test_events_that_were_not_scored_are_left_out(tmp_path, spectra) -> None:
    nominal = varied(tmp_path / "varied.h5")
    fold = nominal["fold"].copy()
    fold[:1000] = -1
    varied(tmp_path / "varied.h5", jes_up={"fold": fold}, jes_down={})
    assert run(tmp_path) == 0
    with h5py.File(tmp_path / "templates.h5") as file:
        assert file["jes_up/selected"].shape == (2, 2, 2000)
        np.testing.assert_array_equal(file["jes_up/event"][:], np.arange(1000, 3000))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.attrs.update(kind="scores"), "a file of kind 'varied_scores' is expected"),
        (lambda file: file.attrs.update(method="cathode"), "is of method 'cathode'"),
        (lambda file: file.attrs.update(windows=json.dumps(WINDOWS[:1])), "Run `detect` again"),
        (lambda file: file.pop("jes_down"), "no jes_down/mass; it holds jes_up, nominal"),
    ],
)
def test_files_of_another_search_are_refused(tmp_path, spectra, capsys, change, words) -> None:
    varied(tmp_path / "varied.h5", jes_up={}, jes_down={})
    with h5py.File(tmp_path / "varied.h5", "a") as file:
        change(file)
    assert run(tmp_path) != 0
    assert words in capsys.readouterr().err
    assert not (tmp_path / "templates.h5").exists()
