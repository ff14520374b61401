"""Shapes of simulated signals: fractions of their distributions, weights, bad input."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from test_infer_significance import EDGES

from resonaut import manifest
from resonaut.errors import ConfigError, EmptyFileError, InputError
from resonaut.infer import templates
from resonaut.infer.settings import SignalSettings
from resonaut.scan import Window
from resonaut.stats import signals


def features(folder, mass, weight=None, name="wprime"):
    """The features of a simulated dataset, and their manifest."""
    folder.mkdir(exist_ok=True)
    weight = np.ones(len(mass)) if weight is None else weight
    with h5py.File(folder / "000000.h5", "w") as file:
        file["events/mass"], file["events/gen_weight"] = mass, weight
        file.attrs.update({"kind": "features", "dataset": name, "label": name, "cut_flow": "{}"})
        file.attrs.update({"n_events": len(mass), "n_generated": len(mass), "sum_weights": weight.sum()})
    manifest.write(folder / "features.json", [folder / "000000.h5"])
    return folder / "features.json"


def test_masses_of_a_dataset_have_the_fractions_of_their_distribution(tmp_path):
    mass = np.random.default_rng(1).normal(3000.0, 90.0, 400_000)
    found = templates.read(
        SignalSettings(shape="dataset", dataset="wprime"), {"wprime": features(tmp_path / "f", mass)}
    )
    assert found.median == pytest.approx(3000, abs=0.5)
    window = Window(low=3600, high=4000)
    made = templates.make(
        SignalSettings(shape="dataset", dataset="wprime"), found, window, EDGES, energy_scale=0.02
    )
    wanted = signals.gaussian(EDGES, 3800.0, 114.0, 0.02)
    for name in ("nominal", "up", "down"):
        np.testing.assert_allclose(getattr(made, name), getattr(wanted, name), atol=3e-3)
    np.testing.assert_allclose(made.error, np.sqrt(made.nominal / 400_000), rtol=1e-3, atol=1e-9)
    fixed = SignalSettings(shape="dataset", dataset="wprime", rescale=False)
    stays = templates.make(fixed, found, window, EDGES, 0.0)
    np.testing.assert_allclose(stays.nominal, np.histogram(mass, EDGES)[0] / 400_000, atol=3e-5)
    assert stays.up is None


def test_weights_count(tmp_path):
    mass = np.array([3010.0, 3110.0, 3110.0, 9000.0])
    path = features(tmp_path / "f", mass, np.array([2.0, 1.0, -0.5, 1.5]))
    found = templates.read(SignalSettings(shape="dataset", dataset="wprime", rescale=False), {"wprime": path})
    made = found.signal(EDGES, 1.0, 0.0)
    assert found.total == 4.0
    assert made.nominal[[5, 6]] == pytest.approx([0.5, 0.125])
    assert made.nominal.sum() == pytest.approx(0.625)
    assert made.error[[5, 6]] == pytest.approx([0.5, np.sqrt(1.25) / 4])


@pytest.mark.parametrize(
    ("settings", "options", "error", "words"),
    [
        ({}, {}, ConfigError, r"infer.signal.dataset is 'wprime'; give wprime=MANIFEST"),
        ({"name": "zprime"}, {"given": True}, InputError, "manifest of 'zprime', 'wprime' is expected"),
        ({"weight": np.zeros(3)}, {"given": True}, EmptyFileError, "weights of 'wprime' sum to 0"),
    ],
)
def test_unusable_shapes_are_named(tmp_path, settings, options, error, words):
    path = features(tmp_path / "f", np.array([3000.0, 3100.0, 3200.0]), **settings)
    paths = {"wprime": path} if options else {}
    with pytest.raises(error, match=words):
        templates.read(SignalSettings(shape="dataset", dataset="wprime"), paths)
