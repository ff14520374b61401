"""The autoencoder: rare jets are drawn badly, simple ones well; sets of constituents have no order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.autoencoding_plan import first_events, jet_rows
from resonaut.detect.folds import folds
from resonaut.detect.interface import Data, Sample, Scores
from resonaut.errors import BadValueError, ConfigError, TrainingError

SETTINGS = {
    "hidden": [16],
    "bottleneck": 4,
    "n_restarts": 2,
    "training": {"epochs": 25, "batch_size": 64, "learning_rate": 3e-3, "patience": 25},
}
QUICK = {**SETTINGS, "n_restarts": 1, "training": {"epochs": 4, "batch_size": 64, "learning_rate": 3e-3}}


def _score(data: Data, context, settings: dict) -> Scores:
    return registry.build("detect", "autoencoder", settings).fit(data, context).score(data)


def test_rare_images_score_higher(toy, scan, context) -> None:
    made = toy(2000, 20)
    data = made.data(scan)
    scores = _score(data, context, SETTINGS)
    assert roc_auc_score(made.truth, scores.score[0]) > 0.97
    np.testing.assert_array_equal(scores.score[0], scores.score[1])


def test_sum_and_max_of_two_equal_jets(toy, scan, context) -> None:
    data = toy(300, 0).data(scan)
    twice = dataclasses.replace(data, images=np.repeat(data.images[:, :1], 2, axis=1))
    quick = {**SETTINGS, "training": {"epochs": 2, "batch_size": 64}}
    total, largest = (
        _score(twice, context, {**quick, "combine": combine}).score for combine in ("sum", "max")
    )
    np.testing.assert_allclose(total, 2 * largest, rtol=1e-5)


def test_limit_takes_whole_events_by_their_hash() -> None:
    events = np.array([True, True, False, True, True])
    order = np.array([5, 1, 0, 9, 3], np.uint64)
    np.testing.assert_array_equal(jet_rows(first_events(events, order, 2, 4), 2), [2, 3, 8, 9])
    np.testing.assert_array_equal(jet_rows(first_events(events, order, 2, 100), 2), [0, 1, 2, 3, 6, 7, 8, 9])


def test_too_few_jets_are_named(toy, scan, context) -> None:
    with pytest.raises(TrainingError, match=r"detect\.toy: \d jets of mixture 'data' are left"):
        _score(toy(8, 0).data(scan), context, SETTINGS)


@pytest.mark.parametrize("loss", ["l2", "chamfer", "transport"])
def test_jets_of_two_prongs_are_rare_among_jets_of_one(loss: str, toy, scan, context) -> None:
    made = toy(600, 12)
    more = {"inputs": "constituents", "n_constituents": 8, "loss": loss, "iterations": 10, "bottleneck": 2}
    scores = _score(made.data(scan), context, {**QUICK, **more})
    assert roc_auc_score(made.truth, scores.score[0]) > 0.95


@pytest.mark.parametrize("loss", ["chamfer", "transport"])
def test_the_order_of_what_is_compared_does_not_matter(loss: str) -> None:
    import torch

    from resonaut.detect.methods.autoencoder import distance_of
    from resonaut.nn.networks.autoencoder import Reconstruction

    settings = registry.load("detect", "autoencoder").Settings
    inputs = torch.rand(5, 8, 3, generator=torch.Generator().manual_seed(0))
    outputs = inputs[:, torch.randperm(8, generator=torch.Generator().manual_seed(1))]
    made = Reconstruction(inputs.flatten(1), outputs.flatten(1), inputs[:, 0], torch.ones(24))
    same = distance_of(settings(inputs="constituents", loss=loss))(made)
    other = distance_of(settings(inputs="constituents", loss="l2"))(made)
    np.testing.assert_allclose(same, 0, atol=1e-6)
    assert (other > 0.01).all()


def test_features_are_standardised_and_noise_makes_it_learn_the_bulk(toy, scan, context) -> None:
    made = toy(1500, 0)
    random = np.random.default_rng(3)
    # Two features on a line, in units far apart; the odd events are off the line, inside both ranges.
    line = random.normal(size=1500)
    odd = np.arange(1500) < 30
    second = np.where(odd, -line, line) + random.normal(0, 0.1, 1500)
    data = dataclasses.replace(
        made.data(scan), features={"first": 1000 * line + 5000, "second": 1e-3 * second}, images=None
    )
    off = odd & (np.abs(line) > 0.5)
    for more in ({"bottleneck": 1}, {"bottleneck": 2, "noise": 0.5}):
        settings = {**QUICK, "inputs": ["first", "second"], **more}
        settings["training"] = {**QUICK["training"], "epochs": 15}
        score = _score(data, context, settings).score[0]
        assert roc_auc_score(off[~odd | off], score[~odd | off]) > 0.95


def _simple_and_complex(random: np.random.Generator, simple: np.ndarray) -> np.ndarray:
    """Images of six stripes: equally strong ones in simple jets, any mixture of them in complex ones."""
    n = len(simple)
    strength = np.where(simple[:, None], random.dirichlet([40.0] * 6, n), random.dirichlet([0.4] * 6, n))
    return np.repeat(strength[:, None, :, None], 6, axis=3).astype(np.float32) / 6


def _sample(data: Data, simple: bool, scan) -> Sample:
    """A dataset of one class of jets, apart from the mixture."""
    n = len(data)
    images = _simple_and_complex(np.random.default_rng(9), np.full(n, simple))
    columns = {"mass": data.mass, "regions": data.regions, "split_hash": data.split_hash + np.uint64(1)}
    return Sample(**columns, images=images, in_mixture=np.zeros(n, bool), label="")


def test_simple_jets_are_drawn_well_by_a_network_that_saw_complex_ones_only(toy, scan, context) -> None:
    """The caveat: trained on top, tested on QCD, the score turns around (arXiv:2104.09051)."""
    data = toy(1000, 0).data(scan)
    simple = np.arange(1000) < 500
    images = _simple_and_complex(np.random.default_rng(2), simple)
    samples = {"qcd": _sample(data, True, scan), "top": _sample(data, False, scan)}
    data = dataclasses.replace(data, images=images, samples=samples)
    settings = {**QUICK, "bottleneck": 2, "training": {**QUICK["training"], "epochs": 10}}
    on_top, on_qcd = (
        _score(data, context, {**settings, "train_on": [name]}).score[0] for name in ("top", "qcd")
    )
    assert roc_auc_score(~simple, on_qcd) > 0.95
    assert roc_auc_score(simple, on_top) < 0.2


@pytest.mark.parametrize(
    "more",
    [
        {"inputs": "constituents", "loss": "chamfer"},
        {"inputs": ["first", "second"], "bottleneck": 1},
        {"inputs": "images", "train_on": ["qcd", "wprime"], "noise": 0.1},
    ],
)
def test_a_changed_event_changes_no_score_of_its_fold_whatever_is_read(more, toy, scan, context) -> None:
    data = toy(700, 20).sampled(scan)
    settings = {**QUICK, **more}
    before = _score(data, context, settings)
    # One that trains: what only validates may change no weight.
    changed = int(np.flatnonzero(folds(data, context, 5, "validation"))[0])
    samples = {}
    for name, sample in data.samples.items():
        same = sample.split_hash == data.split_hash[changed]
        samples[name] = dataclasses.replace(
            sample, images=np.where(same[:, None, None, None], 2, sample.images)
        )
    features = {key: values.copy() for key, values in data.features.items()}
    images, constituents = data.images.copy(), data.constituents.copy()
    images[changed] = 2
    constituents[changed, ..., 1] += 1
    for values in features.values():
        values[changed] += 5
    inputs = {"features": features, "images": images, "constituents": constituents}
    other = dataclasses.replace(data, **inputs, samples=samples)
    after = _score(other, context, settings)
    fold = before.fold == before.fold[changed]
    others = fold & (np.arange(len(data)) != changed)
    np.testing.assert_array_equal(before.score[0, others], after.score[0, others])
    assert (before.score[0, ~fold] != after.score[0, ~fold]).mean() > 0.5
    assert before.score[0, changed] != after.score[0, changed]


def test_constituents_that_are_not_finite_are_refused(toy, scan, context) -> None:
    data = toy(200, 0).data(scan)
    data.constituents[3, 1, 2, 0] = np.inf
    with pytest.raises(BadValueError, match="1 of 200 events of mixture 'data' have constituents"):
        _score(data, context, {**QUICK, "inputs": "constituents"})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"loss": "chamfer"}, "'chamfer' compares sets of constituents; set inputs: constituents"),
        ({"inputs": ["a", "b"], "bottleneck": 2}, "2 numbers hold all of 2 features"),
        ({"inputs": ["a", "label"], "bottleneck": 1}, "'label' is the truth"),
        ({"inputs": ["a", "a"]}, "a name stands there twice"),
        ({"train_on": []}, "an empty list"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(more, message) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", "autoencoder", more)
