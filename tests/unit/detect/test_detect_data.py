"""What a detector is given: the mixture, datasets besides it, constituents, and nothing else."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
from resonaut.detect import constituents, data
from resonaut.detect.data import Sources
from resonaut.detect.interface import Needs
from resonaut.errors import ConfigError, MissingBranchError

FIRST = Needs(features=("first",))


@pytest.fixture
def made(tmp_path, toy, files):
    """Paths of a mixture of 60 of 80 events of qcd and all 10 of wprime."""
    mixture, features, images = files(tmp_path, toy(80, 10))
    manifests = {name: manifest.read(path, "features") for name, path in features.items()}
    drawn = mixtures.draw("data", manifests, {"qcd": 60, "wprime": "all"}, 5, 0)
    mixtures.write(mixture, drawn, {})
    return mixture, features, images


def _read(made, needs, scan, context, **more):
    mixture, features, images = made
    return data.read(mixtures.read(mixture), needs, Sources(features, images), scan, context, **more)


def test_only_what_is_needed_is_there(made, scan, context) -> None:
    events = _read(made, FIRST, scan, context)
    assert list(events.features) == ["first"]
    assert events.images is None
    assert events.constituents is None
    assert events.is_signal is None
    assert dict(events.samples) == {}


def test_a_sample_is_the_whole_dataset_and_knows_what_the_mixture_holds(made, scan, context) -> None:
    needs = Needs(features=("first",), samples=("qcd",))
    events = _read(made, needs, scan, context)
    sample = events.samples["qcd"]
    assert (len(events), len(sample), int(sample.in_mixture.sum())) == (70, 80, 60)
    assert sample.label == "qcd"
    # An event has the same hash, and so the same fold, wherever it is read.
    held = set(sample.split_hash[sample.in_mixture].tolist())
    assert held < set(events.split_hash.tolist())
    assert not set(sample.split_hash[~sample.in_mixture].tolist()) & set(events.split_hash.tolist())
    by_hash = dict(zip(events.split_hash.tolist(), events.features["first"], strict=True))
    for key, value in zip(
        sample.split_hash[sample.in_mixture].tolist(),
        sample.features["first"][sample.in_mixture],
        strict=True,
    ):
        assert by_hash[key] == value
    np.testing.assert_array_equal(sample.regions, scan.regions(sample.mass))


def test_a_sample_of_another_dataset_holds_nothing_of_the_mixture(made, scan, context) -> None:
    mixture, features, _ = made
    manifests = {name: manifest.read(path, "features") for name, path in features.items()}
    mixtures.write(mixture, mixtures.draw("data", manifests, {"qcd": 60}, 5, 0), {})
    events = _read(made, Needs(features=("first",), samples=("wprime",)), scan, context)
    assert len(events) == 60
    assert not events.samples["wprime"].in_mixture.any()


def test_labels_are_the_truth_and_refused_where_there_is_none(made, scan, context) -> None:
    needs = Needs(features=("first",), labels=True)
    events = _read(made, needs, scan, context)
    assert int(events.is_signal.sum()) == 10
    mixture, features, _ = made
    manifests = {name: manifest.read(path, "features") for name, path in features.items()}
    drawn = dataclasses.replace(mixtures.draw("data", manifests, {"qcd": "all"}, 5, 0), labels=("",))
    mixtures.write(mixture, drawn, {})
    with pytest.raises(ConfigError, match=r"detect\.toy: it learns from the truth, and not all of .* qcd of"):
        _read(made, needs, scan, context)


def test_the_mass_is_added_to_a_feature(made, scan, context) -> None:
    plain = _read(made, FIRST, scan, context)
    shifted = _read(made, FIRST, scan, context, shift={"first": 0.1})
    np.testing.assert_allclose(shifted.features["first"], plain.features["first"] + 0.1 * plain.mass)


def test_constituents_are_cut_and_padded(tmp_path, toy, files) -> None:
    mixture, features, _ = files(tmp_path, toy(6, 2))
    drawn = mixtures.read(mixture)
    generator = np.random.default_rng(1)
    truth: dict[tuple[str, int, int], np.ndarray] = {}
    manifests = {name: manifest.read(path, "features") for name, path in features.items()}
    for name, entry in manifests.items():
        for number, path in enumerate(entry.chunks):
            with h5py.File(path, "a") as file:
                n_jets = 2 * len(file["events/mass"])
                counts = generator.integers(0, 6, n_jets)
                file["offsets"] = np.concatenate([[0], np.cumsum(counts)])
                flat = generator.normal(size=(counts.sum(), 3)).astype(np.float32)
                for column, key in enumerate(constituents.COLUMNS):
                    file[f"constituents/{key}"] = flat[:, column]
            start = 0
            for jet, count in enumerate(counts):
                truth[name, number, jet] = flat[start : start + count]
                start += count
    found = constituents.gather(drawn, manifests, 3)
    assert found.shape == (8, 2, 3, 3)
    for event in range(len(drawn)):
        name = drawn.datasets[drawn.dataset[event]]
        for jet in range(2):
            given = truth[name, int(drawn.chunk[event]), 2 * int(drawn.row[event]) + jet][:3]
            expected = np.zeros((3, 3), np.float32)
            expected[: len(given)] = given
            expected[: len(given), 0] = np.exp(given[:, 0])
            np.testing.assert_allclose(found[event, jet], expected, rtol=1e-6)


def test_clouds_without_a_column_are_named(tmp_path, toy, files) -> None:
    mixture, features, _ = files(tmp_path, toy(6, 2))
    manifests = {name: manifest.read(path, "features") for name, path in features.items()}
    with pytest.raises(MissingBranchError, match=r"no 'constituents/log_pt'\. Run `represent clouds` again"):
        constituents.gather(mixtures.read(mixture), manifests, 3)
