"""Boosted trees: tensors give scikit-learn's raw predictions, ties and missing values too; early stopping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from resonaut.errors import InputError, TrainingError
from resonaut.nn import checkpoint
from resonaut.nn.networks import trees as networks
from resonaut.nn.networks.trees import TreeEnsemble
from resonaut.nn.training import n_parameters
from resonaut.nn.trees import BoostingSettings, fit, rounded_down

N_FEATURES = 5
TASKS = {"binary": 1, "classes": 4, "regression": 1}
everyone = pytest.mark.parametrize("task", TASKS)


@dataclass
class Rows:
    values: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def rows(task, n, seed=0, missing=0.0, n_classes=4):
    """A nearly discrete feature, a constant one, and Gaussian ones that know the target."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1], 1)
    values[:, 2] = 7
    target = rng.integers(0, n_classes if task == "classes" else 2, n)
    values[:, 0] += target
    if task == "regression":
        target = 80 + 5 * values[:, 0] + values[:, 1] ** 2 + rng.normal(size=n)
    values[rng.random(values.shape) < missing] = np.nan
    return Rows(values, target, rng.uniform(0.1, 2, n).astype(np.float32))


def settings_of(**more):
    return BoostingSettings(**{"n_iterations": 30, "patience": 30, **more})


def ensemble(arrays, n_outputs):
    network = TreeEnsemble(N_FEATURES, n_outputs)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    checkpoint.load_into(network, tensors, "weights.safetensors")
    return network


def peer(task, training, n_iterations, **more):
    """scikit-learn's own, fitted in one go."""
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    model = kind(max_bins=127, max_iter=n_iterations, early_stopping=False, **more)
    weight = training.weight / training.weight.mean(dtype=np.float64)
    return model.fit(training.values, training.target, sample_weight=weight)


def raw_of(task, model, values):
    return model.predict(values) if task == "regression" else model.decision_function(values)


@everyone
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_raw_predictions_are_those_of_scikit_learn(task, missing):
    training, validation = rows(task, 2000, 1, missing), rows(task, 500, 2, missing)
    arrays, history = fit(training, validation, task, TASKS[task], settings_of(), seed=3)
    model = peer(task, training, history.best_epoch)
    values = rows(task, 3000, 4, missing).values
    expected = raw_of(task, model, values)
    found = ensemble(arrays, TASKS[task])(torch.from_numpy(values))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-7, atol=1e-6)
    # Inputs in double precision that are float32 numbers lose nothing at all.
    found = ensemble(arrays, TASKS[task])(torch.from_numpy(values.astype(np.float64)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@everyone
def test_ties_with_thresholds_go_left(task):
    """Thresholds are rows of the sample where bins are full: each is met exactly, and by its neighbours."""
    training, validation = rows(task, 4000, 1), rows(task, 500, 2)
    arrays, history = fit(training, validation, task, TASKS[task], settings_of(n_iterations=8), seed=3)
    model = peer(task, training, history.best_epoch)
    used = np.isfinite(arrays["threshold"])
    assert np.isin(arrays["threshold"][used], training.values).mean() > 0.3
    near = np.unique(arrays["threshold"][used])
    near = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, -np.float32(9))])
    values = np.random.default_rng(0).choice(near, size=(5000, N_FEATURES))
    found = ensemble(arrays, TASKS[task])(torch.from_numpy(values))
    np.testing.assert_allclose(found.numpy(), raw_of(task, model, values), rtol=2e-7, atol=1e-6)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    near=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
def test_rounded_thresholds_compare_as_the_exact_ones(value, near):
    found = rounded_down(np.array([value, float(near), np.nextafter(float(near), np.inf)]))
    assert found.dtype == np.float32
    assert float(found[0]) <= value
    with np.errstate(over="ignore"):
        assert float(np.nextafter(found[0], np.float32(np.inf))) > value
    assert found[1] == found[2] == near


def test_extreme_values_go_where_scikit_learn_sends_them():
    training, validation = rows("binary", 2000, 1, 0.1), rows("binary", 500, 2, 0.1)
    arrays, history = fit(training, validation, "binary", 1, settings_of(), seed=3)
    model = peer("binary", training, history.best_epoch)
    extremes = np.float32([np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45, 0.0, -0.0])
    values = np.random.default_rng(0).choice(extremes, size=(500, N_FEATURES))
    found = ensemble(arrays, 1)(torch.from_numpy(values))
    np.testing.assert_allclose(found.numpy(), model.decision_function(values), atol=1e-6)


