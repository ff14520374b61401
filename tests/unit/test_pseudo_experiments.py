"""Pseudo-experiments: the same however they are split into jobs, when drawn and through detect and hunt."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
from resonaut.cli import main
from resonaut.config import Study, parse
from resonaut.errors import ConfigError, InputError
from resonaut.infer.calibrate import Slice as CalibrateSlice
from resonaut.infer.global_significance import Slice as GlobalSlice
from resonaut.infer.trials import Slice as TrialsSlice
from resonaut.mixtures import Mixture
from resonaut.represent.pseudo import PseudoTask, write_pseudo_experiments
from resonaut.seeds import fold_of
from resonaut.settings import validate
from resonaut.store import creating
from resonaut.workflow import Plan

N_BACKGROUND, N_SIGNAL = 6000, 300


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Manifests of background (two chunks) and signal, with two features that are independent of the mass."""
    folder = tmp_path_factory.mktemp("features")
    random = np.random.default_rng(3)
    found = {}
    for name, sizes in (("background", (4000, 2000)), ("signal", (N_SIGNAL,))):
        chunks, first = [], 0
        for number, size in enumerate(sizes):
            event = np.arange(first, first + size)
            first += size
            chunks.append(folder / name / f"{number}.h5")
            head = {"kind": "features", "dataset": name, "label": name, "n_events": size, "n_generated": size}
            with creating(chunks[-1], {**head, "sum_weights": float(size), "cut_flow": {}}) as file:
                for key, values in (("run", event * 0), ("lumi", event // 100), ("event", event)):
                    file[f"events/{key}"] = values
                is_signal = name == "signal"
                mass = random.normal(3500, 60, size) if is_signal else 2500 + random.exponential(700, size)
                file["events/mass"] = mass
                for column in ("first", "second"):
                    file[f"events/{column}"] = random.normal(2.0 * is_signal, 1, size).astype(np.float32)
        found[name] = folder / f"{name}.json"
        manifest.write(found[name], chunks)
    return found


def task(**changes: Any) -> PseudoTask:
    base = {"mixture": "data:null:part0", "family": "data:null", "first": 0, "count": 4, "seed": 1}
    drawn = {"source": "resample", "datasets": ["background"], "n_events": 1500, "inject": {}}
    return PseudoTask(**{**base, **drawn, **changes})


def draw(features: dict[str, Path], folder: Path, state: Path | None = None, **changes: Any) -> Mixture:
    output = folder / "mixture.h5"
    write_pseudo_experiments(features, None, state, output, task(**changes))
    return mixtures.read(output)


def same(one: Mixture, other: Mixture) -> bool:
    columns = ("dataset", "chunk", "row", "split_hash")
    return one.name == other.name and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in columns
    )


# -- drawing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["resample", "disjoint"])
def test_split_into_jobs_draws_the_same(source: str, features, tmp_path) -> None:
    n_events = 1000
    whole = list(draw(features, tmp_path, source=source, n_events=n_events).experiments())
    parts = [
        experiment
        for first in (0, 3)
        for experiment in draw(
            features, tmp_path, source=source, n_events=n_events, first=first, count=1 if first else 3
        ).experiments()
    ]
    assert [experiment.name for experiment in whole] == [f"data:null:{index}" for index in range(4)]
    assert all(same(*pair) for pair in zip(whole, parts, strict=True))
    # Poisson numbers of mean 1000: four of them within 5 standard deviations, and not all the same.
    sizes = np.array([len(experiment) for experiment in whole])
    assert (np.abs(sizes - n_events) < 5 * np.sqrt(n_events)).all()
    assert len(set(sizes.tolist())) > 1


def test_copies_of_an_event_are_in_one_fold(features, tmp_path, caplog) -> None:
    drawn = draw(features, tmp_path, n_events=5000, count=1)
    assert (
        "about 5000 events are resampled from 6000. All pseudo-experiments share the fluctuations"
        in caplog.text
    )
    place = drawn.chunk.astype(np.int64) * 10_000 + drawn.row
    values, inverse, copies = np.unique(place, return_inverse=True, return_counts=True)
    # With replacement: 1 - exp(-5/6) of 6000 are seen, 3392 +- 34.
    assert abs(len(values) - N_BACKGROUND * -np.expm1(-len(drawn) / N_BACKGROUND)) < 150
    assert copies.max() > 3
    fold = fold_of(drawn.split_hash, 5)
    for number in np.flatnonzero(copies > 3)[:20]:
        assert len(set(fold[inverse == number].tolist())) == 1
    # The hashes are those of the data's own folds.
    own = mixtures.draw(
        "data", {"background": manifest.read(features["background"])}, {"background": "all"}, 1, 0
    )
    known = dict(
        zip((own.chunk.astype(np.int64) * 10_000 + own.row).tolist(), own.split_hash.tolist(), strict=True)
    )
    assert all(
        known[key] == value for key, value in zip(place.tolist(), drawn.split_hash.tolist(), strict=True)
    )


def test_disjoint_samples_share_nothing_and_are_refused_when_too_large(features, tmp_path) -> None:
    drawn = draw(features, tmp_path, source="disjoint", n_events=1400)
    place = drawn.chunk.astype(np.int64) * 10_000 + drawn.row
    assert len(set(place.tolist())) == len(place)
    text = r"null.source: .* the first 5 of them, need \d+ events of background, 6000 pass .*: enough for 4"
    with pytest.raises(InputError, match=text):
        draw(features, tmp_path, source="disjoint", n_events=1400, first=4, count=1)


def test_injected_signal(features, tmp_path) -> None:
    drawn = draw(features, tmp_path, inject={"signal": 80}, count=6)
    assert drawn.labels == ("background", "signal")
    counts = []
    for experiment in drawn.experiments():
        rows = experiment.row[experiment.dataset == 1]
        assert len(set(rows.tolist())) == len(rows)
        counts.append(len(rows))
        # The signal does not stand at the end.
        assert np.flatnonzero(experiment.dataset == 1).mean() < 0.7 * len(experiment)
    assert abs(np.mean(counts) - 80) < 4 * np.sqrt(80 / 6)
    with pytest.raises(
        InputError, match=r"pseudo_experiments.null.inject.signal: \d+ events are wanted, 300 pass"
    ):
        draw(features, tmp_path, inject={"signal": 500}, count=1)


def test_as_data_and_done(features, tmp_path) -> None:
    manifests = {name: manifest.read(path) for name, path in features.items()}
    data = mixtures.draw("data", manifests, {"background": 900, "signal": 100}, 1, 0)
    mixtures.write(tmp_path / "data.h5", data, {})
    write_pseudo_experiments(
        features, tmp_path / "data.h5", None, tmp_path / "m.h5", task(n_events="as data", count=20)
    )
    sizes = np.diff(mixtures.read(tmp_path / "m.h5").offsets)
    assert abs(sizes.mean() - 1000) < 5 * np.sqrt(1000 / 20)
    with pytest.raises(InputError, match="'as data' needs the mixture; give it with --data"):
        draw(features, tmp_path, n_events="as data")
    state = tmp_path / "round0.json"
    state.write_text(json.dumps({"done": True}))
    empty = draw(features, tmp_path, state=state)
    assert (len(empty), empty.offsets.tolist(), list(empty.experiments())) == (0, [0], [])


# -- detect and hunt ---------------------------------------------------------------------------------

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3300, "high": 3700}, {"low": 3800, "high": 4200}],
}
CWOLA = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 1,
    "hidden": [8],
    "training": {"epochs": 2, "batch_size": 128, "device": "cpu"},
}


