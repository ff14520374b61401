"""The boosted trees as a tagger: settings, its own fit for each task, and a training."""

from __future__ import annotations

import json
import math

import h5py
import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from resonaut import manifest
from resonaut.errors import ConfigError
from resonaut.files import canonical_json
from resonaut.registry import build
from resonaut.tag import networks, train
from resonaut.tag.feature_settings import FeatureTaggerSettings
from resonaut.tag.interface import Table
from resonaut.tag.methods import dense, trees

CENTRES = {"background": (0.0, 0.0, 5.0), "signal": (1.0, 0.5, 5.0)}
WIDTHS = (1.0, 0.5, 300.0)
BEST_AUC = 0.5 * (1 + math.erf(math.hypot(1.0, 0.5 / 0.5) / 2))
"""Of two Gaussians of equal widths, at a distance d in units of their width: Phi(d / sqrt(2))."""
N_EVENTS = {"background": 6000, "signal": 5000}


def settings_of(**more):
    return {"signal": ["signal"], "background": ["background"], "inputs": ["a", "b", "c"], **more}


# -- settings ------------------------------------------------------------------------------------------------


def test_inputs_are_checked_as_those_of_the_dense_network():
    assert issubclass(dense.Settings, FeatureTaggerSettings)
    assert issubclass(trees.Settings, FeatureTaggerSettings)
    for inputs, message in ((["a", "events/a"], "an input is named twice"), (["jet/x"], r"inputs\.0")):
        with pytest.raises(ConfigError, match=message):
            build("tag", "trees", settings_of(inputs=inputs))
    assert trees.Settings(**settings_of()).representation() == "features"


def test_defaults_are_the_published_ones():
    """127 bins and patience 10 of arXiv:2309.13111; the rest as scikit-learn has it."""
    chosen = trees.Settings(**settings_of()).training
    peer = HistGradientBoostingClassifier().get_params()
    assert (chosen.max_bins, chosen.patience) == (127, 10)
    same = ("learning_rate", "max_leaf_nodes", "max_depth", "min_samples_leaf", "l2_regularization")
    assert {name: getattr(chosen, name) for name in same} == {name: peer[name] for name in same}
    with pytest.raises(ConfigError, match=r"training\.batch_size: unknown key"):
        build("tag", "trees", settings_of(training={"batch_size": 3}))


def test_restarts_need_something_that_differs():
    with pytest.raises(ConfigError, match=r"trees from other seeds are the same; set training\.max_features"):
        build("tag", "trees", settings_of(restarts=3))
    build("tag", "trees", settings_of(restarts=3, training={"max_features": 0.5}))


# -- fit -----------------------------------------------------------------------------------------------------


def table(task, n, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3)).astype(np.float32)
    group = rng.integers(0, 3 if task == "classes" else 2, n)
    target = {"binary": group.astype(np.float32), "classes": group.astype(np.int64)}
    target["regression"] = np.float32(values[:, 0] * values[:, 1])
    values[:, 2] += group
    return Table(values, target[task], rng.uniform(0.5, 2, n).astype(np.float32))


@pytest.mark.parametrize(("task", "n_outputs"), [("binary", 1), ("classes", 3), ("regression", 1)])
def test_fit_makes_the_network_scikit_learn_s(task, n_outputs):
    tagger = build("tag", "trees", settings_of(training={"n_iterations": 12}))
    network = tagger.network(n_outputs)
    training, validation = table(task, 2000, 1), table(task, 1000, 2)
    history = tagger.fit(network, training, validation, task, 2**60)
    assert history.epochs[history.best_epoch - 1].validation_loss == min(
        epoch.validation_loss for epoch in history.epochs
    )
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    model = kind(max_bins=127, max_iter=history.best_epoch, early_stopping=False)
    weight = training.weight / training.weight.mean(dtype=np.float64)
    model.fit(training.values, training.target, sample_weight=weight)
    expected = (model.predict if task == "regression" else model.decision_function)(validation.values)
    found = network(torch.from_numpy(validation.values)).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-6)


# -- a whole training ----------------------------------------------------------------------------------------


def write_features(folder, name, n_events):
    """Features of Gaussian events: a, b and the useless c."""
    generator = np.random.default_rng(len(name))
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "features", "dataset": name, "label": name, "n_events": n_events})
        file.attrs.update({"sum_weights": 1.0, "n_generated": n_events, "cut_flow": '{"read": 1}'})
        made_with = {"n_jets": 1, "features": {"nsubjettiness_beta": 1.0}, "selection": {}}
        file.attrs["settings"] = canonical_json(made_with)
        for key in ("run", "lumi"):
            file[f"events/{key}"] = np.ones(n_events, np.int64)
        file["events/event"] = np.arange(n_events)
        values = generator.normal(CENTRES[name], WIDTHS, (n_events, 3))
        for column, feature in enumerate("abc"):
            file[f"events/{feature}"] = values[:, column].astype(np.float32)
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


def trained(folder, features, **more):
    folder.mkdir()
    slice_ = {"method": "bdt", "kind": "trees", "seed": 3, "settings": settings_of(**more)}
    files = [folder / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(slice_, features, *files, threads=1)
    return files


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, size) for name, size in N_EVENTS.items()}


def test_a_training_reaches_the_best_auc_and_repeats_itself(features, tmp_path):
    files = trained(tmp_path / "first", features)
    with h5py.File(files[1]) as file:
        score, label = file["jets/score"][:], file["jets/label"][:]
        event, dataset = file["jets/event"][:], file["jets/dataset"][:]
    # About 1200 and 1000 test events: the AUC is known to 0.01.
    assert roc_auc_score(label, score) == pytest.approx(BEST_AUC, abs=0.03)
    again = trained(tmp_path / "second", features)
    assert again[0].read_bytes() == files[0].read_bytes()

    loaded = networks.load(files[0])
    assert len(loaded.networks) == 1
    names = sorted(features)
    values = np.zeros((len(score), 3), np.float32)
    for number, name in enumerate(names):
        with h5py.File(features[name].with_suffix(".h5")) as file:
            own = dataset == number
            for column, feature in enumerate("abc"):
                values[own, column] = file[f"events/{feature}"][:][event[own]]
    with torch.no_grad():
        found = torch.sigmoid(loaded.networks[0](torch.from_numpy(values))).numpy()
    np.testing.assert_allclose(found, score, atol=1e-6)


def test_restarts_are_several_forests(features, tmp_path):
    files = trained(tmp_path / "few", features, restarts=2, training={"max_features": 0.4, "n_iterations": 5})
    with h5py.File(files[1]) as file:
        each, mean = file["jets/restart_scores"][:], file["jets/score"][:]
    assert each.shape == (len(mean), 2)
    assert np.abs(each[:, 0] - each[:, 1]).max() > 1e-3
    np.testing.assert_allclose(each.mean(axis=1), mean, rtol=1e-6)
    assert len(json.loads(files[2].read_text())["history"]) <= 5
