"""The writer of the event store: what a skipped file appended is taken back, and kinds of numbers stay."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import store
from resonaut.errors import MismatchError
from resonaut.events import Events


def everything(n_events: int, first: int) -> Events:
    """Events with columns in every group."""
    once, twice = np.arange(n_events + 1), 2 * np.arange(n_events + 1)
    number = np.arange(first, first + n_events)
    return Events(
        events={"event": number, "weights/up": number + 0.25},
        jets={"pt": np.repeat(number, 2) + 0.5},
        event_offsets=twice,
        constituents={"pt": np.repeat(number, 4) + 0.75},
        jet_offsets=2 * np.arange(2 * n_events + 1),
        gen_jets={"pt": number + 0.125},
        gen_jet_offsets=once,
        features={"x": number * 2.0},
        hits={"cell": np.repeat(number, 2).astype(np.int32)},
        hit_offsets=twice,
    )


def bare(n_events: int) -> Events:
    """Events of jets alone."""
    return Events({"event": np.arange(n_events)}, {"pt": np.ones(n_events)}, np.arange(n_events + 1))


def contents(path: Path) -> dict[str, list]:
    found: dict[str, list] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[:].tolist()} if hasattr(item, "dtype") else {})
        )
    return found


@pytest.mark.parametrize("rows", [4, 16_384])
@pytest.mark.parametrize("n_before", [0, 3])
def test_every_group_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, n_before: int
) -> None:
    monkeypatch.setattr(store, "_CHUNK_ROWS", rows)
    for name, with_broken in (("a", True), ("b", False)):
        with store.writing(tmp_path / f"{name}.h5", {}) as writer:
            if n_before:
                writer.append(everything(n_before, 0))
            if with_broken:
                mark = writer.mark()
                writer.append(everything(5, 100))
                writer.append(everything(6, 200))
                writer.rollback(mark)
            writer.append(everything(7, 50))
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "b.h5")
    with store.Store(tmp_path / "a.h5") as file:
        assert file.read(n_before).hits["cell"].tolist() == np.repeat(np.arange(50, 57), 2).tolist()


@pytest.mark.parametrize("rows", [4, 16_384])
def test_columns_of_a_skipped_first_file_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(store, "_CHUNK_ROWS", rows)
    with store.writing(tmp_path / "s.h5", {}) as writer:
        mark = writer.mark()
        writer.append(everything(9, 0), "broken.root")
        writer.rollback(mark)
        writer.append(bare(5), "good.root")
        with pytest.raises(MismatchError, match=r"other.root: has constituents/pt.* unlike good.root"):
            writer.append(everything(1, 0), "other.root")
    assert set(contents(tmp_path / "s.h5")) == {"events/event", "jets/pt", "jets/event_offsets"}
    with store.Store(tmp_path / "s.h5") as file:
        events = file.read()
    assert len(events) == 5
    assert events.constituents == events.gen_jets == events.features == events.hits == {}


def test_fractions_are_not_cut_off(tmp_path: Path) -> None:
    whole, fraction = bare(3), bare(3)
    whole.jets["q"], fraction.jets["q"] = np.arange(3), np.arange(3) + 0.5
    message = r"b.root: has floating-point and not whole numbers in jets/q, unlike a.root"
    with store.writing(tmp_path / "s.h5", {}) as writer:
        writer.append(whole, "a.root")
        with pytest.raises(MismatchError, match=message):
            writer.append(fraction, "b.root")
        # Single and double precision are one kind.
        narrow = bare(2)
        narrow.jets |= {"pt": np.ones(2, np.float32), "q": np.arange(2, dtype=np.int8)}
        writer.append(narrow, "c.root")