def train(folder: Path, features: dict[str, Path], mixture: Mixture, **changes: Any) -> dict[str, np.ndarray]:
    """Scores of `detect train`, and of `hunt spectra` the counts and thresholds."""
    folder.mkdir(exist_ok=True)
    mixtures.write(folder / "mixture.h5", mixture, {})
    names = {"method": "mine", "kind": "cwola", "seed": 3, "mixture": mixture.name}
    slice_ = {**names, "settings": {**CWOLA, **changes}, "scan": copy.deepcopy(SCAN)}
    files = [f"{name}={path}" for name, path in features.items()]
    arguments = [
        *("detect", "train", "--settings", json.dumps(slice_), "--mixture", str(folder / "mixture.h5")),
        *("--features", *files, "--output", str(folder / "scores.h5")),
        *("--metrics", str(folder / "metrics.json"), "--threads", "1"),
    ]
    assert main(arguments) == 0
    hunt = {"scan": SCAN, "hunt": {"efficiencies": [0.2], "n_parameters": 3}}
    arguments = [
        *("hunt", "spectra", "--settings", json.dumps(hunt), "--scores", str(folder / "scores.h5")),
        *("--output", str(folder / "spectra.h5"), "--summary", str(folder / "hunt.json")),
    ]
    assert main(arguments) == 0
    with h5py.File(folder / "scores.h5") as scores, h5py.File(folder / "spectra.h5") as spectra:
        assert scores.attrs["first_experiment"] == spectra.attrs["first_experiment"] == mixture.first
        assert not spectra.attrs["blind"]
        found = {name: scores[name][:] for name in ("events/mass", "events/fold", "score")}
        return found | {name: spectra[name][:] for name in ("counts", "thresholds", "background")}


