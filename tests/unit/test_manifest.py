"""Manifests: sums over chunks, and messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import InputError, MissingFileError
from resonaut.files import sha256
from resonaut.store import creating


def chunk(path: Path, **changes: Any) -> Path:
    attributes = {
        "kind": "features",
        "dataset": "qcd",
        "label": "qcd",
        "n_events": 10,
        "n_generated": 100,
        "sum_weights": 50.5,
        "cross_section": 2.0,
        "cut_flow": {"read": 100, "b_cut": 60, "a_cut": 10},
        **changes,
    }
    with creating(path, {name: value for name, value in attributes.items() if value is not None}):
        pass
    return path


def test_sums(tmp_path: Path) -> None:
    first = chunk(tmp_path / "000" / "0.h5")
    second = chunk(tmp_path / "000" / "1.h5", n_events=20, n_generated=300, cross_section=4.0)
    assert main(["manifest", "--output", str(tmp_path / "m.json"), str(second), str(first)]) == 0
    found = manifest.read(tmp_path / "m.json", "features")
    assert found.chunks == (first, second)
    assert found.n_events == (10, 20)
    assert found.sum_weights == 101.0
    # each chunk's estimate counts by the events that it is made from
    assert found.cross_section == pytest.approx((2.0 * 100 + 4.0 * 300) / 400)
    assert list(found.cut_flow.items()) == [("read", 200), ("b_cut", 120), ("a_cut", 20)]
    raw = json.loads((tmp_path / "m.json").read_text())
    assert raw["n_generated"] == 400
    assert raw["chunks"][0] == {"path": "000/0.h5", "n_events": 10, "sha256": sha256(first)}


def test_a_folder_can_move(tmp_path: Path) -> None:
    chunk(tmp_path / "old" / "0.h5")
    manifest.write(tmp_path / "old" / "m.json", [tmp_path / "old" / "0.h5"])
    (tmp_path / "old").rename(tmp_path / "new")
    assert manifest.read(tmp_path / "new" / "m.json").chunks == (tmp_path / "new" / "0.h5",)


def test_unknown_cross_section(tmp_path: Path) -> None:
    manifest.write(tmp_path / "m.json", [chunk(tmp_path / "0.h5", cross_section=None)])
    assert manifest.read(tmp_path / "m.json").cross_section is None


@pytest.mark.parametrize("change", [{"kind": "images"}, {"dataset": "wprime"}, {"label": "wprime"}])
def test_mixed_chunks(tmp_path: Path, change: dict) -> None:
    files = [chunk(tmp_path / "0.h5"), chunk(tmp_path / "1.h5", **change)]
    with pytest.raises(InputError, match=r"m.json: chunks of one dataset and one kind are expected, got"):
        manifest.write(tmp_path / "m.json", files)
    assert not (tmp_path / "m.json").exists()


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent.h5: no such file"):
        manifest.write(tmp_path / "m.json", [tmp_path / "absent.h5"])
    with pytest.raises(
        InputError, match=r"0.h5: no chunk of a dataset: the attributes n_events, cut_flow are absent"
    ):
        manifest.write(tmp_path / "m.json", [chunk(tmp_path / "0.h5", n_events=None, cut_flow=None)])
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError, match=r"x.json: a manifest is expected"):
        manifest.read(tmp_path / "x.json")
    manifest.write(tmp_path / "m.json", [chunk(tmp_path / "1.h5")])
    with pytest.raises(InputError, match="a manifest of 'clouds' is expected, got 'features'"):
        manifest.read(tmp_path / "m.json", "clouds")
