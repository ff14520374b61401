"""Faulty and repeated events, files that cannot be read, classes: counts are conserved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.cli import main
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, MismatchError
from resonaut.filelist import InputFile
from resonaut.ingest.batch import Batch, Ragged
from resonaut.ingest.convert import convert
from resonaut.ingest.preselect import Seen, of_classes
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.store import Store


def task(on_bad_file: str = "fail", **ingest: Any) -> IngestTask:
    raw = {"dataset": "toy", "on_bad_file": on_bad_file, "ingest": {"preselection": {}, **ingest}}
    return validate(IngestTask, raw)


def spoil(sample: Any, column: str, event: int, value: float) -> Any:
    """Replace the second candidate of an event."""
    counts = np.array(ak.num(sample.candidates[column]))
    flat = np.array(ak.flatten(sample.candidates[column]))
    flat[counts[:event].sum() + 1] = value
    sample.candidates[column] = ak.unflatten(flat, counts)
    return sample


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    with Store(path) as store:
        return store.read(), store.attributes


@pytest.mark.parametrize(
    ("column", "value"),
    [("pt", np.nan), ("pt", -5.0), ("eta", np.inf), ("phi", np.nan), ("mass", -np.inf), ("pt", 2e6)],
)
def test_faulty_events_are_rejected_and_counted(
    tmp_path: Path, write: Any, sample: Any, column: str, value: float
) -> None:
    clean, broken = sample(6), spoil(spoil(sample(6), column, 1, value), column, 4, value)
    source = str(write(tmp_path / "broken.root", broken))
    with pytest.raises(BadValueError, match=rf"{column} of particles is {value} in entry 1; finite values"):
        convert([source], tmp_path / "no.h5", task())
    assert not (tmp_path / "no.h5").exists()
    done = convert([source], tmp_path / "s.h5", task(on_bad_event="reject", step_events=4))
    assert done.flow["read"] == 6
    assert done.flow["ingest_good"] == 4
    assert done.counts.rejected == {"fault": 2, "duplicate": 0}
    convert([str(write(tmp_path / "clean.root", clean))], tmp_path / "c.h5", task())
    kept, whole = read(tmp_path / "s.h5")[0], read(tmp_path / "c.h5")[0]
    np.testing.assert_array_equal(kept.events["event"], whole.events["event"][[0, 2, 3, 5]])
    np.testing.assert_array_equal(kept.events["mass"], whole.events["mass"][[0, 2, 3, 5]])


def test_zero_angles_are_legal(tmp_path: Path, write: Any, sample: Any) -> None:
    toy = spoil(spoil(sample(2), "eta", 0, 0.0), "phi", 1, 0.0)
    convert(
        [str(write(tmp_path / "t.root", toy))], tmp_path / "s.h5", task(jets={"pt_min": 0, "n_max": None})
    )
    events, _ = read(tmp_path / "s.h5")
    assert (events.constituents["eta"] == 0).sum() == 1
    assert (events.constituents["phi"] == 0).sum() == 1
    assert len(events.constituents["pt"]) == len(ak.flatten(toy.candidates["pt"]))


def test_repeated_events(tmp_path: Path, write: Any, sample: Any) -> None:
    paths = [str(write(tmp_path / f"{name}.root", sample(5))) for name in "ab"]
    with pytest.raises(BadValueError, match=r"b.root: the event 1:3:1 \(run:lumi:event; entry 0\) was read"):
        convert(paths, tmp_path / "s.h5", task())
    rejected = convert(paths, tmp_path / "s.h5", task(duplicates="reject", step_events=2))
    assert rejected.counts.rejected == {"fault": 0, "duplicate": 5}
    assert (rejected.flow["read"], rejected.flow["ingest_good"]) == (10, 5)
    kept = convert(paths, tmp_path / "t.h5", task(duplicates="keep"))
    assert kept.flow["ingest_good"] == 10


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12))
def test_seen_is_a_set(batches: list[list[int]]) -> None:
    seen, known = Seen(), set()
    for numbers in batches:
        event = np.array(numbers, np.int64)
        again = seen.add({"run": event * 0 + 1, "lumi": event * 0, "event": event})
        expected, inside = [], set()
        for number in numbers:
            expected.append(number in known or number in inside)
            inside.add(number)
        # Which of two equal events of one batch is the repeated one does not matter.
        assert again.sum() == sum(expected)
        assert all(number in known or numbers.count(number) > 1 for number in event[again])
        known |= inside


def test_a_file_that_breaks_off_is_taken_back(tmp_path: Path, write: Any, sample: Any) -> None:
    good, other = sample(8, seed=1), sample(8, seed=2)
    other.candidates = {name: values[::-1] for name, values in other.candidates.items()}
    broken = spoil(sample(8, seed=3), "pt", 6, np.nan)
    paths = [str(write(tmp_path / f"{n}.root", s)) for n, s in (("a", good), ("b", broken), ("c", other))]
    with pytest.raises(BadValueError, match=r"b.root: pt of particles is nan in entry 6"):
        convert(paths, tmp_path / "no.h5", task(duplicates="keep", step_events=2))
    files = [InputFile(paths[0]), InputFile(paths[1], n_events=8), InputFile(paths[2])]
    done = convert(files, tmp_path / "s.h5", task("skip", duplicates="keep", step_events=2))
    convert([paths[0], paths[2]], tmp_path / "e.h5", task(duplicates="keep"))
    (events, attributes), (expected, _) = read(tmp_path / "s.h5"), read(tmp_path / "e.h5")
    assert done.flow["read"] == 16
    for group in ("events", "jets", "constituents", "gen_jets"):
        for name, values in getattr(expected, group).items():
            np.testing.assert_array_equal(getattr(events, group)[name], values, err_msg=f"{group}/{name}")
    [skipped] = json.loads(attributes["skipped_files"])
    assert skipped["path"] == paths[1]
    assert skipped["n_events"] == 8
    assert "pt of particles is nan in entry 6" in skipped["reason"]


def test_every_file_may_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "x.root").write_bytes(b"rootrootroot")
    with pytest.raises(CorruptFileError):
        convert([str(tmp_path / "x.root")], tmp_path / "s.h5", task())
    done = convert([str(tmp_path / "x.root")], tmp_path / "s.h5", task("skip"))
    assert len(done.skipped) == 1
    events, attributes = read(tmp_path / "s.h5")
    assert len(events) == 0
    assert attributes["n_events"] == 0
    assert set(events.jets) == {"pt", "eta", "phi", "mass"}
    for kind in ("features", "images", "clouds"):
        arguments = ["--settings", "{}", "--input", str(tmp_path / "s.h5")]
        assert main(["represent", kind, *arguments, "--output", str(tmp_path / f"{kind}.h5")]) == 0


def test_mixed_versions_are_refused(tmp_path: Path, write: Any, sample: Any) -> None:
    old = sample(4, seed=4)
    del old.candidates["d0"]
    paths = [str(write(tmp_path / "new.root", sample(4))), str(write(tmp_path / "old.root", old))]
    with pytest.raises(MismatchError, match=r"old.root: lacks constituents/d0, unlike .*new.root"):
        convert(paths, tmp_path / "s.h5", task(duplicates="keep"))


def test_changed_file_is_named(tmp_path: Path, write: Any, sample: Any) -> None:
    path = write(tmp_path / "a.root", sample(4))
    entry = InputFile(str(path), size=path.stat().st_size + 1)
    with pytest.raises(CorruptFileError, match=r"a.root"):
        convert([entry], tmp_path / "s.h5", task())
    skipped = convert([entry], tmp_path / "s.h5", task("skip")).skipped
    assert [item.path for item in skipped] == [str(path)]


def test_classes() -> None:
    label = np.array([0, 2, 1, 2], np.int32)
    jets = Ragged({"pt": np.arange(4.0)}, np.array([0, 1, 2, 3, 4]))
    events = {"event": np.arange(4), "label": label, "gen_weight": np.array([1.0, 2.0, 4.0, 8.0])}
    chosen, counts = of_classes(Batch(events, 0, jets=jets), np.array([2]))
    assert chosen.events["event"].tolist() == [1, 3]
    assert chosen.jets.columns["pt"].tolist() == [1.0, 3.0]
    assert (counts.flow, counts.n_generated, counts.sum_weights) == ({"ingest_class": 2}, 2, 10.0)


def test_classes_of_a_file_without_truth(tmp_path: Path, simulated: Path) -> None:
    wanted = validate(IngestTask, {"dataset": "toy", "classes": ["top"]})
    with pytest.raises(ConfigError, match=r"classes: no class 'top'"):
        convert([str(simulated)], tmp_path / "s.h5", wanted)


def test_the_cut_flow_is_printed(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    assert main(["ingest", str(simulated), "--output", str(tmp_path / "s.h5")]) == 0
    printed = capsys.readouterr().out
    rows = dict(line.split() for line in printed.splitlines() if line.startswith("  "))
    assert rows["generated"] == "80"
    assert rows["read"] == rows["ingest_good"] == rows["ingest_mass"] == "40"


def table(path: Path, **columns: Any) -> str:
    rows = np.zeros(len(columns["mass"]), [(name, "f8") for name in columns])
    for name, values in columns.items():
        rows[name] = values
    np.save(path, rows)
    return str(path)


def of_table(on_bad_file: str = "fail", **ingest: Any) -> IngestTask:
    options = {"mass": "mass", "weight": "w"}
    raw = {"dataset": "toy", "reader": "table", "options": options, "on_bad_file": on_bad_file}
    return validate(IngestTask, {**raw, "ingest": ingest})


def test_the_sum_of_weights_is_that_of_events_that_are_there_once(tmp_path: Path) -> None:
    weights, more = np.array([0.5, -1.0, 3.0]), np.array([2.0, 8.0])
    one = table(tmp_path / "a.npy", mass=[1.0, 2.0, 3.0], w=weights)
    (tmp_path / "copy.npy").write_bytes((tmp_path / "a.npy").read_bytes())
    other = table(tmp_path / "b.npy", mass=[1.0, 2.0], w=more)
    convert([one, str(tmp_path / "copy.npy"), other], tmp_path / "s.h5", of_table(duplicates="reject"))
    events, attributes = read(tmp_path / "s.h5")
    assert events.events["gen_weight"].sum() == attributes["sum_weights"] == 12.5
    assert attributes["n_generated"] == len(events) == 5
    assert json.loads(attributes["cut_flow"])["generated"] == 8
    convert([one, str(tmp_path / "copy.npy")], tmp_path / "k.h5", of_table(duplicates="keep"))
    assert read(tmp_path / "k.h5")[1]["sum_weights"] == 5.0


def test_of_a_skim_that_is_there_twice_all_is_taken_off(tmp_path: Path, write: Any, sample: Any) -> None:
    # 10 of 20 generated events are in each file, whose sum of weights is of the 20.
    paths = [str(write(tmp_path / f"{name}.root", sample(10))) for name in "ab"]
    convert(paths[:1], tmp_path / "one.h5", task())
    convert(paths, tmp_path / "two.h5", task(duplicates="reject"))
    one, two = read(tmp_path / "one.h5")[1], read(tmp_path / "two.h5")[1]
    for name in ("n_generated", "sum_weights", "n_events"):
        assert one[name] == two[name], name


def test_a_weight_that_is_no_number_spoils_no_sum(tmp_path: Path) -> None:
    path = table(tmp_path / "a.npy", mass=[1.0, 2.0, 3.0], w=[0.5, np.nan, 2.0])
    convert([path], tmp_path / "s.h5", of_table(on_bad_event="reject"))
    assert read(tmp_path / "s.h5")[1]["sum_weights"] == 2.5
    assert main(["manifest", "--output", str(tmp_path / "m.json"), str(tmp_path / "s.h5")]) == 0
    assert json.loads((tmp_path / "m.json").read_text())["sum_weights"] == 2.5


def test_a_table_that_is_skipped_is_a_table(tmp_path: Path) -> None:
    convert([str(tmp_path / "absent.npy")], tmp_path / "s.h5", of_table("skip"))
    events, attributes = read(tmp_path / "s.h5")
    assert (attributes["level"], attributes["resonant_variable"]) == ("table", "mass")
    assert events.jets == {}


def test_files_of_equal_rows_have_events_of_their_own(tmp_path: Path) -> None:
    names = set()
    for number in range(20):
        path = table(tmp_path / f"{number}.npy", mass=[1.0 + number], w=[1.0])
        convert([path], tmp_path / "s.h5", of_table())
        names.add(int(read(tmp_path / "s.h5")[0].events["lumi"][0]))
    # Of 28 bits, as once, two of 5000 files share a number in one data set of twenty.
    assert len(names) == 20
    assert max(names) > 2**50


@pytest.mark.parametrize(
    ("group", "name", "values"),
    [
        ("jets", "phi", np.array([3.2, -999.0])),
        ("constituents", "phi", np.array([6.3, 1e20])),
        ("jets", "n_tracks", np.array([2**31 - 1, 2**31])),
        ("jets", "bits", np.array([7, 2**63], np.uint64)),
        ("constituents", "charge", np.array([-3, -128], np.int8)),
        ("constituents", "charge", np.array([1, 255], np.uint8)),
    ],
)
def test_values_that_no_store_can_hold(group: str, name: str, values: np.ndarray) -> None:
    columns = {"pt": np.ones(2), name: values}
    item, bare = Ragged(columns, np.arange(3)), Ragged({"pt": np.ones(2)}, np.arange(3))
    events = {"event": np.arange(2), "gen_weight": np.ones(2)}
    groups = {"jets": item} if group == "jets" else {"jets": bare, "constituents": item}
    wrong, lines = Batch(events, 5, **groups).faults()
    assert wrong.tolist() == [False, True]
    assert lines == [f"{name} of {group} is {values[1]} in entry 6"]
