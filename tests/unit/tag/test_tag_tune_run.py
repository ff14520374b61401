"""A search of a tagger's parameters through the files that the workflow uses, on Gaussian events."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from resonaut import manifest, registry
from resonaut.errors import ConfigError, TrainingError
from resonaut.files import canonical_json
from resonaut.nn.training import Epoch, History
from resonaut.seeds import integer_seed
from resonaut.tag import tune
from resonaut.tag.fitting import Fitted, fit_once
from resonaut.tag.rows.prepare import prepare
from resonaut.tag.search.overlay import overlay

N_EVENTS = {"background": 700, "signal": 600}
PARAMETERS = {
    "training.learning_rate": {"choices": ["1e-6", 1e-2, 3]},
    "hidden": {"choices": [[4], [16, 16]]},
}


def write_features(folder, name, n_events):
    """Events whose two features are a unit apart between signal and background."""
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "features", "dataset": name, "label": name, "n_events": n_events})
        file.attrs.update({"sum_weights": 1.0, "n_generated": n_events, "cut_flow": '{"read": 1}'})
        file.attrs["settings"] = canonical_json({"n_jets": 2, "features": {}, "selection": {}})
        for key in ("run", "lumi"):
            file[f"events/{key}"] = np.ones(n_events, np.int64)
        file["events/event"] = np.arange(n_events)
        values = np.random.default_rng(len(name)).normal(name == "signal", 1.0, (n_events, 2))
        for number, column in enumerate("ab"):
            file[f"events/{column}"] = values[:, number]
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


def slice_of(kind="dense", settings=None, **more):
    training = {"n_iterations": 10}
    if kind == "dense":
        training = {"epochs": 3, "batch_size": 128, "device": "cpu"}
    common = {"signal": ["signal"], "background": ["background"], "inputs": ["a", "b"], "training": training}
    tag = {"method": "toy", "kind": kind, "seed": 3, "settings": {**common, **(settings or {})}}
    search = {"tagger": "toy", "n_trials": 6, "n_startup": 3, "pruner": "none", "parameters": PARAMETERS}
    return {"name": "fast", "tune": {**search, **more}, "tag": tag}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, size) for name, size in N_EVENTS.items()}


def run(slice_, inputs, folder):
    tune.run(slice_, inputs, folder / "best.json", folder / "trials.json", threads=1)
    return folder / "best.json", folder / "trials.json"


@pytest.fixture(scope="module")
def searched(features, tmp_path_factory):
    return run(slice_of(), features, tmp_path_factory.mktemp("searched"))


def prepared(slice_, inputs):
    return prepare(slice_["tag"], *registry.from_slice("tag", slice_["tag"]), inputs, 1)


def test_the_rate_that_learns_is_found_and_the_best_trial_is_named(searched):
    best, trials = (json.loads(path.read_text()) for path in searched)
    assert best["parameters"]["training.learning_rate"] == 0.01
    rates = {trial["parameters"]["training.learning_rate"] for trial in trials["trials"]}
    assert rates == {1e-6, 1e-2, 3.0}
    assert trials["parameters"]["training.learning_rate"]["choices"] == [1e-6, 1e-2, 3.0]
    assert [trial["number"] for trial in trials["trials"]] == list(range(1, 7))
    values = [trial["value"] for trial in trials["trials"]]
    assert best["value"] == min(values) == values[best["trial"] - 1]
    assert best["parameters"] == trials["trials"][best["trial"] - 1]["parameters"]
    assert (best["n_trials"], best["n_completed"], best["n_pruned"], best["n_failed"]) == (6, 6, 0, 0)
    for trial in trials["trials"]:
        assert trial["value"] == min(trial["epochs"])
    assert best["provenance"]["settings"] == slice_of()
    assert set(best["provenance"]["versions"]) >= {"optuna", "torch", "resonaut"}
    assert best["provenance"]["threads"] == 1


def test_the_best_value_is_that_of_a_training_with_these_settings_and_this_seed(searched, features):
    best = json.loads(searched[0].read_text())
    of_tagger = slice_of()["tag"]
    changed = {
        **of_tagger,
        "settings": overlay(of_tagger["settings"] | best["settings"], searched[0], "dense"),
    }
    assert changed["settings"] == best["settings"]
    settings, tagger, _ = registry.from_slice("tag", changed)
    seed = integer_seed(3, "tune.fast", best["trial"])
    rows = prepared(slice_of(), features)
    history = fit_once(settings, tagger, rows, seed, f"tune.fast.trial{best['trial']}").history
    assert history.epochs[history.best_epoch - 1].validation_loss == pytest.approx(best["value"], rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "value", "told"), [("validation_loss", 0.3, [0.5, 0.3, 0.4]), ("auc", 0.7, [0.6, 0.7, 0.9])]
)
def test_a_trial_is_judged_by_the_epoch_whose_weights_are_kept(monkeypatch, features, metric, value, told):
    measured = zip((0.5, 0.3, 0.4), (0.6, 0.7, 0.9), strict=True)
    epochs = [Epoch(number, 1.0, loss, {"auc": auc}) for number, (loss, auc) in enumerate(measured, 1)]

    def fitted(*arguments, on_epoch, **more):
        for epoch in epochs:
            on_epoch(epoch)
        return Fitted(None, History(tuple(epochs), 2))

    monkeypatch.setattr(tune, "fit_once", fitted)
    slice_, reported = slice_of(metric=metric), []
    objective = tune.objective_of(tune.parse(slice_), slice_["tag"], prepared(slice_, features))
    assert objective({"hidden": [4]}, 0, 1, lambda *pair: reported.append(pair)) == value
    assert reported == list(enumerate(told, 1))


def test_two_searches_give_the_same_bytes_and_keep_nothing(searched, features, tmp_path):
    again = run(slice_of(), features, tmp_path)
    for first, second in zip(searched, again, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.json",
        "best.json.run.json",
        "trials.json",
    ]
    record = json.loads((tmp_path / "best.json.run.json").read_text())
    assert len(record["seconds_of_trials"]) == 6


def test_a_killed_search_goes_on_and_ends_with_the_same_bytes(searched, features, tmp_path, monkeypatch):
    begun = []

    def dying(settings, tagger, rows, seed, where, **more):
        begun.append(where)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return fit_once(settings, tagger, rows, seed, where, **more)

    monkeypatch.setattr(tune, "fit_once", dying)
    # How many trials are wished does not change the first ones.
    with pytest.raises(KeyboardInterrupt):
        run(slice_of(n_trials=50), features, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".best.tuning"]
    finished = run(slice_of(), features, tmp_path)
    for mine, undisturbed in zip(finished, searched, strict=True):
        assert mine.read_bytes() == undisturbed.read_bytes()
    assert begun == [f"tune.fast.trial{number}" for number in (1, 2, 3, 4, 4, 5, 6)]
    assert not list(tmp_path.glob(".*"))


def test_test_rows_are_never_looked_at(searched, features, tmp_path, monkeypatch):
    def poisoned(*arguments):
        rows = prepare(*arguments)
        test = rows.parts[2]
        flat, target = rows.jets.flat.copy(), rows.target.copy()
        flat[test], target[test] = np.nan, np.nan
        return replace(rows, jets=replace(rows.jets, flat=flat), target=target)

    monkeypatch.setattr(tune, "prepare", poisoned)
    again = run(slice_of(), features, tmp_path)
    for first, second in zip(searched, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_settings_that_do_not_fit_each_other_are_pruned(features, tmp_path):
    parameters = {
        "training.schedule": {"choices": ["cosine", "one_cycle"]},
        "training.warm_up": {"low": 0, "high": 0.5, "step": 0.5},
    }
    slice_ = slice_of(
        settings={"training": {"epochs": 1, "device": "cpu"}}, parameters=parameters, n_trials=12
    )
    best, trials = (json.loads(path.read_text()) for path in run(slice_, features, tmp_path))
    bad = {"training.schedule": "one_cycle", "training.warm_up": 0.0}
    pruned = [trial for trial in trials["trials"] if trial["state"] == "pruned"]
    assert len(pruned) == best["n_pruned"] > 0
    for trial in trials["trials"]:
        assert (trial["parameters"] == bad) == (trial["state"] == "pruned")
    assert "one_cycle needs a rise" in pruned[0]["reason"]


def test_slow_trainings_are_pruned(features, tmp_path):
    training = {"epochs": 4, "batch_size": 128, "device": "cpu", "patience": 4}
    slice_ = slice_of(
        settings={"training": training},
        parameters={"training.learning_rate": {"low": 1e-7, "high": 1e-2, "log": True}},
        n_trials=12,
        n_startup=2,
        warm_up_epochs=1,
        pruner="median",
        sampler="random",
    )
    best, trials = (json.loads(path.read_text()) for path in run(slice_, features, tmp_path))
    pruned = [trial for trial in trials["trials"] if trial["state"] == "pruned"]
    assert best["n_pruned"] == len(pruned) > 0
    assert all(2 <= len(trial["epochs"]) <= 4 for trial in pruned)
    assert all(len(t["epochs"]) == 4 for t in trials["trials"] if t["state"] == "completed")
    assert best["trial"] not in [trial["number"] for trial in pruned]


@pytest.mark.parametrize("kind", ["dense", "trees"])
def test_auc_of_the_validation_rows_is_the_value(features, tmp_path, kind):
    parameters = {"training.learning_rate": {"low": 1e-3, "high": 0.3, "log": True}}
    slice_ = slice_of(kind, metric="auc", n_trials=3, parameters=parameters)
    best, trials = (json.loads(path.read_text()) for path in run(slice_, features, tmp_path))
    values = [trial["value"] for trial in trials["trials"]]
    assert best["direction"] == "maximize"
    assert best["value"] == max(values)
    # Two Gaussians at a distance of sqrt(2): Phi(1) = 0.841, known to 0.03 from 250 events.
    assert best["value"] == pytest.approx(0.841, abs=0.08)
    assert not trials["trials"][0]["epochs"] or max(trials["trials"][0]["epochs"]) >= values[0] > 0.5


def test_a_search_of_which_every_training_fails_keeps_nothing(features, tmp_path, monkeypatch):
    def failing(*arguments, **more):
        raise TrainingError("the loss is nan.")

    monkeypatch.setattr(tune, "fit_once", failing)
    with pytest.raises(TrainingError, match=r"tune\.fast: none of 6 trials was completed; the last one: the"):
        run(slice_of(), features, tmp_path)
    assert not list(tmp_path.iterdir())


def test_trainings_start_from_given_weights(features, tmp_path, monkeypatch):
    given = []

    def noting(*arguments, transfer, **more):
        given.append(transfer)
        raise TrainingError("enough.")

    monkeypatch.setattr(tune, "fit_once", noting)
    slice_ = slice_of(settings={"transfer": {"start_from": "other"}}, n_trials=2)
    message = r"tag\.toy\.transfer\.start_from: the weights of 'other' are not given; add --transfer FILE"
    refused(ConfigError, message, slice_, features, tmp_path)
    with pytest.raises(TrainingError, match="none of 2"):
        tune.run(
            *(slice_, features, tmp_path / "best.json", tmp_path / "trials.json", 1),
            transfer=features["signal"],
        )
    assert given == [features["signal"]] * 2


# -- wrong input ---------------------------------------------------------------------------------------------


def refused(error, message, slice_, inputs, folder):
    with pytest.raises(error, match=message):
        run(slice_, inputs, folder)
    assert not list(folder.iterdir())


def test_wrong_slices(features, tmp_path):
    without = {key: value for key, value in slice_of().items() if key != "tag"}
    refused(ConfigError, "the key 'tag' is required", without, features, tmp_path)
    refused(ConfigError, "'other' is to be searched", slice_of(tagger="other"), features, tmp_path)
    message = r"tune\.fast\.n_trails: unknown key\. Did you mean 'n_trials'"
    refused(ConfigError, message, slice_of(n_trails=3), features, tmp_path)
    message = r"tune\.fast\.parameters\.hiden: 'hiden' is no setting of .* Did you mean 'hidden'"
    wrong = slice_of(parameters={"hiden": {"choices": [[4], [8]]}})
    refused(ConfigError, message, wrong, features, tmp_path)


def test_dataset_without_features(features, tmp_path):
    inputs = {"signal": features["signal"]}
    refused(ConfigError, "no features of 'background' are given", slice_of(), inputs, tmp_path)
