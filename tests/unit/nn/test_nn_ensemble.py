"""Batched ensembles against plain PyTorch one by one, closed forms, and other libraries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from resonaut.errors import TrainingError
from resonaut.nn import random, stacked
from resonaut.nn.ensemble import Ensemble, Member, Sample, moments, train
from resonaut.nn.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=6, batch_size=16, learning_rate=0.01, weight_decay=0.1, patience=2)


def _problem(
    n_networks: int, n_rows: int = 240, n_inputs: int = 3
) -> tuple[torch.Tensor, list[Sample], list[Member]]:
    """Ragged, overlapping, weighted samples of a table; every third network validates on flipped targets."""
    generator = np.random.default_rng(3)
    table = generator.normal(2.0, 3.0, (n_rows, n_inputs))
    target = (generator.random(n_rows) < 1 / (1 + np.exp(-(table[:, 0] - 2)))).astype(float)
    samples, members = [], []
    for number in range(n_networks):
        rows = generator.permutation(n_rows)
        cut = 40 + 23 * number % 90
        for part, flip in ((rows[:cut], False), (rows[cut : cut + 35], number % 3 == 2)):
            weight = generator.uniform(0.5, 2.0, len(part))
            samples.append(Sample(part, weight, 1 - target[part] if flip else target[part]))
        members.append(Member(1000 + number, 2 * number, 2 * number + 1))
    return torch.from_numpy(table), samples, members


def _one_by_one(
    table: torch.Tensor,
    samples: list[Sample],
    member: Member,
    hidden: tuple[int, ...],
    loss: str,
    settings: TrainingSettings,
) -> tuple[torch.Tensor, list[float]]:
    """The same training of one network by torch.nn, autograd and AdamW; best weights, losses."""
    sizes = (table.shape[1], *hidden, 1 if loss == "cross_entropy" else table.shape[1])
    key = torch.tensor([member.seed])
    flat = stacked.initial(random.subkeys(key, 0), sizes, table.dtype)
    modules: list[torch.nn.Module] = []
    for (before, after), (weights, biases) in zip(
        itertools.pairwise(sizes), stacked.layers(flat, sizes), strict=True
    ):
        layer = torch.nn.Linear(before, after, dtype=table.dtype)
        layer.load_state_dict({"weight": weights[0].T, "bias": biases[0, 0]})
        modules += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    shift, scale = moments(table, samples[member.train], loss == "reconstruction")

    def losses(sample: Sample, chosen: np.ndarray) -> torch.Tensor:
        inputs = (table[sample.rows[chosen]] - shift) / scale
        weight = torch.from_numpy(sample.weight / sample.weight.mean())[chosen]
        if loss == "reconstruction":
            return weight * ((network(inputs) - inputs) ** 2).mean(1)
        target = torch.from_numpy(sample.target[chosen])
        return weight * torch.nn.functional.binary_cross_entropy_with_logits(
            network(inputs)[:, 0], target, reduction="none"
        )

    best, best_loss, waited, curve = flat, np.inf, 0, []
    training, validation = samples[member.train], samples[member.validation]
    length = len(training.rows)
    for epoch in range(settings.epochs):
        order = random.permutations(
            random.subkeys(random.subkeys(key, 1), epoch),
            torch.tensor([length]),
            length,
        )[0].numpy()
        for start in range(0, length, settings.batch_size):
            optimiser.zero_grad()
            losses(training, order[start : start + settings.batch_size]).mean().backward()
            optimiser.step()
        with torch.no_grad():
            curve.append(float(losses(validation, np.arange(len(validation.rows))).mean()))
        waited += 1
        if curve[-1] < best_loss:
            best_loss, waited = curve[-1], 0
            best = torch.cat(
                [part.T.reshape(-1) if part.ndim == 2 else part for part in network.state_dict().values()]
            )[None].clone()
        if waited >= settings.patience:
            break
    return best[0], curve


@pytest.mark.parametrize("loss", ["cross_entropy", "reconstruction"])
def test_equals_plain_torch_one_by_one(loss: str) -> None:
    table, samples, members = _problem(7)
    together = train(table, samples, members, (8, 5), loss, SETTINGS)
    for number, member in enumerate(members):
        best, curve = _one_by_one(table, samples, member, (8, 5), loss, SETTINGS)
        torch.testing.assert_close(together.parameters[number], best, rtol=0, atol=1e-5)
        history = together.history.validation_loss[number]
        np.testing.assert_allclose(history[: len(curve)], curve, atol=1e-5)
        assert np.isnan(history[len(curve) :]).all()
        assert together.history.best_epoch[number] == int(np.argmin(curve))


@pytest.mark.parametrize("average", [False, True])
def test_result_does_not_depend_on_the_batch(average: bool) -> None:
    table, samples, members = _problem(7)
    together = train(table, samples, members, (8, 5), "cross_entropy", SETTINGS, average)
    grouped = train(table, samples, members, (8, 5), "cross_entropy", SETTINGS, average, networks_per_batch=2)
    turned = train(table, samples, members[::-1], (8, 5), "cross_entropy", SETTINGS, average)
    alone = train(table, samples, members[4:5], (8, 5), "cross_entropy", SETTINGS, average)
    for other, ours in (
        (grouped.parameters, together.parameters),
        (turned.parameters.flip(0), together.parameters),
        (alone.parameters, together.parameters[4:5]),
    ):
        torch.testing.assert_close(other, ours, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(grouped.history.best_epoch, together.history.best_epoch)


def test_each_network_stops_by_itself_and_keeps_its_best_epoch() -> None:
    table, samples, members = _problem(3)
    settings = TrainingSettings(epochs=30, batch_size=16, learning_rate=0.01, patience=3)
    history = train(table, samples, members, (8,), "cross_entropy", settings).history
    epochs = np.isfinite(history.validation_loss).sum(1)
    # Network 2 validates on flipped targets: what it learns makes its validation worse from the start.
    assert history.best_epoch[2] == 0
    assert epochs[2] == 1 + settings.patience
    assert epochs[0] > epochs[2]
    for row, best, count in zip(history.validation_loss, history.best_epoch, epochs, strict=True):
        assert best == np.nanargmin(row)
        assert count == min(settings.epochs, best + 1 + settings.patience)


def test_average_is_the_running_mean_of_the_weights() -> None:
    table, samples, members = _problem(2)
    ends: list[torch.Tensor] = []
    for epochs in range(1, 13):
        # A run of k epochs with the best loss forced to the last one gives the weights after epoch k.
        ends.append(_weights_after(table, samples, members, epochs))
    mean = torch.zeros_like(ends[0])
    for number, weights in enumerate(ends):
        mean += (weights - mean) * max(1 / (number + 1), 0.1)
    settings = SETTINGS.model_copy(update={"epochs": 12})
    averaged = train(table, samples, members, (8,), "cross_entropy", settings, average=True)
    torch.testing.assert_close(averaged.parameters, mean, rtol=0, atol=1e-10)
    assert np.isfinite(averaged.history.validation_loss).all()
    np.testing.assert_array_equal(averaged.history.best_epoch, [11, 11])


def _weights_after(
    table: torch.Tensor, samples: list[Sample], members: list[Member], epochs: int
) -> torch.Tensor:
    from resonaut.nn.batched import Batch

    constants = {member.train: moments(table, samples[member.train], False) for member in members}
    order = sorted(range(len(members)), key=lambda i: -len(samples[members[i].train].rows))
    sizes = (table.shape[1], 8, 1)
    settings = SETTINGS.model_copy(update={"patience": 100})
    batch = Batch(
        table, samples, [members[i] for i in order], sizes, "cross_entropy", settings, constants, False
    )
    for epoch in range(min(epochs, settings.epochs)):
        batch.epoch(epoch)
    for epoch in range(settings.epochs, epochs):
        batch.losses = np.pad(batch.losses, ((0, 0), (0, 0), (0, 1)))
        batch.epoch(epoch)
    return batch._flat[np.argsort(order)]


def test_gradient_is_that_of_autograd() -> None:
    sizes = (3, 6, 4, 2)
    flat = stacked.initial(random.subkeys(torch.arange(5), 0), sizes, torch.float64)
    inputs = torch.linspace(-2, 2, 5 * 7 * 3, dtype=torch.float64).reshape(5, 7, 3)
    slope = torch.cos(torch.arange(70, dtype=torch.float64)).reshape(5, 7, 2)
    ours = stacked.gradient(flat, sizes, stacked.forward(flat, sizes, inputs), slope)
    leaf = flat.clone().requires_grad_()
    value = inputs
    for number, (weights, biases) in enumerate(stacked.layers(leaf, sizes)):
        value = (value if number == 0 else value.relu()) @ weights + biases
    (value * slope).sum().backward()
    torch.testing.assert_close(ours, leaf.grad, rtol=1e-12, atol=1e-12)


def test_number_of_parameters() -> None:
    # (4 + 1) 64 + 2 (64 + 1) 64 + 64 + 1
    assert stacked.n_parameters((4, 64, 64, 64, 1)) == 8705
    assert stacked.initial(torch.arange(2), (4, 64, 64, 64, 1), torch.float32).shape == (2, 8705)


def test_initial_weights_fill_the_range_of_each_layer() -> None:
    flat = stacked.initial(random.subkeys(torch.arange(3), 0), (100, 400, 1), torch.float64)
    (weights, biases), (last, _) = stacked.layers(flat, (100, 400, 1))
    for values, bound in ((weights, 0.1), (biases, 0.1), (last, 0.05)):
        assert 0.95 * bound < values.abs().max() <= bound
    assert abs(float(weights.var()) / (0.1**2 / 3) - 1) < 0.02


def test_weighted_logistic_regression_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    x = generator.normal(2.0, 3.0, (600, 3))
    target = (generator.random(600) < 1 / (1 + np.exp(-0.5 * (x[:, 0] - x[:, 1])))).astype(float)
    sample = Sample(np.arange(600), generator.uniform(0.5, 2.0, 600) * (1 + 3 * target), target)
    table = torch.from_numpy(x)
    settings = TrainingSettings(epochs=150, batch_size=60, learning_rate=0.01, patience=150)
    trained = train(table, [sample], [Member(1, 0, 0)], (), "cross_entropy", settings, average=True)
    ours = trained.scores(table, [0], np.arange(len(table)))[0]
    reference = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(
        x[sample.rows], sample.target, sample_weight=sample.weight
    )
    np.testing.assert_allclose(ours, reference.predict_proba(x)[:, 1], atol=0.01)


def test_class_weights_move_the_prior_to_one_half() -> None:
    generator = np.random.default_rng(0)
    table = torch.from_numpy(generator.normal(size=(2000, 1)))
    target = (np.arange(2000) < 100).astype(int)
    weight = 1 / np.bincount(target)[target]
    rows = np.arange(2000)
    samples = [Sample(rows, weight, target), Sample(rows, np.ones(2000), target)]
    settings = TrainingSettings(epochs=40, batch_size=100, learning_rate=0.03, patience=40)
    trained = train(table, samples, [Member(1, 0, 0), Member(1, 1, 1)], (), "cross_entropy", settings, True)
    balanced, plain = trained.scores(table, [0, 1], rows).mean(1)
    assert balanced == pytest.approx(0.5, abs=0.02)
    assert plain == pytest.approx(0.05, abs=0.01)


def test_reaches_the_likelihood_ratio_of_two_gaussians() -> None:
    generator = np.random.default_rng(1)
    n, distance = 6000, 1.5
    target = np.arange(n) % 2
    x = generator.normal(size=(n, 4)).astype(np.float32)
    x[:, 0] += distance * target
    rows = np.arange(n)
    samples = [Sample(part, np.ones(len(part)), target[part]) for part in (rows[:2400], rows[2400:3000])]
    members = [Member(seed, 0, 1) for seed in range(3)]
    settings = TrainingSettings(epochs=15, batch_size=128, patience=4)
    trained = train(torch.from_numpy(x), samples, members, (32, 32), "cross_entropy", settings)
    test = rows[3000:]
    auc = roc_auc_score(target[test], trained.scores(torch.from_numpy(x), [0, 1, 2], test).mean(0))
    # The optimum, of the ratio of the two densities, is Phi(distance / sqrt(2)).
    optimum = norm.cdf(distance / np.sqrt(2))
    assert optimum - 0.02 < auc < optimum + 0.015


def test_reconstruction_learns_a_line_and_not_what_is_off_it() -> None:
    generator = np.random.default_rng(2)
    along = generator.uniform(0.5, 1.5, 600)
    table = torch.from_numpy(along[:, None] * np.array([1.0, 2.0, -1.0, 0.5]))
    table[500:, 2] *= -1
    samples = [Sample(np.arange(400), np.ones(400)), Sample(np.arange(400, 500), np.ones(100))]
    settings = TrainingSettings(epochs=80, batch_size=50, learning_rate=0.01, patience=80)
    trained = train(table, samples, [Member(9, 0, 1)], (8, 2, 8), "reconstruction", settings)
    error = trained.scores(table, [0], np.arange(600))[0]
    assert error[400:500].max() < 0.2 * error[500:].min()


@pytest.mark.parametrize("weight", [0.0, None])
def test_sample_without_weight_or_events_is_refused(weight: float | None) -> None:
    table, samples, members = _problem(1)
    bad = Sample(samples[0].rows[: 0 if weight is None else 5], np.zeros(0 if weight is None else 5))
    with pytest.raises(TrainingError, match="sample 0 has no events of positive weight"):
        train(table, [bad, samples[1]], members, (4,), "cross_entropy", SETTINGS)


def test_infinite_loss_is_named() -> None:
    table, samples, members = _problem(1)
    table[samples[0].rows[0], 0] = torch.nan
    with pytest.raises(TrainingError, match=r"epoch 0: a loss is not finite; lower training.learning_rate"):
        train(table, samples, members, (4,), "cross_entropy", SETTINGS)


def test_scores_do_not_depend_on_which_rows_are_asked() -> None:
    table, samples, members = _problem(2)
    trained: Ensemble = train(table, samples, members, (4,), "cross_entropy", SETTINGS)
    everything = trained.scores(table, [0, 1], np.arange(len(table)))
    some = trained.scores(table, [1], np.array([7, 3]))
    np.testing.assert_allclose(some[0], everything[1, [7, 3]], rtol=1e-12)