def test_split_into_jobs_trains_the_same(features, tmp_path) -> None:
    whole = train(tmp_path / "whole", features, draw(features, tmp_path, count=3))
    first = train(tmp_path / "first", features, draw(features, tmp_path, count=2))
    last = train(tmp_path / "last", features, draw(features, tmp_path, first=2, count=1))
    assert whole["score"].shape[:2] == (3, 2)
    sizes = (whole["events/fold"] >= 0).sum(1)
    for index, (part, place) in enumerate(((first, 0), (first, 1), (last, 0))):
        own = slice(sizes[index])
        assert (whole["events/fold"][index, sizes[index] :] == -1).all()
        assert np.isnan(whole["score"][index, :, sizes[index] :]).all()
        for name in ("events/mass", "events/fold"):
            np.testing.assert_array_equal(whole[name][index, own], part[name][place, own])
        np.testing.assert_allclose(
            whole["score"][index, :, own], part["score"][place, :, own], rtol=0, atol=1e-5
        )
        # Products of matrices round otherwise in another batch.
        np.testing.assert_allclose(whole["thresholds"][index], part["thresholds"][place], atol=1e-5)
        np.testing.assert_array_equal(whole["counts"][index], part["counts"][place])
        np.testing.assert_allclose(whole["background"][index], part["background"][place], rtol=1e-9)
    metrics = json.loads((tmp_path / "whole/metrics.json").read_text())
    assert metrics["n_networks"] == 3 * 2 * 3
    assert metrics["importance"] == {}


def test_no_pseudo_experiments_go_through(features, tmp_path) -> None:
    state = tmp_path / "round0.json"
    state.write_text(json.dumps({"done": True}))
    found = train(tmp_path / "none", features, draw(features, tmp_path, state=state))
    assert found["score"].shape == (0, 2, 0)
    assert found["counts"].shape == (0, 2, 1, 25)
    summary = json.loads((tmp_path / "none/hunt.json").read_text())
    assert (summary["n_pseudo_experiments"], summary["windows"]) == (0, [])


