"""What every detector must keep: no event is scored by a network that saw it; equal runs are equal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from resonaut import registry
from resonaut.detect.folds import folds
from resonaut.detect.interface import Scores
from resonaut.errors import BadValueError

TRAINING = {"epochs": 3, "batch_size": 128, "patience": 2}


def _build(name: str, **more):
    model = registry.load("detect", name).Settings
    known = {"training": TRAINING, "n_folds": 3, "features": ["first", "second"], "hidden": [8], **more}
    settings = {key: value for key, value in known.items() if key in model.model_fields}
    return registry.build("detect", name, settings)


@pytest.mark.parametrize("name", registry.names("detect"))
def test_a_changed_event_changes_no_score_of_its_fold(name: str, toy, scan, context) -> None:
    data = toy(1500, 40).data(scan)
    detector = _build(name)
    before: Scores = detector.score(data, context)
    changed = int(np.flatnonzero(data.regions[0] == 1)[0])
    features = {key: values.copy() for key, values in data.features.items()}
    images = data.images.copy()
    mass = data.mass.copy()
    for values in features.values():
        values[changed] += 3.0
    images[changed] = images[changed][:, ::-1] * 5
    mass[changed] = 3250.0  # from signal region to side band
    after = detector.score(
        dataclasses.replace(data, features=features, images=images, mass=mass, regions=scan.regions(mass)),
        context,
    )
    np.testing.assert_array_equal(before.fold, after.fold)
    same_fold = before.fold == before.fold[changed]
    others = same_fold & (np.arange(len(data)) != changed)
    np.testing.assert_array_equal(before.score[:, others], after.score[:, others])
    # Networks of the other folds did see it, and only they moved.
    if before.n_networks:
        assert (before.score[0, ~same_fold] != after.score[0, ~same_fold]).mean() > 0.5
    assert (before.score[:, changed] != after.score[:, changed]).any()


@pytest.mark.parametrize("name", registry.names("detect"))
def test_scores_are_finite_repeatable_and_independent_of_the_batch(name: str, toy, scan, context) -> None:
    data = toy(1200, 0).data(scan)
    first = _build(name).score(data, context)
    again = _build(name).score(data, context)
    split = _build(name, networks_per_batch=2).score(data, context)
    assert first.score.shape == (2, 1200)
    assert first.score.dtype == np.float32
    assert np.isfinite(first.score).all()
    np.testing.assert_array_equal(first.score, again.score)
    np.testing.assert_allclose(split.score, first.score, atol=1e-5)
    assert first.n_networks == len(first.history.best_epoch)


@pytest.mark.parametrize("name", registry.names("detect"))
def test_order_of_events_does_not_move_an_event_to_another_fold(name: str, toy, scan, context) -> None:
    data = toy(1200, 0).data(scan)
    turned = dataclasses.replace(
        data,
        mass=data.mass[::-1],
        regions=data.regions[:, ::-1],
        split_hash=data.split_hash[::-1],
        features={key: values[::-1] for key, values in data.features.items()},
        images=data.images[::-1].copy(),
    )
    detector = _build(name)
    np.testing.assert_array_equal(
        detector.score(data, context).fold, detector.score(turned, context).fold[::-1]
    )


@pytest.mark.parametrize("name", registry.names("detect"))
def test_input_that_is_not_finite_is_refused(name: str, toy, scan, context) -> None:
    data = toy(1500, 0).data(scan)
    data.features["second"][7] = np.nan
    data.images[7, 0, 0, 0] = np.nan
    with pytest.raises(BadValueError, match=r"^detect\.toy.* of 1500 events of mixture 'data'"):
        _build(name).score(data, context)


def test_folds_are_even_and_differ_between_methods_and_seeds(toy, scan, context) -> None:
    data = toy(6000, 0).data(scan)
    ours = folds(data, context, 5)
    counts = np.bincount(ours, minlength=5)
    # chi2 with 4 degrees of freedom: 18.5 is its 99.9 % quantile.
    assert ((counts - 1200) ** 2 / 1200).sum() < 18.5
    for other in (dataclasses.replace(context, method="other"), dataclasses.replace(context, seed=6)):
        assert (folds(data, other, 5) == ours).mean() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_array_equal(folds(data, dataclasses.replace(context, mixture="null"), 5), ours)
