"""The same events as TTree and as RNTuple give the same batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut import registry
from resonaut.errors import EmptyFileError, MissingBranchError
from resonaut.ingest.contents import contents_of, find_reader
from resonaut.ingest.rootfile import open_root, require, top_names, tree_of, trees

N_EVENTS = 40


def write_rntuple(path: Path, tree: Path, n_events: int = N_EVENTS) -> Path:
    """Copy the trees of a file as RNTuples, in clusters of 15 events."""
    with uproot.open(tree) as source, uproot.recreate(path) as file:
        events = source["Events"].arrays(entry_stop=n_events)
        # In RNTuples a list knows its own length: there are no counters.
        columns = {name: events[name] for name in events.fields if not name.startswith("n")}
        if n_events:
            file.mkrntuple("Events", {name: values[:15] for name, values in columns.items()})
            for start in range(15, n_events, 15):
                file["Events"].extend({name: v[start : start + 15] for name, v in columns.items()})
        else:
            file.mkrntuple("Events", columns)
        runs = source["Runs"].arrays()
        file.mkrntuple("Runs", {name: runs[name] for name in runs.fields})
    return path


@pytest.fixture(scope="module")
def rntuple(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rntuple(tmp_path_factory.mktemp("rntuple") / "dijets.root", simulated)


def batches(path: Path, step: int) -> tuple[str, Any, list[Any]]:
    """Name of the reader found, what it says of the sample, its batches."""
    with open_root(str(path)) as file:
        name = find_reader(contents_of(file, str(path), "root"), "auto")
        reader = registry.build("ingest", name, {})
        return name, reader.info(file, str(path)), list(reader.batches(file, str(path), None, step))


def test_names(simulated: Path, rntuple: Path) -> None:
    with open_root(str(rntuple)) as file:
        found = trees(file, "f")
        assert file.classnames() == {"Events;1": "ROOT::RNTuple", "Runs;1": "ROOT::RNTuple"}
        assert list(found) == ["Events", "Runs"]
        names = top_names(found["Events"])
        assert found["Events"].num_entries == N_EVENTS
    with open_root(str(simulated)) as file:
        assert top_names(trees(file, "f")["Events"]) - {"nPFCand"} == names


@pytest.mark.parametrize("step", [7, 15, 1000])
def test_equal_batches(simulated: Path, rntuple: Path, step: int) -> None:
    (name, info, expected), (same, info_of_rntuple, found) = batches(simulated, step), batches(rntuple, step)
    assert name == same == "resonaut"
    assert info == info_of_rntuple
    assert len(found) == len(expected) == -(-N_EVENTS // step)
    for one, other in zip(expected, found, strict=True):
        assert one.first_entry == other.first_entry
        np.testing.assert_array_equal(one.particles.offsets, other.particles.offsets)
        for left, right in ((one.events, other.events), (one.particles.columns, other.particles.columns)):
            assert list(left) == list(right)
            for column, values in left.items():
                assert values.dtype == right[column].dtype
                np.testing.assert_array_equal(values, right[column])


def test_records_are_one_name(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "r.root") as file:
        record = ak.zip({"pt": ak.Array([[1.0, 2.0], []]), "eta": ak.Array([[0.5, 0.25], []])})
        file.mkrntuple("Events", {"Jet": record, "run": np.array([1, 2])})
    with open_root(str(tmp_path / "r.root")) as file:
        assert top_names(tree_of(file, "r.root", "Events")) == {"Jet", "run"}


def test_errors(rntuple: Path, simulated: Path, tmp_path: Path) -> None:
    with open_root(str(rntuple)) as file:
        with pytest.raises(MissingBranchError, match=r"f: no tree 'Event'. Did you mean 'Events'?"):
            tree_of(file, "f", "Event")
        tree = tree_of(file, "f", "Events")
        with pytest.raises(MissingBranchError, match=r"no branch 'PFCand_ptt'. Did you mean 'PFCand_pt'?"):
            require("f", "Events", ["PFCand_ptt"], top_names(tree))
    empty = write_rntuple(tmp_path / "empty.root", simulated, 0)
    with (
        open_root(str(empty)) as file,
        pytest.raises(EmptyFileError, match="the tree 'Events' has 0 events"),
    ):
        tree_of(file, "f", "Events")
