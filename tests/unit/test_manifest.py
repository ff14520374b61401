"""Manifests: sums over chunks, and messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import BadValueError, InputError, MismatchError, MissingFileError
from resonaut.files import sha256
from resonaut.store import creating


def chunk(path: Path, columns: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
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
    with creating(path, {name: value for name, value in attributes.items() if value is not None}) as file:
        for name, values in (columns or {}).items():
            file[name] = values
    return path


def store(path: Path, event: list[int], duplicates: str = "fail") -> Path:
    ids = {"run": np.ones(len(event), np.int64), "lumi": np.zeros(len(event), np.int64), "event": event}
    columns = {f"events/{name}": np.array(values, np.int64) for name, values in ids.items()}
    settings = {"ingest": {"duplicates": duplicates}}
    return chunk(path, columns, kind="store", n_events=len(event), settings=settings)


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


def test_an_empty_chunk_does_not_change_the_order_of_the_cuts(tmp_path: Path) -> None:
    # Of a chunk whose files were all skipped nothing is known but what `represent` counts.
    skipped = chunk(tmp_path / "0.h5", n_events=0, cut_flow={"generated": 0, "represent_mass": 0})
    flow = {"generated": 9, "read": 8, "ingest_good": 7, "represent_mass": 6}
    found = manifest.write(tmp_path / "m.json", [skipped, chunk(tmp_path / "1.h5", cut_flow=flow)])
    assert list(found["cut_flow"].items()) == list(flow.items())


@pytest.mark.parametrize("duplicates", ["fail", "reject"])
def test_an_event_in_two_chunks(tmp_path: Path, duplicates: str) -> None:
    files = [store(tmp_path / f"{n}.h5", e, duplicates) for n, e in enumerate([[1, 2], [3, 4], [5, 2]])]
    manifest.write(tmp_path / "m.json", files[:2])
    with pytest.raises(BadValueError, match=r"1 events of dataset 'qcd' were.* .*0.h5 and .*2.h5. Remove"):
        manifest.write(tmp_path / "m.json", files)
    kept = [store(tmp_path / f"k{n}.h5", [1, 2], "keep") for n in range(2)]
    assert manifest.write(tmp_path / "m.json", kept)["n_events"] == 4


def test_chunks_of_other_columns_or_kinds(tmp_path: Path) -> None:
    whole, fraction = {"jets/q": np.arange(10)}, {"jets/q": np.linspace(0, 1, 10)}
    first, more = chunk(tmp_path / "0.h5", whole), chunk(tmp_path / "1.h5", {**whole, "jets/pt": np.ones(10)})
    with pytest.raises(MismatchError, match=r"1.h5 and .*0.h5 are .* only one of them has jets/pt. Its"):
        manifest.write(tmp_path / "m.json", [first, more])
    # Columns of several chunks are gathered into one array: the fractions would be cut off.
    with pytest.raises(MismatchError, match=r"numbers of different kinds .* in jets/q. Its files"):
        manifest.write(tmp_path / "m.json", [first, chunk(tmp_path / "2.h5", fraction)])
    # A chunk without events has the columns that every chunk has, and no more.
    empty = chunk(tmp_path / "3.h5", {"jets/pt": np.zeros(0)}, n_events=0)
    assert manifest.write(tmp_path / "m.json", [empty, first])["n_events"] == 10


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
