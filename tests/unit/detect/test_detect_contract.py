"""What every detector must keep: no event is scored by a network that saw it; equal runs are equal."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from resonaut import registry
from resonaut.detect.folds import folds
from resonaut.detect.interface import Data, Events, Scores
from resonaut.errors import BadValueError

TRAINING = {"epochs": 3, "batch_size": 128, "patience": 2}
SMALL: dict[str, Any] = {
    "training": TRAINING,
    "n_folds": 3,
    "n_restarts": 2,
    "min_events": 5,
    "features": ["first", "second"],
    "hidden": [8],
    "flow": {"transforms": 1, "hidden": [8], "training": TRAINING},
    "signal": ["wprime"],
    "background": ["qcd"],
    "simulation": ["qcd"],
    "cuts": [{"feature": "first", "low": 0.0}, {"feature": "second", "high": 1.0}],
}
"""Settings of a quick training; a method takes those of them that it has."""
OF_METHOD: dict[str, dict[str, Any]] = {"column": {"signal": "large", "features": ["second"]}}
TRAINED = [name for name in registry.names("detect") if name not in ("column", "cuts", "random_score")]


def _build(name: str, **more: Any) -> Any:
    model = registry.load("detect", name).Settings
    known = {**SMALL, **OF_METHOD.get(name, {}), **more}
    return registry.build("detect", name, {key: known[key] for key in known if key in model.model_fields})


def _given(detector: Any, data: Data) -> Data:
    """The data as a detector may see them."""
    needs = detector.needs
    return dataclasses.replace(
        data,
        is_signal=data.is_signal if needs.labels else None,
        samples={name: data.samples[name] for name in needs.samples},
    )


def _fit_and_score(detector: Any, data: Data, context: Any) -> Scores:
    return detector.fit(_given(detector, data), context).score(data)


def _changed(events: Events, rows: np.ndarray, scan: Any) -> Any:
    """The events with other inputs of some rows, which move from the signal region to a side band."""
    features = {key: values.copy() for key, values in events.features.items()}
    images, constituents, mass = events.images.copy(), events.constituents.copy(), events.mass.copy()
    for values in features.values():
        values[rows] += 3.0
    images[rows] = images[rows][..., ::-1] * 5
    constituents[rows, ..., 1:] += 0.3
    mass[rows] = 3250.0
    return dataclasses.replace(
        events,
        features=features,
        images=images,
        constituents=constituents,
        mass=mass,
        regions=scan.regions(mass),
    )


@pytest.mark.parametrize("name", registry.names("detect"))
def test_a_changed_event_changes_no_score_of_its_fold(name: str, toy, scan, context) -> None:
    data = toy(3000, 80).sampled(scan)
    detector = _build(name)
    before = _fit_and_score(detector, data, context)
    changed = int(np.flatnonzero(data.regions[0] == 1)[0])
    # The same event in the datasets that are read besides the mixture changes with it.
    samples = {
        key: _changed(sample, np.flatnonzero(sample.split_hash == data.split_hash[changed]), scan)
        for key, sample in data.samples.items()
    }
    other = dataclasses.replace(_changed(data, np.array([changed]), scan), samples=samples)
    after = _fit_and_score(detector, other, context)
    np.testing.assert_array_equal(before.fold, after.fold)
    same_fold = before.fold == before.fold[changed]
    others = same_fold & (np.arange(len(data)) != changed)
    np.testing.assert_array_equal(before.score[:, others], after.score[:, others])
    # Networks of the other folds did see it, and only they moved.
    if name in TRAINED and not detector.needs.samples:
        assert (before.score[0, ~same_fold] != after.score[0, ~same_fold]).mean() > 0.5
    assert (before.score[:, changed] != after.score[:, changed]).any() or name == "random_score"


@pytest.mark.parametrize("name", registry.names("detect"))
def test_scores_are_finite_repeatable_and_independent_of_the_batch(name: str, toy, scan, context) -> None:
    data = toy(2600, 40).sampled(scan)
    fitted = _build(name).fit(_given(_build(name), data), context)
    first = fitted.score(data)
    again = _fit_and_score(_build(name), data, context)
    split = _fit_and_score(_build(name, networks_per_batch=2), data, context)
    assert first.score.shape == (2, len(data))
    assert first.score.dtype == np.float32
    assert first.fold.dtype == np.int32
    assert np.isfinite(first.score).all()
    np.testing.assert_array_equal(first.score, again.score)
    scale = np.ptp(first.score)
    np.testing.assert_allclose(split.score, first.score, atol=1e-5 * max(scale, 1), rtol=1e-5)
    assert fitted.n_networks == len(fitted.history.best_epoch)
    # Some of the events alone have the same scores, up to the last digits of products of other shapes.
    rows = np.arange(0, len(data), 3)
    some = fitted.score(data.take(rows))
    np.testing.assert_array_equal(some.fold, first.fold[rows])
    np.testing.assert_allclose(some.score, first.score[:, rows], atol=1e-5 * max(scale, 1), rtol=1e-4)


@pytest.mark.parametrize("name", registry.names("detect"))
def test_a_window_alone_has_the_scores_that_it_has_among_others(name: str, toy, scan, context) -> None:
    data = toy(2600, 40).sampled(scan)
    detector = _build(name)
    together = _fit_and_score(detector, data, context)
    second = scan.model_copy(update={"windows": scan.windows[1:]})
    samples = {
        key: dataclasses.replace(sample, regions=sample.regions[1:]) for key, sample in data.samples.items()
    }
    alone = _fit_and_score(
        detector,
        dataclasses.replace(data, regions=data.regions[1:], samples=samples),
        dataclasses.replace(context, windows=second.windows),
    )
    np.testing.assert_array_equal(alone.fold, together.fold)
    scale = max(np.ptp(together.score[1]), 1)
    np.testing.assert_allclose(alone.score[0], together.score[1], atol=1e-5 * scale, rtol=1e-5)


@pytest.mark.parametrize("name", registry.names("detect"))
def test_order_of_events_does_not_move_an_event_to_another_fold(name: str, toy, scan, context) -> None:
    data = toy(2600, 40).sampled(scan)
    detector = _build(name)
    turned = data.take(np.arange(len(data))[::-1])
    ours, theirs = (_fit_and_score(detector, events, context).fold for events in (data, turned))
    np.testing.assert_array_equal(ours, theirs[::-1])


@pytest.mark.parametrize("name", [name for name in registry.names("detect") if name != "random_score"])
def test_input_that_is_not_finite_is_refused(name: str, toy, scan, context) -> None:
    data = toy(3000, 40).sampled(scan)
    data.features["second"][7] = np.nan
    data.images[7, 0, 0, 0] = np.nan
    data.constituents[7, 0, 0, 0] = np.nan
    with pytest.raises(BadValueError, match=r"^detect\.toy.* of \d+ events of mixture 'data'"):
        _fit_and_score(_build(name), data, context)


@pytest.mark.parametrize("name", registry.names("detect"))
def test_no_detector_names_the_truth_among_its_features(name: str) -> None:
    from resonaut.errors import ConfigError

    if "features" not in registry.load("detect", name).Settings.model_fields or name == "column":
        pytest.skip("reads no list of features, or a score that was made elsewhere")
    with pytest.raises(ConfigError, match="'label' is the truth of an event"):
        _build(name, features=["first", "label"])


def test_folds_are_even_and_differ_between_methods_and_seeds(toy, scan, context) -> None:
    data = toy(6000, 0).data(scan)
    ours = folds(data, context, 5)
    counts = np.bincount(ours, minlength=5)
    # chi2 with 4 degrees of freedom: 18.5 is its 99.9 % quantile.
    assert ((counts - 1200) ** 2 / 1200).sum() < 18.5
    for other in (dataclasses.replace(context, method="other"), dataclasses.replace(context, seed=6)):
        assert (folds(data, other, 5) == ours).mean() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_array_equal(folds(data, dataclasses.replace(context, mixture="null"), 5), ours)