def test_two_classes_with_two_outputs_have_the_same_odds():
    training, validation = rows("binary", 1000, 1), rows("binary", 500, 2)
    one, _ = fit(training, validation, "binary", 1, settings_of(), seed=3)
    two, _ = fit(training, validation, "classes", 2, settings_of(), seed=3)
    values = torch.from_numpy(validation.values)
    logits = ensemble(two, 2)(values)
    assert logits.shape == (500, 2)
    torch.testing.assert_close(logits[:, 1] - logits[:, 0], ensemble(one, 1)(values))


def losses_by_hand(task, prediction, rows):
    if task == "regression":
        loss = (prediction - rows.target) ** 2
    elif task == "binary":
        loss = np.logaddexp(0, prediction) - rows.target * prediction
    else:
        chosen = np.take_along_axis(prediction, rows.target[:, None], axis=1)[:, 0]
        loss = np.log(np.exp(prediction).sum(axis=1)) - chosen
    return np.average(loss, weights=rows.weight)


@everyone
def test_history_holds_the_weighted_losses_and_the_best_trees_are_kept(task):
    """The validation loss falls, then rises for `patience` iterations."""
    training, validation = rows(task, 400, 1), rows(task, 400, 2)
    chosen = settings_of(n_iterations=200, patience=5, min_samples_leaf=5, learning_rate=0.3)
    arrays, history = fit(training, validation, task, TASKS[task], chosen, seed=3)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert [epoch.epoch for epoch in history.epochs] == list(range(1, len(losses) + 1))
    assert len(losses) < 200
    assert history.best_epoch == 1 + int(np.argmin(losses)) == len(losses) - 5
    assert len(arrays["output"]) == history.best_epoch * TASKS[task]
    network = ensemble(arrays, TASKS[task])
    best = history.epochs[history.best_epoch - 1]
    for sample, expected in ((training, best.train_loss), (validation, best.validation_loss)):
        prediction = network(torch.from_numpy(sample.values)).double().numpy()
        assert losses_by_hand(task, prediction, sample) == pytest.approx(expected, rel=1e-5)
    model = peer(task, training, len(losses), min_samples_leaf=5, learning_rate=0.3)
    stages = model.staged_predict if task == "regression" else model.staged_decision_function
    expected = [losses_by_hand(task, p.squeeze(), validation) for p in stages(validation.values)]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_weights_count_as_copies_do():
    """Rows of weight 2 are rows twice; rows of weight 0 are none; a common factor is nothing."""
    training, validation = rows("binary", 1500, 1), rows("binary", 400, 2)
    times = np.random.default_rng(5).integers(0, 3, 1500)
    validation.weight = np.ones(400, np.float32)
    weighted = Rows(training.values, training.target, times.astype(np.float32))
    copies = Rows(*(np.repeat(array, times, axis=0) for array in (training.values, training.target)), None)
    copies.weight = np.ones(len(copies.target), np.float32)
    # A leaf counts rows, not weights, so its least number must not bind.
    chosen = settings_of(n_iterations=5, min_samples_leaf=1, max_leaf_nodes=4, max_bins=20)
    values = torch.from_numpy(validation.values)
    made = [
        ensemble(fit(s, validation, "binary", 1, chosen, seed=3)[0], 1)(values) for s in (weighted, copies)
    ]
    torch.testing.assert_close(*made, rtol=1e-4, atol=1e-4)
    weighted.weight = weighted.weight * np.float32(2.0**-30)
    found = ensemble(fit(weighted, validation, "binary", 1, chosen, seed=3)[0], 1)(values)
    torch.testing.assert_close(found, made[0], rtol=0, atol=0)


def test_the_seed_and_not_the_threads_decides():
    training, validation = rows("binary", 2000, 1), rows("binary", 500, 2)
    # Few leaves: on a busy machine threads wait for each other at every one.
    chosen = settings_of(max_features=0.5, n_iterations=3, max_leaf_nodes=6)

    def bytes_of(seed, threads):
        arrays, history = fit(training, validation, "binary", 1, chosen, seed=seed, threads=threads)
        return b"".join(arrays[name].tobytes() for name in sorted(arrays)), history

    first = bytes_of(2**62 + 1, 1)
    assert bytes_of(2**62 + 1, 1) == first
    assert bytes_of(2**62 + 1, 2) == first
    assert bytes_of(2**62 + 2, 1) != first


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan])
def test_weights_that_cannot_be_are_told(bad):
    training, validation = rows("binary", 100, 1), rows("binary", 100, 2)
    validation.weight = np.where(np.arange(100) == 3, bad, 0).astype(np.float32)
    with pytest.raises(TrainingError, match=r"weights of the validation rows go from"):
        fit(training, validation, "binary", 1, settings_of(), seed=1)