def test_windows_of_several_jobs_are_joined(features, tmp_path) -> None:
    drawn = draw(features, tmp_path, count=2, first=3)
    whole = train(tmp_path / "whole", features, drawn)
    names = {"method": "mine", "kind": "cwola", "seed": 3, "mixture": drawn.name, "settings": CWOLA}
    for number, window in enumerate(SCAN["windows"]):
        slice_ = json.dumps({**names, "scan": {**SCAN, "windows": [window]}})
        files = [f"{name}={path}" for name, path in features.items()]
        arguments = ["--mixture", str(tmp_path / "whole/mixture.h5"), "--features", *files, "--threads", "1"]
        outputs = ["--output", str(tmp_path / f"{number}.h5"), "--metrics", str(tmp_path / f"{number}.json")]
        assert main(["detect", "train", "--settings", slice_, *arguments, *outputs]) == 0
    parts = ["--scores", *(str(tmp_path / f"{number}.h5") for number in range(2))]
    parts += ["--parts", *(str(tmp_path / f"{number}.json") for number in range(2))]
    outputs = ["--output", str(tmp_path / "joined.h5"), "--metrics", str(tmp_path / "joined.json")]
    slice_ = json.dumps({**names, "scan": SCAN})
    assert main(["detect", "join", "--settings", slice_, *parts, *outputs]) == 0
    with h5py.File(tmp_path / "joined.h5") as file:
        assert file.attrs["first_experiment"] == 3
        np.testing.assert_allclose(file["score"][:], whole["score"], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(file["events/fold"][:], whole["events/fold"])
    assert json.loads((tmp_path / "joined.json").read_text())["n_events"] == len(drawn)


def test_a_half_is_searched(features, tmp_path) -> None:
    drawn = draw(features, tmp_path, count=2)
    found = train(tmp_path / "half", features, drawn, split="half")
    scored = found["events/fold"] == 0
    assert set(np.unique(found["events/fold"]).tolist()) == {-1, 0}
    for index, size in enumerate(np.diff(drawn.offsets)):
        assert abs(scored[index].sum() - size / 2) < 5 * np.sqrt(size / 4)
        assert np.isnan(found["score"][index][:, ~scored[index]]).all()
        assert np.isfinite(found["score"][index][:, scored[index]]).all()
        # 20 % of the half that is searched are selected.
        region = (found["events/mass"][index] >= 2800) & (found["events/mass"][index] < 4200)
        side = region & ~((found["events/mass"][index] >= 3300) & (found["events/mass"][index] < 3700))
        kept = found["counts"][index, 0, 0][3:17].sum() - found["counts"][index, 0, 0][8:12].sum()
        assert abs(kept - 0.2 * (side & scored[index]).sum()) <= 1


# -- background that is made -------------------------------------------------------------------------

FLOW = {"transforms": 2, "hidden": [16], "keep_epochs": 2, "training": {"epochs": 15, "device": "cpu"}}


def make(folder: Path, mass: np.ndarray, feature: np.ndarray) -> dict[str, np.ndarray]:
    """Events that `detect background` makes of one dataset with the feature `x`."""
    n = len(mass)
    head = {"kind": "features", "dataset": "background", "label": "", "n_events": n, "n_generated": n}
    (folder / "features").mkdir(parents=True)
    with creating(folder / "features/0.h5", {**head, "sum_weights": float(n), "cut_flow": {}}) as file:
        columns = {"run": np.zeros(n, int), "lumi": np.zeros(n, int), "event": np.arange(n)}
        for key, values in (*columns.items(), ("mass", mass), ("x", feature)):
            file[f"events/{key}"] = values
    manifest.write(folder / "features.json", [folder / "features/0.h5"])
    manifests = {"background": manifest.read(folder / "features.json")}
    drawn = mixtures.draw("data", manifests, {"background": "all"}, 1, 0)
    mixtures.write(folder / "mixture.h5", drawn, {})
    slice_ = {
        "mixture": "data", "name": "generated_null", "features": ["x"], "n_generated": 20_000, "flow": FLOW,
        "scan": {**SCAN, "windows": SCAN["windows"][:1]}, "bin_width": 100, "background": "dijet",
        "function": {"n_parameters": 3, "sqrt_s": 13000.0}, "seed": 1,
    }  # fmt: skip
    arguments = [
        *("detect", "background", "--settings", json.dumps(slice_), "--mixture", str(folder / "mixture.h5")),
        *("--features", f"background={folder / 'features.json'}", "--threads", "1"),
        *("--output", str(folder / "made.h5")),
    ]
    assert main(arguments) == 0
    manifest.write(folder / "made.json", [folder / "made.h5"])
    assert manifest.read(folder / "made.json", "features").label == "background"
    with h5py.File(folder / "made.h5") as file:
        return {name: file[f"events/{name}"][:] for name in ("mass", "x")}


def test_background_is_made_from_side_bands_alone(tmp_path) -> None:
    random = np.random.default_rng(8)
    n = 12_000
    mass = 2500 + random.exponential(600, n)
    x = 1e-3 * mass + random.normal(0, 0.5, n)
    inside = (mass >= 3300) & (mass < 3700)
    one = make(tmp_path / "one", mass, x)
    other = make(tmp_path / "other", np.where(inside, 3333.0, mass), np.where(inside, -7.0, x))
    np.testing.assert_array_equal(one["mass"], other["mass"])
    np.testing.assert_array_equal(one["x"], other["x"])
    # The spectrum is the truth's, within what the fit to 9,000 events knows of it.
    edges = np.array([2500, 2900, 3300, 3700, 4300, 5000])
    expected = np.diff(-np.exp(-(edges - 2500) / 600)) / -np.expm1(-2500 / 600)
    found = np.histogram(one["mass"], edges)[0] / 20_000
    np.testing.assert_allclose(found, expected, rtol=0.08)
    # In the signal region, where the flow saw nothing, x follows the mass as around it.
    there = (one["mass"] >= 3300) & (one["mass"] < 3700)
    rest = one["x"][there] - 1e-3 * one["mass"][there]
    assert abs(rest.mean()) < 0.08
    assert abs(rest.std() - 0.5) < 0.08


# -- configuration -----------------------------------------------------------------------------------


def study(infer: dict[str, Any] | None = None, **changes: Any) -> Study:
    table = {"source": "table", "files": ["b.npy"], "columns": ["mass", "x"], "mass": "mass"}
    entry = {"mixture": "data", "datasets": ["background"], "n": 45, "per_job": 10, **changes}
    mixture = {"datasets": {"background": 100}, "methods": ["cwola", "other"]}
    raw = {
        "study": "toy",
        "datasets": {
            "background": {**table, "label": "qcd"},
            "signal": {**table, "label": "wprime"},
            "data": table,
        },
        "mixtures": {"data": mixture, "small": {**mixture, "inject": {"signal": [10]}}},
        "scan": SCAN,
        "detect": {"cwola": {"features": ["x"]}, "other": {"kind": "cwola", "features": ["x"]}},
        "pseudo_experiments": {"background_only": entry},
        "infer": infer or {},
    }
    return parse(raw)


def test_parts_and_rounds() -> None:
    entry = study(jobs_per_round=2, stop={"exceedances": 5}).pseudo_experiments["background_only"]
    assert (entry.n_parts, entry.n_rounds) == (5, 3)
    assert [entry.span(part) for part in range(5)] == [(0, 10), (10, 10), (20, 10), (30, 10), (40, 5)]
    assert [list(entry.parts_of(number)) for number in range(3)] == [[0, 1], [2, 3], [4]]
    assert [entry.round_of(part) for part in range(5)] == [0, 0, 1, 1, 2]
    free = study().pseudo_experiments["background_only"]
    assert (free.n_rounds, list(free.parts_of(0))) == (1, [0, 1, 2, 3, 4])


def test_more_pseudo_experiments_change_no_earlier_part() -> None:
    few, many = (study(n=n, stop={"exceedances": 5}) for n in (40, 400))
    name = "data:background_only:part3"
    assert few.slice("pseudo", mixture=name) == many.slice("pseudo", mixture=name)
    names = {"mixture": "data", "experiments": "background_only"}
    assert few.slice("calibrate", **names) == many.slice("calibrate", **names)
    detect = json.loads(few.slice("detect", mixture=name, method="cwola"))
    assert detect["mixture"] == name


def test_a_calibration_knows_the_local_test() -> None:
    """Its slice holds what makes the likelihood, its code the functions, its rule the shape of the signal."""
    likelihood = {
        "signal": {"shape": "dataset", "dataset": "signal"},
        "uncertainties": {"spurious_signal": "measured"},
        "envelope": ["exponential"],
    }
    plain, made = study(infer={"luminosity": 3.0}), study(infer=likelihood)
    names = {
        "calibrate": {"mixture": "data", "experiments": "background_only"},
        "trials": {"mixture": "data"},
    }
    for stage, model in (("calibrate", CalibrateSlice), ("trials", TrialsSlice)):
        given = validate(model, json.loads(made.slice(stage, **names[stage]))).infer
        assert (given.signal.shape, given.signal.dataset) == ("dataset", "signal")
        assert given.uncertainties.spurious_signal == "measured"
        assert [family.function for family in given.envelope] == ["exponential"]
        # The luminosity is of limits only, and reruns nothing here.
        assert plain.slice(stage, **names[stage]) == study().slice(stage, **names[stage])
        assert Plan(plain).statistics_code(stage) != Plan(made).statistics_code(stage)
    assert validate(GlobalSlice, json.loads(made.slice("global"))).left_out == [
        "uncertainties.spurious_signal", "envelope"
    ]  # fmt: skip
    assert Plan(plain).signal_files() == []
    assert Plan(made).signal_arguments() == (
        "--signal signal=results/toy/represent/signal/nominal/features.json"
    )
    rules = (Path(__file__).parents[2] / "workflow/rules/pseudo.smk").read_text()
    for rule in ("infer_round", "infer_calibrate"):
        text = rules.split(f"rule {rule}:")[1].split("\nrule ")[0]
        for part in ("signal=plan.signal_files()", "signal=plan.signal_arguments()", "{params.signal}"):
            assert part in text


def test_the_plan() -> None:
    plan = Plan(study(jobs_per_round=2, stop={"exceedances": 5}, methods=["cwola"], mixture="small:10:seed0"))
    base = "results/toy"
    assert f"{base}/infer/small:10:seed0/background_only/calibration.json" in plan.targets("infer")
    part = "small:10:seed0:background_only:part2"
    assert plan.datasets_in(part) == ["background"]
    assert plan.drawn_from(part) == {
        "data": f"{base}/represent/mixtures/small:10:seed0.h5",
        "state": f"{base}/infer/small:10:seed0/background_only/round0.json",
    }
    assert plan.pseudo_spectra("background_only", 1) == [
        f"{base}/hunt/small:10:seed0:background_only:part{number}/cwola/spectra.h5" for number in (2, 3)
    ]
    assert len(plan.pseudo_spectra("background_only")) == 5


def test_a_flow_is_a_dataset_of_its_own() -> None:
    made = study(source="flow", datasets=[], inject={"signal": 5}, generate={"n_generated": 5000})
    plan, part = Plan(made), "data:background_only:part1"
    assert plan.datasets_in(part) == ["generated_background_only", "signal"]
    folder = "results/toy/represent/generated_background_only/nominal"
    assert plan.representation("features", ["generated_background_only"]) == [
        f"{folder}/features.json", f"{folder}/features/000/000000.h5"
    ]  # fmt: skip
    drawn = json.loads(made.slice("pseudo", mixture=part))
    assert (drawn["source"], drawn["datasets"]) == ("disjoint", ["generated_background_only"])
    background = json.loads(made.slice("background_events", dataset="generated_background_only"))
    assert (background["features"], background["n_generated"]) == (["x"], 5000)
    assert plan.imitated("generated_background_only") == "data"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"datasets": []}, "of source 'flow' there are none; 'resample' and 'disjoint' need at least one"),
        ({"source": "flow"}, "of source 'flow' there are none"),
        ({"mixture": "dat"}, "background_only.mixture: unknown mixture 'dat'. Did you mean 'data'?"),
        (
            {"mixture": "small:10:seed0", "methods": ["cwole"]},
            "unknown detector of the mixture 'cwole'. Did you",
        ),
        ({"datasets": ["backgrounds"]}, "unknown dataset 'backgrounds'. Did you mean 'background'?"),
        (
            {"datasets": ["data"]},
            "the events of 'data' have no truth label, and pseudo-experiments are opened",
        ),
        ({"inject": {"background": 5}}, "inject: 'background' is among the datasets too"),
        ({"against": "nothing"}, "against: only injected pseudo-experiments have a power"),
        ({"inject": {"signal": 5}, "against": "backgroundonly"}, "Did you mean 'background_only'?"),
        ({"inject": {"signal": 5}, "stop": {}}, "stop: injected pseudo-experiments have no p-value"),
        ({"source": "resampled"}, "pseudo_experiments.background_only.source"),
        ({"per_jobs": 3}, "per_jobs: unknown key. Did you mean 'per_job'?"),
    ],
)
def test_messages(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        study(**changes)
    assert text in str(error.value)
