"""Global significance over masses, selections and methods, from files of spectra and scores."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.stats import norm

from resonaut import cli
from resonaut.errors import InputError, MismatchError
from resonaut.infer import global_significance, global_tests
from resonaut.infer.global_toys import draw_window, method_toys
from resonaut.infer.settings import SignalSettings
from resonaut.stats.tails import counted

EDGES = np.arange(2500.0, 5001.0, 100.0)
LOWS = (2900.0, 3100.0, 3300.0, 3500.0, 3700.0, 3900.0)
EFFICIENCIES = (0.2, 0.05)
TRIALS = {"n_bootstrap": 400, "n_toys": 400, "bump_toys": 60}


def write(folder, methods=("cwola", "anode"), n_events=20_000, signal=0, lows=LOWS, seed=1, blind=False):
    """Spectra of each method and one file of scores: a falling spectrum, and signal that every method likes.

    Half of the variance of a method's score is common to its windows, a third to all methods.
    """
    rng = np.random.default_rng(seed)
    mass = np.append(2500 + rng.exponential(450, n_events), rng.normal(3500, 60, signal))
    common = rng.normal(size=len(mass))
    is_signal = np.arange(len(mass)) >= n_events
    windows = [{"low": low, "high": low + 400.0} for low in lows]
    low = np.array(lows)[:, None]
    inside = (EDGES[:-1] >= low) & (EDGES[:-1] < low + 400)
    fitted = (EDGES[:-1] >= low - 400) & (EDGES[:-1] < low + 800) & ~inside
    place = np.searchsorted(EDGES, mass, side="right") - 1
    place[place >= len(EDGES) - 1] = -1
    total = np.bincount(place[place >= 0], minlength=len(EDGES) - 1)
    paths = {}
    for method in methods:
        own = np.sqrt(1 / 3) * common + np.sqrt(1 / 6) * rng.normal(size=len(mass))
        score = own + np.sqrt(1 / 2) * rng.normal(size=(len(lows), len(mass))) + 1.5 * is_signal
        cuts = norm.isf(EFFICIENCIES)
        selected = score[:, None] >= cuts[:, None]
        counts = np.array(
            [
                [np.bincount(place[s & (place >= 0)], minlength=len(EDGES) - 1) for s in row]
                for row in selected
            ]
        )
        paths[method] = folder / f"{method}.h5"
        with h5py.File(paths[method], "w") as file:
            file["edges"], file["inside"], file["fitted"] = EDGES, inside, fitted
            file["efficiencies"], file["counts"], file["total"] = EFFICIENCIES, counts[None], total[None]
            file["selected"] = selected[None]
            if blind:
                file["parameters"] = np.zeros((1, len(lows), 2, 5))
            file.attrs.update(
                kind="spectra", mixture="data", method=method, windows=json.dumps(windows), blind=blind,
                background_function="dijet", background_settings='{"n_parameters": 3}', transfer_parameters=2,
            )  # fmt: skip
    scores = folder / "scores.h5"
    with h5py.File(scores, "w") as file:
        file["events/mass"], file["events/fold"] = mass[None], np.zeros((1, len(mass)), np.int8)
        file.attrs["kind"] = "scores"
    return paths, scores


@pytest.fixture(scope="module")
def null(tmp_path_factory):
    """A mixture without signal: files and the result."""
    folder = tmp_path_factory.mktemp("null")
    paths, scores = write(folder)
    result = global_significance.run({"trials": TRIALS, "seed": 1}, paths, scores, folder / "global.json")
    return paths, scores, result, folder


def test_every_test_is_that_of_the_significance(null):
    paths, _, result, _ = null
    searches = global_tests.read(paths)
    assert len(result["tests"]) == 2 * len(LOWS) * len(EFFICIENCIES)
    spectra = searches.spectra["anode"]
    discovery = spectra.likelihood(2, 1).discovery()
    [entry] = [
        test
        for test in result["tests"]
        if (test["method"], test["low"], test["selection_efficiency"]) == ("anode", 3300.0, 0.05)
    ]
    assert entry["z"] == pytest.approx(float(discovery.z_signed[0]), abs=1e-9)
    assert entry["expected_background"] == pytest.approx(float(discovery.background[0]))
    assert entry["p_local"] == pytest.approx(norm.sf(entry["z"]))
    assert result["best"] == max(result["tests"], key=lambda test: test["z"])


def test_replicas_fluctuate_by_one_and_share_events(null):
    _, _, result, _ = null
    spread = np.array([test["spread"] for test in result["tests"]])
    assert spread.mean() == pytest.approx(1, abs=0.03)
    counted_ = result["bootstrap"]
    # 24 tests that share events are worth fewer, and more than the 12 of one method.
    assert 8 < counted_["effective_tests"] < 24
    assert result["methods"]["cwola"]["bootstrap"]["effective_tests"] < counted_["effective_tests"]
    assert counted_["valid"]
    assert counted_["gaussian"]["p_value"] == pytest.approx(counted_["p_value"], abs=4 * counted_["error"])
    levels = counted_["levels"]
    assert levels["1"] < levels["2"] < levels["3"]
    n = counted_["effective_tests"]
    assert norm.sf(levels["3"]) == pytest.approx(norm.sf(3) / n, rel=0.5)


def test_bootstrap_and_toys_of_one_method_agree(tmp_path):
    """Windows that share no events, and no side bands: toys are exact there."""
    paths, scores = write(tmp_path, ("cwola",), 40_000, lows=(2900.0, 4100.0), seed=3)
    searches = global_tests.read(paths)
    cells = global_tests.event_cells(searches, paths, scores)
    replicas = searches.replicas(cells, 1500, np.random.default_rng(1))
    toys = method_toys(searches.tests, 1500, np.random.default_rng(2))
    assert np.abs(toys.mean(axis=0)).max() < 0.15
    assert np.abs(toys.std(axis=0) / replicas.std(axis=0) - 1).max() < 0.08
    of_toys, of_replicas = np.corrcoef(toys.T), np.corrcoef(replicas.T)
    assert np.abs(of_toys - of_replicas).max() < 0.1
    assert of_toys[0, 1] == pytest.approx(np.sqrt(0.25), abs=0.1)
    largest = (replicas - replicas.mean(axis=0)).max(axis=1)
    for z in (1.5, 2.0):
        found, expected = counted(largest, z), counted(toys.max(axis=1), z)
        assert found.p_value == pytest.approx(expected.p_value, abs=4 * found.error + 0.1 * expected.p_value)


def test_toys_are_nested_and_have_the_events_of_the_data(null):
    """Sums over the side bands are those of the data: the fits conserve them."""
    paths = null[0]
    searches = global_tests.read({"cwola": paths["cwola"]})
    own = [test for test in searches.tests if test.number == 2]
    selected, total = draw_window(own, 1000, np.random.default_rng(1))
    assert (selected[:, 1] <= selected[:, 0]).all()
    assert (selected[:, 0] <= total).all()
    side = searches.spectra["cwola"].fitted[2]
    data = searches.spectra["cwola"].total[0, side].sum()
    assert total[:, side].sum(axis=1).mean() == pytest.approx(data, rel=0.01)
    assert total[:, side].sum(axis=1).std() == pytest.approx(np.sqrt(data), rel=0.1)
    for number, test in enumerate(own):
        seen = test.selected[test.model.shown].sum()
        assert selected[:, number].sum(axis=1).mean() == pytest.approx(seen, rel=0.02)
    assert (selected[:, :, ~own[0].model.shown] == 0).all()


def test_up_crossings_bound_the_result(null):
    _, _, result, _ = null
    curve = {name: np.array(values) for name, values in result["curve"].items()}
    high = curve["z"] > 2
    assert (curve["gross_vitells"][high] > 0.8 * curve["gaussian"][high]).all()
    assert (curve["independent"][high] > 0.9 * curve["gaussian"][high]).all()
    assert result["gross_vitells"]["scans"] == 4


def test_an_injected_signal_is_found_by_all(tmp_path):
    paths, scores = write(tmp_path, signal=200, lows=LOWS[::2], seed=2)
    output = tmp_path / "global.json"
    settings = json.dumps({"trials": TRIALS, "seed": 1})
    spectra = [f"{method}={path}" for method, path in paths.items()]
    options = [
        "--settings",
        settings,
        "--scores",
        str(scores),
        "--output",
        str(output),
        "--spectra",
        *spectra,
    ]
    code = cli.main(["infer", "global", *options])
    assert code in (0, None)
    result = json.loads(output.read_text())
    assert result["best"]["low"] == 3300.0
    assert result["best"]["z"] > 4
    assert result["bootstrap"]["gaussian"]["p_value"] < 0.01
    assert result["bootstrap"]["p_value"] < 0.01
    for method in result["methods"].values():
        assert method["toys"]["p_value"] < 0.05
        best = min(method["bump_hunts"], key=lambda hunt: (hunt["p_global"], hunt["p_local"]))
        assert best["bump_low"] <= 3500 <= best["bump_high"]
        assert best["p_global"] < 0.05
    assert result["combined"]["stouffer"]["p_value"] < 0.02
    assert result["provenance"]["settings"]["seed"] == 1


def test_equal_runs_give_equal_results_and_more_toys_change_no_replica(null, tmp_path):
    paths, scores, result, _ = null
    output = tmp_path / "again.json"
    settings = {"trials": {**TRIALS, "n_toys": 100, "bump_width_max": 0}, "seed": 1}
    again = global_significance.run(settings, paths, scores, output)
    assert again["bootstrap"] == result["bootstrap"]
    assert again["methods"]["cwola"]["toys"]["n"] == 100
    assert again["methods"]["cwola"]["bump_hunts"] == []
    assert again["combined"] == result["combined"]


def test_a_gaussian_signal_is_tested_over_the_bins(tmp_path):
    paths, scores = write(tmp_path, ("cwola",), signal=60, lows=LOWS[2:4], seed=4)
    searches = global_tests.read(paths, SignalSettings(shape="gaussian", relative_width=0.02))
    counting = global_tests.read(paths)
    assert searches.tests[0].scan is not None
    # The peak of 60 GeV at 3500 GeV: its shape tells more than the number of events.
    assert searches.z()[1] > counting.z()[1] > 2
    cells = global_tests.event_cells(searches, paths, scores)
    replicas = searches.replicas(cells, 200, np.random.default_rng(1))
    assert replicas.std(axis=0) == pytest.approx(np.ones(4), abs=0.25)


def test_a_blind_mixture_has_no_result(tmp_path, caplog):
    paths, scores = write(tmp_path, ("cwola",), blind=True)
    result = global_significance.run({}, paths, scores, tmp_path / "global.json")
    assert result["blind"]
    assert result["bootstrap"] is None
    assert result["methods"] == {"cwola": None}
    assert "blind" in caplog.text


def test_without_scores_there_are_toys_only(null, tmp_path):
    paths = null[0]
    settings = {"trials": {"n_toys": 100, "bump_width_max": 0}}
    result = global_significance.run(settings, {"cwola": paths["cwola"]}, None, tmp_path / "global.json")
    assert result["bootstrap"] is None
    assert result["curve"] is None
    assert result["methods"]["cwola"]["toys"]["n"] == 100


def test_few_events_are_said(tmp_path, caplog):
    paths, scores = write(tmp_path, ("cwola",), 1500, lows=LOWS[3:5])
    settings = {"trials": {"n_bootstrap": 50, "n_toys": 0, "bump_width_max": 0}}
    result = global_significance.run(settings, paths, scores, tmp_path / "global.json")
    assert not result["bootstrap"]["valid"]
    assert "below 10 the bootstrap is not exact" in caplog.text


def test_what_is_left_out_is_said(tmp_path, caplog):
    paths, _ = write(tmp_path, ("cwola",), lows=LOWS[2:4])
    plain = {"trials": {"n_bootstrap": 0, "n_toys": 0, "bump_width_max": 0}}
    given = {**plain, "uncertainties": {"luminosity": 0.02, "spurious_signal": 3.0}, "envelope": ["ua2"]}
    nothing = global_significance.run(plain, paths, None, tmp_path / "a.json")
    assert nothing["left_out"] == []
    assert "left out" not in caplog.text
    result = global_significance.run(given, paths, None, tmp_path / "b.json")
    assert result["left_out"] == ["uncertainties.luminosity", "uncertainties.spurious_signal", "envelope"]
    assert "infer.uncertainties.luminosity, infer.uncertainties.spurious_signal, infer.envelope are left" in (
        caplog.text
    )
    assert result["tests"] == nothing["tests"]


def test_files_that_do_not_belong_together_are_refused(null, tmp_path):
    paths, scores, _, _ = null
    with pytest.raises(MismatchError, match="method 'anode', 'data' and 'cwola' are expected"):
        global_tests.read({"cwola": paths["anode"]})
    with pytest.raises(InputError, match="number 1 is asked for"):
        global_tests.read(paths, index=1)
    other = tmp_path / "scores.h5"
    with h5py.File(scores) as file, h5py.File(other, "w") as copy:
        copy["events/mass"], copy["events/fold"] = file["events/mass"][:][:, ::-1], file["events/fold"][:]
    searches = global_tests.read(paths)
    with pytest.raises(MismatchError, match="do not give its spectrum"):
        global_tests.event_cells(searches, paths, other)
    with h5py.File(other, "a") as copy:
        del copy["events/mass"], copy["events/fold"]
        copy["events/mass"], copy["events/fold"] = np.zeros((1, 7)), np.zeros((1, 7))
    with pytest.raises(MismatchError, match="holds 7"):
        global_tests.event_cells(searches, paths, other)


@pytest.mark.full
def test_calibrated_on_null_mixtures(tmp_path):
    """200 mixtures without signal, 12 tests each: the rate of p < 0.1 and the mean of p."""
    p = []
    settings = {"trials": {"n_bootstrap": 200, "n_toys": 0, "bump_width_max": 0}}
    for seed in range(200):
        paths, scores = write(tmp_path, ("cwola",), 8000, lows=LOWS[::2], seed=1000 + seed)
        result = global_significance.run(settings, paths, scores, tmp_path / "global.json")
        p.append(result["bootstrap"]["p_value"])
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=3.5 * np.sqrt(0.1 * 0.9 / 200))
    assert np.mean(p) == pytest.approx(0.5, abs=3.5 / np.sqrt(12 * 200))
