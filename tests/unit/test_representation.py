"""Chunks must be made alike, and a network refuses what was made otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from resonaut import manifest
from resonaut.errors import CorruptFileError, InputError, MismatchError
from resonaut.files import canonical_json
from resonaut.representation import read_settings, require_one_channel, require_same

CLOUDS = {"n_jets": 2, "selection": {"mass_min": 1000.0}, "clouds": {"n_constituents_max": 100}}


def chunk(path: Path, settings: Any, kind: str = "clouds") -> Path:
    with h5py.File(path, "w") as file:
        counts = {"n_events": 3, "n_generated": 3, "sum_weights": 3.0}
        file.attrs.update({"kind": kind, "dataset": "qcd", "label": "qcd", "cut_flow": "{}", **counts})
        if settings is not None:
            file.attrs["settings"] = settings if isinstance(settings, str) else canonical_json(settings)
    return path


def test_section_of_the_kind_and_number_of_jets(tmp_path):
    made = read_settings(chunk(tmp_path / "a.h5", CLOUDS))
    assert made == {"n_constituents_max": 100, "n_jets": 2}
    features = {**CLOUDS, "features": {"radius": 1.0}}
    assert read_settings(chunk(tmp_path / "b.h5", features, "features")) == {"n_jets": 2, "radius": 1.0}
    assert read_settings(chunk(tmp_path / "c.h5", None)) == {}
    assert read_settings() == {}


def test_manifests_of_equal_chunks_with_other_selections(tmp_path):
    other = {**CLOUDS, "selection": {"mass_min": 2000.0}}
    paths = [chunk(tmp_path / "a.h5", CLOUDS), chunk(tmp_path / "b.h5", other)]
    manifest.write(tmp_path / "m.json", paths)
    assert read_settings(manifest.read(tmp_path / "m.json")) == {"n_constituents_max": 100, "n_jets": 2}


def test_chunks_without_events_count_only_where_all_are(tmp_path):
    """A chunk whose files were all skipped does not know that it is one of a table."""
    table = {"selection": {}, "features": {}}
    paths = [chunk(tmp_path / "a.h5", {**CLOUDS, "features": {"radius": 1.0}}, "features")]
    with h5py.File(paths[0], "a") as file:
        file.attrs["n_events"] = 0
    assert read_settings(*paths) == {"n_jets": 2, "radius": 1.0}
    paths.append(chunk(tmp_path / "b.h5", table, "features"))
    assert read_settings(*paths) == read_settings(*paths[::-1]) == {}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"n_jets": 1}, r"\{'n_jets': 1\}, but .*a\.h5 was made with \{'n_jets': 2\}"),
        ({"clouds": {"n_constituents_max": 50}}, r"\{'n_constituents_max': 50\}, but .*a\.h5 .*100\}"),
        ({"clouds": {}}, r"\{'n_constituents_max': 'absent'\}, but .*a\.h5 .*100\}"),
    ],
)
def test_both_files_and_the_keys_that_differ_are_named(tmp_path, change, shown):
    paths = [chunk(tmp_path / "a.h5", CLOUDS), chunk(tmp_path / "b.h5", {**CLOUDS, **change})]
    with pytest.raises(MismatchError, match=rf"b\.h5: clouds made with {shown}.*Run `represent clouds`"):
        read_settings(*paths)
    assert issubclass(MismatchError, InputError)


def test_a_network_names_what_it_was_trained_on():
    require_same({"a": 1, "b": [2]}, "c.json", {"b": [2], "a": 1}, "w.safetensors", "images", trained=True)
    message = r"c\.json: images made with \{'b': 3\}, but w\.safetensors was trained on .*2.* or train again"
    with pytest.raises(MismatchError, match=message):
        require_same({"a": 1, "b": 3}, "c.json", {"a": 1, "b": 2}, "w.safetensors", "images", trained=True)


@pytest.mark.parametrize("text", ["{", "[1]", '"text"', '{"clouds": 5}'])
def test_settings_that_are_no_mapping(tmp_path, text):
    with pytest.raises(CorruptFileError, match=r"a\.h5: the attribute 'settings' is not a JSON mapping"):
        read_settings(chunk(tmp_path / "a.h5", text))


def test_one_channel():
    require_one_channel({}, "i.json", "detect.autoencoder")
    require_one_channel({"channels": ["charged"]}, "i.json", "detect.autoencoder")
    with pytest.raises(
        InputError, match=r"i\.json: images of 2 channels \(pt, charged\), but detect\.x takes one"
    ):
        require_one_channel({"channels": ["pt", "charged"]}, "i.json", "detect.x")
