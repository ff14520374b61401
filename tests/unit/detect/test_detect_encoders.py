"""Features of a tagger's encoder beside plain ones: the right rows, and no tagger that knows the events."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from resonaut import encoded, manifest, mixtures
from resonaut.detect import data
from resonaut.detect.data import Sources
from resonaut.detect.interface import Needs
from resonaut.errors import ConfigError, MismatchError

FEATURES = ("first", "pfn:0_j1", "pfn:3_j2")


def encode(folder, features, *, learnt_from=("elsewhere",), spoil=None):
    """Files as of `tag encode`, whose columns are functions of the event's number."""
    found = {}
    for name, path in features.items():
        chunks = []
        for chunk in manifest.read(path).chunks:
            chunks.append(folder / "encoded" / name / chunk.name)
            chunks[-1].parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(chunk) as source, h5py.File(chunks[-1], "w") as file:
                file.attrs.update(source.attrs)
                file.attrs["settings"] = json.dumps({"features": {"tagger": "pfn"}})
                file.attrs["learnt_from"] = json.dumps(list(learnt_from))
                for key in ("run", "lumi", "event", "mass"):
                    file[f"events/{key}"] = source[f"events/{key}"][:]
                file["events/pfn_0_j1"] = np.sqrt(source["events/event"][:]).astype(np.float32)
                file["events/pfn_3_j2"] = -source["events/event"][:].astype(np.float32)
                if spoil is not None:
                    spoil(file)
        found[f"pfn/{name}"] = folder / "encoded" / f"{name}.json"
        manifest.write(found[f"pfn/{name}"], chunks)
    return found


@pytest.fixture
def read(files, toy, tmp_path, scan, context):
    """Read the features of a mixture, whose encoded ones are made by `encode(**options)`."""
    mixture_path, features, _ = files(tmp_path, toy(300, 40))

    def run(names=FEATURES, samples=(), **options):
        sources = Sources(features=features, encoded=encode(tmp_path, features, **options))
        mixture = mixtures.read(mixture_path)
        manifests = {name: manifest.read(path) for name, path in features.items()}
        event = mixtures.gather(mixture, manifests, ["events/event"])["events/event"]
        return data.read(mixture, Needs(names, samples=samples), sources, scan, context), event

    return run


def test_every_event_has_its_own_values(read):
    found, event = read()
    assert list(found.features) == list(FEATURES)
    np.testing.assert_array_equal(found.features["pfn:0_j1"], np.sqrt(event).astype(np.float32))
    np.testing.assert_array_equal(found.features["pfn:3_j2"], -event.astype(np.float32))


def test_samples_have_them_too(read):
    found, _ = read(samples=("wprime",))
    sample = found.samples["wprime"]
    np.testing.assert_array_equal(np.sort(-sample.features["pfn:3_j2"]), np.arange(300, 340))


def test_a_tagger_that_learnt_from_the_searched_events_is_refused(read):
    with pytest.raises(ConfigError, match=r"'pfn' learnt from 'qcd' with labels, and mixture 'data' holds"):
        read(learnt_from=("qcd",))


def test_files_of_other_events_are_refused(read):
    def shifted(file):
        file["events/event"][:] = np.roll(file["events/event"][:], 1)

    with pytest.raises(
        MismatchError, match=r"other events than those of mixture 'data'. Run `tag encode` again"
    ):
        read(spoil=shifted)


def test_columns_and_manifests_that_are_absent(read, files, toy, tmp_path, scan, context):
    with pytest.raises(ConfigError, match=r"no column 'pfn_4_j1' in .*Did you mean 'pfn_0_j1'"):
        read(names=("pfn:4_j1",))
    with pytest.raises(
        ConfigError, match=r"--encoded: detect\.toy needs 'cnn/qcd' .* give --encoded cnn/qcd="
    ):
        read(names=("cnn:0_j1",))


@pytest.mark.parametrize("name", ["pfn:", "pfn:a_j1", "pfn:0_j3", "Pfn:0", "pfn:0:1"])
def test_names_that_mean_nothing(name):
    with pytest.raises(ValueError, match=r"names no component of a tagger's latent space"):
        encoded.parse(name)


def test_names():
    assert encoded.parse("tau21_j1") is None
    assert encoded.parse("my_net:12_j2") == encoded.Encoded("my_net", 12, "my_net_12_j2")
    assert encoded.parse("dense:0") == encoded.Encoded("dense", 0, "dense_0")
