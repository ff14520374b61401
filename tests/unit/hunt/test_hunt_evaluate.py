"""Evaluation of a search from files to JSON, checked against the events themselves."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.stats import norm

from resonaut import cli, manifest, mixtures
from resonaut.errors import ConfigError, InputError, MismatchError, MissingBranchError
from resonaut.hunt.evaluate import evaluate
from resonaut.hunt.search import Inputs

WINDOWS = [{"low": 3000.0, "high": 3400.0}, {"low": 3400.0, "high": 3800.0}]
SCAN = {"mass_min": 2500, "mass_max": 5000, "sideband_width": 500, "windows": WINDOWS}
HUNT = {"efficiencies": [1.0, 0.1, 0.02], "n_parameters": 3}
GIVEN = {"scan": SCAN, "evaluate": {"n_bootstrap": 60, "n_toys": 100}, "seed": 3}
SHIFT = 2.0
N_BACKGROUND, N_SIGNAL = 30_000, 400


class Events:
    """A falling spectrum, and signal at 3.6 TeV whose score and first feature are shifted."""

    def __init__(self, seed=1, sculpt=0.0):
        rng = np.random.default_rng(seed)
        self.n = N_BACKGROUND + N_SIGNAL
        self.is_signal = np.arange(self.n) >= N_BACKGROUND
        self.mass = 2500 + rng.exponential(600, self.n)
        self.mass[self.is_signal] = rng.normal(3600, 60, N_SIGNAL)
        self.score = rng.normal(SHIFT * self.is_signal, 1, (2, self.n))
        near = np.exp(-0.5 * ((self.mass - 3500) / 150) ** 2)
        self.score += sculpt * near
        self.fold = rng.integers(0, 3, self.n)
        # Networks of different folds have different scales.
        self.score *= 10.0**self.fold
        self.features = {
            "tau21": rng.random(self.n),
            "mj1": 100 + 50 * self.is_signal + rng.normal(0, 5, self.n),
        }


def write_dataset(folder, name, rows, events, label):
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(
            kind="features", dataset=name, label=label, cut_flow="{}", n_events=len(rows),
            n_generated=len(rows), sum_weights=float(len(rows)),
        )  # fmt: skip
        file["events/run"] = file["events/lumi"] = np.zeros(len(rows), np.int64)
        file["events/event"], file["events/mass"] = rows, events.mass[rows]
        for feature, values in events.features.items():
            file[f"events/{feature}"] = values[rows]
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


def make(folder, events, labels=("qcd", "wprime"), name="data", used=("tau21",), unblind=False):
    """Files of detect and hunt of a mixture of all events; rows of the mixture are shuffled."""
    parts = {"qcd": ~events.is_signal, "signal": events.is_signal}
    paths = {
        key: write_dataset(folder, key, np.flatnonzero(rows), events, label)
        for (key, rows), label in zip(parts.items(), labels, strict=True)
    }
    read = {key: manifest.read(path, "features") for key, path in paths.items()}
    mixture = mixtures.draw(name, read, dict.fromkeys(paths, "all"), 1, 0)
    mixtures.write(folder / "mixture.h5", mixture, {})
    order = np.where(mixture.dataset == 0, mixture.row, mixture.row + N_BACKGROUND)
    settings = {"features": list(used), "mass_shift": {"tau21": 0.1}}
    with h5py.File(folder / "scores.h5", "w") as file:
        file["events/mass"], file["events/fold"] = events.mass[None, order], events.fold[None, order]
        file["score"] = events.score[None][:, :, order].astype(np.float32)
        file.attrs.update(
            kind="scores", method="cwola", mixture=name, labelled=all(labels), windows=json.dumps(WINDOWS),
            provenance=json.dumps({"settings": {"settings": settings}}),
        )  # fmt: skip
    hunt = json.dumps({"scan": SCAN, "hunt": {**HUNT, "unblind": unblind}})
    files = [
        "--scores",
        folder / "scores.h5",
        "--output",
        folder / "spectra.h5",
        "--summary",
        folder / "hunt.json",
    ]
    assert cli.main(["hunt", "spectra", "--settings", hunt, *map(str, files)]) == 0
    (folder / "metrics.json").write_text(
        json.dumps({"n_networks": 3, "importance": {"3400-3800": {"tau21": 0.25}}})
    )
    return Inputs(
        *(folder / f"{file}.h5" for file in ("scores", "spectra", "mixture")), paths, folder / "metrics.json"
    )


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder, events = tmp_path_factory.mktemp("labelled"), Events()
    inputs = make(folder, events)
    evaluate(GIVEN, inputs, folder / "evaluation.json")
    return events, inputs, json.loads((folder / "evaluation.json").read_text())


def test_gain_is_that_of_the_gaussians(labelled):
    events, _, result = labelled
    inside = (events.mass >= 3400) & (events.mass < 3800)
    n_signal, n_background = (inside & events.is_signal).sum(), (inside & ~events.is_signal).sum()
    assert (result["labelled"], result["blind"], result["truth_window"]) == (True, False, 1)
    window = result["windows"][1]
    assert (window["n_signal"], window["n_background"]) == (n_signal, n_background)
    found = window["truth"]
    assert found["false_positive_cut"] == {
        "background_events": 25, "background_efficiency": pytest.approx(25 / n_background),
    }  # fmt: skip
    # Scores of folds are 1, 10 and 100 times as large: only their ranks in the own fold's side bands compare.
    assert found["auc"]["value"] == pytest.approx(norm.cdf(SHIFT / np.sqrt(2)), abs=0.02)
    at = found["at"]["0.01"]
    exact = norm.sf(norm.isf(0.01) - SHIFT)
    assert at["signal_efficiency"]["value"] == pytest.approx(exact, abs=0.08)
    assert at["improvement"]["value"] == pytest.approx(10 * at["signal_efficiency"]["value"], rel=1e-5)
    assert at["improvement"]["low"] < at["improvement"]["value"] < at["improvement"]["high"]
    assert at["background_events"] == pytest.approx(0.01 * n_background)
    assert found["at"]["0.001"] is None
    curve = {name: np.array(values) for name, values in found["curve"].items()}
    assert len({len(values) for values in curve.values()}) == 1
    assert curve["background_events"][0] >= 25
    assert curve["background_efficiency"][-1] == 1
    assert found["max_improvement"]["value"] == curve["improvement"].max()
    assert found["max_median_improvement"]["value"] == curve["improvement_median"].max()
    assert (curve["improvement_low"] <= curve["improvement_high"]).all()
    assert result["windows"][0]["truth"] is None
    assert result["windows"][0]["n_signal"] < 10


def test_sculpting_and_histograms_count_the_events(labelled):
    events, _, result = labelled
    with h5py.File(labelled[1].spectra) as file:
        selected = file["selected"][0]
    mixture = mixtures.read(labelled[1].mixture)
    order = np.where(mixture.dataset == 0, mixture.row, mixture.row + N_BACKGROUND)
    mass, is_signal, edges = events.mass[order], events.is_signal[order], np.array(result["edges"])
    window = result["windows"][1]
    assert window["sculpting"][0] is None
    for number in (1, 2):
        entry = window["sculpting"][number]
        assert (entry["efficiency"], entry["events"]) == (HUNT["efficiencies"][number], "background")
        before, after = (
            np.histogram(mass[rows & ~is_signal], edges)[0] for rows in (mass > 0, selected[1, number])
        )
        used = (edges[:-1] >= 2900) & (edges[:-1] < 4300)
        assert entry["before"] == [int(n) if ok else None for n, ok in zip(before, used, strict=True)]
        assert entry["after"] == [int(n) if ok else None for n, ok in zip(after, used, strict=True)]
        assert entry["chi2"]["degrees_of_freedom"] == 13
        assert entry["kolmogorov_smirnov"]["p_value"] > 0.02
        assert entry["chi2"]["p_value"] > 0.02
    # The detector used tau21 with a tenth of the mass added; that is what is shown.
    values = (events.features["tau21"] + 0.1 * events.mass)[order]
    assert list(result["features"]) == list(window["selected"]) == ["tau21"]
    bins = np.array(result["features"]["tau21"])
    np.testing.assert_allclose(bins[[0, -1]], np.percentile(values, [0.1, 99.9]), rtol=1e-6)
    regions = {"signal_region": (mass >= 3400) & (mass < 3800)}
    regions["side_bands"] = (mass >= 2900) & (mass < 4300) & ~regions["signal_region"]
    for name, rows in regions.items():
        part = window["selected"]["tau21"][name]
        assert sum(part["all"]) == rows.sum()
        inner = np.histogram(values[rows], bins)[0]
        assert np.abs(np.array(part["all"]) - inner)[1:-1].sum() <= 2
        assert [sum(counts) for counts in part["selected"]] == [(rows & s).sum() for s in selected[1]]
    assert [window["importance"] for window in result["windows"]] == [None, {"tau21": 0.25}]
    assert result["datasets"]["signal"] == {"label": "wprime", "n_events": N_SIGNAL, "signal": True}


def test_two_runs_give_the_same_bytes_also_through_the_command_line(labelled, tmp_path):
    _, inputs, result = labelled
    features = [f"{name}={path}" for name, path in inputs.features.items()]
    arguments = ["hunt", "evaluate", "--settings", json.dumps(GIVEN), "--scores", inputs.scores]
    arguments += ["--spectra", inputs.spectra, "--mixture", inputs.mixture, "--metrics", inputs.metrics]
    arguments += ["--features", *features, "--output", tmp_path / "again.json"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    assert json.loads((tmp_path / "again.json").read_text()) == result


def test_a_score_that_follows_the_mass_sculpts(tmp_path):
    evaluate(GIVEN, make(tmp_path, Events(sculpt=0.5)), tmp_path / "evaluation.json")
    result = json.loads((tmp_path / "evaluation.json").read_text())
    for entry in result["windows"][1]["sculpting"][1:2]:
        assert entry["kolmogorov_smirnov"]["p_value"] == entry["chi2"]["p_value"] == pytest.approx(1 / 101)


def test_without_labels_nothing_is_said_of_truth_nor_of_closed_regions(tmp_path):
    events = Events()
    inputs = make(tmp_path, events, labels=("", ""))
    evaluate(GIVEN, inputs, tmp_path / "evaluation.json")
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert (result["labelled"], result["blind"], result["truth_window"]) == (False, True, None)
    assert result["datasets"]["signal"] == {"label": "", "n_events": N_SIGNAL, "signal": None}
    closed = (np.array(result["edges"])[:-1] >= 3000) & (np.array(result["edges"])[:-1] < 3800)
    for window in result["windows"]:
        assert window["n_signal"] is window["n_background"] is window["truth"] is None
        for entry in window["sculpting"][1:]:
            assert entry["events"] == "outside"
            for part in ("before", "after"):
                assert all(entry[part][place] is None for place in np.flatnonzero(closed))
        parts = window["selected"]["tau21"]
        assert parts["signal_region"] is None
        low, high = window["low"], window["high"]
        side = (events.mass >= low - 500) & (events.mass < high + 500)
        side &= (events.mass < 3000) | (events.mass >= 3800)
        assert sum(parts["side_bands"]["all"]) == side.sum()


def test_events_of_closed_regions_change_nothing(tmp_path):
    found = []
    for number in range(2):
        events = Events()
        if number:
            # A region is another window's side band, whose thresholds may know it.
            for window, limits in enumerate(WINDOWS):
                inside = (events.mass >= limits["low"]) & (events.mass < limits["high"])
                events.score[window, inside] += 1000.0
                events.features["tau21"][inside] += 50.0
        folder = tmp_path / str(number)
        folder.mkdir()
        evaluate(GIVEN, make(folder, events, labels=("", "")), folder / "evaluation.json")
        found.append(json.loads((folder / "evaluation.json").read_text()))
        del found[-1]["provenance"]
    assert found[0] == found[1]


def test_an_open_search_of_data_shows_its_signal_region_but_no_truth(tmp_path):
    events = Events()
    inputs = make(tmp_path, events, labels=("", ""), used=(), unblind=True)
    evaluate(GIVEN, inputs, tmp_path / "evaluation.json")
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert not result["blind"]
    assert result["windows"][1]["truth"] is None
    # A detector without features of its own: all that the files hold are shown.
    assert list(result["features"]) == ["mj1", "tau21"]
    n_inside = ((events.mass >= 3400) & (events.mass < 3800)).sum()
    assert sum(result["windows"][1]["selected"]["mj1"]["signal_region"]["all"]) == n_inside
    entry = result["windows"][1]["sculpting"][1]
    inside = (np.array(result["edges"])[:-1] >= 3400) & (np.array(result["edges"])[:-1] < 3800)
    assert all(entry["before"][place] is None for place in np.flatnonzero(inside))


def test_a_mixture_of_one_label_has_no_signal(tmp_path):
    inputs = make(tmp_path, Events(), labels=("qcd", "qcd"))
    evaluate(GIVEN, inputs, tmp_path / "evaluation.json")
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["labelled"]
    assert result["truth_window"] is None
    assert [window["n_signal"] for window in result["windows"]] == [0, 0]
    assert result["windows"][1]["sculpting"][1]["events"] == "background"


def test_files_that_do_not_fit_are_refused(labelled, tmp_path):
    _, inputs, _ = labelled

    def run(given=GIVEN, **other):
        evaluate(given, Inputs(**{**vars(inputs), **other}), tmp_path / "out.json")

    with pytest.raises(InputError, match="a file of kind 'spectra' is expected, got 'scores'"):
        run(spectra=inputs.scores)
    with pytest.raises(InputError, match="metrics of `detect` are expected"):
        run(metrics=inputs.scores.parent / "hunt.json")
    with pytest.raises(ConfigError, match="holds events of 'signal'; give signal=MANIFEST"):
        run(features={"qcd": inputs.features["qcd"]})
    with pytest.raises(InputError, match="the manifest of dataset 'qcd', 'signal' is expected"):
        run(features={**inputs.features, "signal": inputs.features["qcd"]})
    with pytest.raises(ConfigError, match=r"n_tois: unknown key. Did you mean 'n_toys'"):
        run({**GIVEN, "evaluate": {"n_tois": 3}})
    with pytest.raises(InputError, match="windows"):
        run({**GIVEN, "scan": {**SCAN, "windows": WINDOWS[:1]}})
    copy = tmp_path / "copy.h5"
    copy.write_bytes(inputs.spectra.read_bytes())
    with h5py.File(copy, "a") as file:
        file.attrs["method"] = "anode"
    with pytest.raises(MismatchError, match=r"of mixture 'data' and method 'cwola'.*'anode'"):
        run(spectra=copy)
    with h5py.File(copy, "a") as file:
        file.attrs["method"] = "cwola"
        del file["selected"]
    with pytest.raises(MissingBranchError, match="no dataset 'selected'"):
        run(spectra=copy)
    mixture = mixtures.read(inputs.mixture)
    fewer = {name: getattr(mixture, name)[1:] for name in ("dataset", "chunk", "row", "split_hash")}
    mixtures.write(
        tmp_path / "fewer.h5", mixtures.Mixture("data", mixture.datasets, mixture.labels, **fewer), {}
    )
    with pytest.raises(MismatchError, match=r"30400 events, .*fewer.h5 holds 30399"):
        run(mixture=tmp_path / "fewer.h5")
    assert not (tmp_path / "out.json").exists()