def test_absent_classes_are_told():
    training, validation = rows("classes", 200, 1), rows("classes", 200, 2)
    training.target[training.target == 2] = 1
    with pytest.raises(TrainingError, match=r"training rows hold the classes 0, 1, 3; all of 0 to 3 are"):
        fit(training, validation, "classes", 4, settings_of(), seed=1)
    validation.target[:] = 1
    with pytest.raises(TrainingError, match=r"validation rows hold the classes 1; all of 0 to 1 are"):
        fit(rows("binary", 200), validation, "binary", 1, settings_of(), seed=1)


def grown(n_outputs=4, **more):
    task = "classes" if n_outputs > 1 else "binary"
    arrays, _ = fit(rows(task, 1500, 1), rows(task, 300, 2), task, n_outputs, settings_of(**more), seed=3)
    return arrays


def test_a_new_ensemble_gives_0():
    assert torch.equal(TreeEnsemble(3)(torch.randn(7, 3)), torch.zeros(7))
    assert torch.equal(TreeEnsemble(3, 10)(torch.randn(7, 3)), torch.zeros(7, 10))


def test_a_tree_by_hand():
    """x0 <= 1 (missing: left) ? (x1 <= 2 ? 10 : 20) : 40, on top of 0.5."""
    network = TreeEnsemble(2)
    network.load_state_dict(
        {
            "feature": torch.tensor([[2, 1, 2, 2, 2]]),
            "threshold": torch.tensor([[1.0, 2.0, torch.inf, torch.inf, torch.inf]]),
            "child": torch.tensor([[1, 3, 2, 3, 4]], dtype=torch.int32),
            "value": torch.tensor([[0.0, 0.0, 40.0, 10.0, 20.0]], dtype=torch.float64),
            "output": torch.tensor([0]),
            "depth": torch.tensor([2]),
            "baseline": torch.tensor([0.5], dtype=torch.float64),
        }
    )
    nan, inf = torch.nan, torch.inf
    values = [[1, 2], [1, 2.1], [1.1, 0], [nan, 0], [-inf, nan], [inf, 0], [nan, inf]]
    expected = [10.5, 20.5, 40.5, 10.5, 20.5, 40.5, 20.5]
    assert network(torch.tensor(values)).tolist() == expected
    assert n_parameters(network) == 2 + 3, "two thresholds, three leaves"


def test_weights_go_through_safetensors_whatever_their_number(tmp_path):
    arrays = grown()
    network, path = ensemble(arrays, 4), tmp_path / "weights.safetensors"
    checkpoint.save(path, network, {"seed": 1})
    tensors, _ = checkpoint.read(path)
    values = torch.randn(50, N_FEATURES)
    again = TreeEnsemble(N_FEATURES, 4)
    checkpoint.load_into(again, tensors, path)
    assert torch.equal(again(values), network(values))
    # Smaller ones over larger ones.
    outer = torch.nn.Sequential(again)
    small = ensemble(grown(n_iterations=2, max_leaf_nodes=3), 4)
    outer.load_state_dict({f"0.{name}": tensor for name, tensor in small.state_dict().items()})
    assert torch.equal(outer(values), small(values))


def test_weights_that_do_not_fit_are_told():
    arrays = grown()
    with pytest.raises(InputError, match="baseline"):
        ensemble({**arrays, "output": np.zeros_like(arrays["output"])}, 1)
    with pytest.raises(InputError, match=r"output: 3 is not below 1"):
        ensemble(arrays, 1)
    wide = {**arrays, "feature": np.where(arrays["feature"] == 1, 2 * N_FEATURES, arrays["feature"])}
    with pytest.raises(InputError, match=r"feature: 10 is not below 10; other inputs"):
        ensemble(wide, 4)
    with pytest.raises(InputError, match=r"value: shape .* does not fit the trees'"):
        ensemble({**arrays, "value": arrays["value"][1:]}, 4)
    with pytest.raises(InputError, match="Missing key"):
        ensemble({name: array for name, array in arrays.items() if name != "child"}, 4)


def test_blocks_do_not_matter(monkeypatch):
    network, values = ensemble(grown(), 4), torch.randn(100, N_FEATURES)
    whole = network(values)
    monkeypatch.setattr(networks, "BLOCK", 7 * len(network.output))
    torch.testing.assert_close(network(values), whole, rtol=0, atol=1e-6)
    assert network(values[:0]).shape == (0, 4)


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_it_is_exported_with_any_number_of_rows(n_outputs, monkeypatch):
    monkeypatch.setattr(networks, "BLOCK", 1)
    network = ensemble(grown(n_outputs, n_iterations=5, max_depth=4), n_outputs)
    rows_of = torch.export.Dim("rows", min=1)
    program = torch.export.export(network, (torch.randn(3, N_FEATURES),), dynamic_shapes=({0: rows_of},))
    values = torch.randn(17, N_FEATURES)
    values[0, 0] = torch.nan
    for part in (values, values[:1]):
        torch.testing.assert_close(program.module()(part), network(part))
