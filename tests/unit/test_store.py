"""The event store: what is written is what is read, whole or by slices, and broken files are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut import ragged, store
from resonaut.errors import (
    BadValueError,
    CorruptFileError,
    InputError,
    MismatchError,
    MissingBranchError,
    MissingFileError,
    OutputError,
)
from resonaut.events import Events

ATTRIBUTES = {"dataset": "toy", "cut_flow": {"read": 9, "a_cut": 5}}


def events_of(n_events: int, seed: int = 0, gen: bool = True) -> Events:
    random = np.random.default_rng(seed)
    n_jets = random.integers(0, 4, n_events)
    n_constituents = random.integers(0, 6, n_jets.sum())
    n_gen = random.integers(0, 3, n_events)

    def columns(number: int, *names: str) -> dict[str, np.ndarray]:
        return {name: random.normal(size=number).astype(np.float32) for name in names}

    return Events(
        events={"event": np.arange(n_events), "mass": random.normal(size=n_events)},
        jets=columns(n_jets.sum(), "pt", "eta"),
        event_offsets=ragged.offsets_of(n_jets),
        constituents=columns(n_constituents.sum(), "pt", "phi"),
        jet_offsets=ragged.offsets_of(n_constituents),
        gen_jets=columns(n_gen.sum(), "pt") if gen else {},
        gen_jet_offsets=ragged.offsets_of(n_gen) if gen else np.zeros(1, np.int64),
    )


def write(path: Path, events: Events, cuts: list[int]) -> Path:
    """Write `events` in slices that end at `cuts`."""
    with store.writing(path, ATTRIBUTES) as writer:
        for first, last in zip([0, *cuts], [*cuts, len(events)], strict=True):
            mask = np.zeros(len(events), bool)
            mask[first:last] = True
            writer.append(events.select(mask))
    return path


def flat(events: Events) -> Iterator[tuple[str, np.ndarray]]:
    for group in ("events", "jets", "constituents", "gen_jets"):
        for name, values in getattr(events, group).items():
            yield f"{group}/{name}", values
    for name in ("event_offsets", "jet_offsets", "gen_jet_offsets"):
        yield name, getattr(events, name)


def assert_equal(first: Events, second: Events) -> None:
    one, two = dict(flat(first)), dict(flat(second))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
        assert one[name].dtype == two[name].dtype


@pytest.mark.parametrize("cuts", [[], [1], [4, 4, 11], list(range(1, 30))])
def test_round_trip_whatever_the_slices(tmp_path: Path, cuts: list[int]) -> None:
    events = events_of(30)
    with store.Store(write(tmp_path / "s.h5", events, cuts)) as back:
        assert len(back) == 30
        assert_equal(back.read(), events)


def test_slices_do_not_show_in_the_bytes(tmp_path: Path) -> None:
    events = events_of(30)
    write(tmp_path / "a.h5", events, [])
    write(tmp_path / "b.h5", events, [3, 17])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_more_rows_than_a_chunk(tmp_path: Path) -> None:
    number = 40_000
    events = Events({"event": np.arange(number)}, {"pt": np.arange(number) * 0.5}, np.arange(number + 1))
    with store.Store(write(tmp_path / "s.h5", events, [10_000, 20_000, 39_999])) as back:
        found = back.read()
    np.testing.assert_array_equal(found.events["event"], events.events["event"])
    np.testing.assert_array_equal(found.jets["pt"], events.jets["pt"])
    np.testing.assert_array_equal(found.event_offsets, events.event_offsets)


@given(st.integers(0, 30), st.integers(0, 30))
@hypothesis_settings(max_examples=30, deadline=None)
def test_a_slice_is_a_selection(tmp_path_factory: pytest.TempPathFactory, start: int, stop: int) -> None:
    events = events_of(30)
    path = tmp_path_factory.mktemp("store") / "s.h5"
    start, stop = min(start, stop), max(start, stop)
    mask = np.zeros(30, bool)
    mask[start:stop] = True
    with store.Store(write(path, events, [])) as back:
        assert_equal(back.read(start, stop), events.select(mask))


def test_slices_cover_the_store(tmp_path: Path) -> None:
    events = events_of(30)
    with store.Store(write(tmp_path / "s.h5", events, [])) as back:
        parts = list(back.slices(7))
    assert [len(part) for part in parts] == [7, 7, 7, 7, 2]
    joined = np.concatenate([part.constituents["phi"] for part in parts])
    np.testing.assert_array_equal(joined, events.constituents["phi"])


def test_some_columns_only(tmp_path: Path) -> None:
    with store.Store(write(tmp_path / "s.h5", events_of(9), [])) as back:
        assert set(back.read(constituents=["pt"]).constituents) == {"pt"}
        assert back.read(with_constituents=False).constituents == {}
        with pytest.raises(MissingBranchError, match=r"no constituents/ptt. Did you mean 'pt'\?"):
            back.read(constituents=["ptt"])


def test_absent_is_absent(tmp_path: Path) -> None:
    events = events_of(9, gen=False)
    with store.Store(write(tmp_path / "s.h5", events, [])) as back:
        assert back.read().gen_jets == {}
        assert "gen_jets" not in back


def test_keep_jets_keeps_events(tmp_path: Path) -> None:
    events = events_of(30)
    kept = events.keep_jets(events.jets["pt"] > 0)
    assert len(kept) == 30
    for row in range(30):
        jets = np.arange(events.event_offsets[row], events.event_offsets[row + 1])
        good = jets[events.jets["pt"][jets] > 0]
        first, last = kept.event_offsets[row], kept.event_offsets[row + 1]
        np.testing.assert_array_equal(kept.jets["pt"][first:last], events.jets["pt"][good])
        for mine, original in zip(range(first, last), good, strict=True):
            np.testing.assert_array_equal(
                kept.constituents["phi"][kept.jet_offsets[mine] : kept.jet_offsets[mine + 1]],
                events.constituents["phi"][events.jet_offsets[original] : events.jet_offsets[original + 1]],
            )


def test_cut_flow_keeps_its_order(tmp_path: Path) -> None:
    with store.Store(write(tmp_path / "s.h5", events_of(3), [])) as back:
        assert back.attributes["cut_flow"] == '{"read":9,"a_cut":5}'
        assert back.attributes["kind"] == "store"


def test_long_settings_fit(tmp_path: Path) -> None:
    with store.creating(tmp_path / "f.h5", {"settings": {"long": "x" * 200_000}}):
        pass
    with store.open_h5(tmp_path / "f.h5") as file:
        assert len(file.attrs["settings"]) > 200_000


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def events() -> Iterator[Events]:
        yield events_of(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.writing(tmp_path / "s.h5", {}) as writer:
        list(map(writer.append, events()))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_is_raised_at_the_end(tmp_path: Path) -> None:
    """HDF5 never hears of it, so it neither crashes nor writes its own report."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        expected = r"f.h5: cannot be written \(no space left on the device"
        with pytest.raises(OutputError, match=expected), store.creating(tmp_path / "f.h5", {}) as file:
            file["x"] = np.random.default_rng(0).normal(size=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent.h5: no such file"):
        store.Store(tmp_path / "absent.h5")
    path = write(tmp_path / "s.h5", events_of(30), [])
    (tmp_path / "short.h5").write_bytes(path.read_bytes()[:4000])
    with pytest.raises(CorruptFileError, match="not a readable HDF5 file"):
        store.Store(tmp_path / "short.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["kind"] = "images"
    with pytest.raises(InputError, match="an event store is expected, got kind 'images'"):
        store.Store(tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(CorruptFileError, match="schema_version is 99, 1 is expected"):
        store.Store(path)


def test_check_names_the_value(tmp_path: Path) -> None:
    events = events_of(30)
    events.check("a.root")
    events.jets["eta"][3] = np.nan
    with pytest.raises(BadValueError, match=r"a.root: jets/eta is nan in row 3"):
        events.check("a.root")
    events = events_of(30)
    events.constituents["pt"] = events.constituents["pt"][:-1]
    with pytest.raises(BadValueError, match=r"constituents/pt has \d+ rows, its offsets end at"):
        events.check("a.root")
    neutral = events_of(30)
    neutral.constituents["d0"] = np.full(len(neutral.constituents["pt"]), np.nan)
    neutral.check("a.root")


lengths = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(lengths, st.data())
def test_ragged_take_and_sums(counts: list[int], data: st.DataObject) -> None:
    offsets = ragged.offsets_of(np.array(counts))
    rows = [list(range(offsets[i], offsets[i + 1])) for i in range(len(counts))]
    wanted = data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=20))
    longest = data.draw(st.one_of(st.none(), st.integers(0, 4)))
    index, taken = ragged.take(offsets, np.array(wanted), longest)
    assert index.tolist() == [value for row in wanted for value in rows[row][:longest]]
    assert np.diff(taken).tolist() == [len(rows[row][:longest]) for row in wanted]
    values = np.arange(offsets[-1], dtype=float)
    assert ragged.sums(values, offsets).tolist() == [sum(row) for row in rows]
    assert ragged.rank(offsets).tolist() == [place for row in rows for place in range(len(row))]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=sum(counts), max_size=sum(counts))), bool)
    assert np.diff(ragged.keep(offsets, mask)).tolist() == [
        int(mask[row].sum()) if row else 0 for row in rows
    ]


def test_tables_showers_and_named_weights(tmp_path: Path) -> None:
    rows = Events(
        events={"event": np.arange(5), "mass": np.arange(5.0), "weights/scale_up": np.arange(5.0) + 1},
        jets={},
        event_offsets=np.zeros(6, np.int64),
        features={"tau21": np.linspace(0, 1, 5)},
        hits={"cell": np.arange(7, dtype=np.int32), "energy": np.arange(7.0)},
        hit_offsets=np.array([0, 2, 2, 3, 6, 7]),
    )
    path = write(tmp_path / "s.h5", rows, [2, 3])
    with store.Store(path) as file:
        found = file.read(1, 4)
    assert found.events["weights/scale_up"].tolist() == [2.0, 3.0, 4.0]
    assert found.features["tau21"].tolist() == [0.25, 0.5, 0.75]
    assert found.hits["cell"].tolist() == [2, 3, 4, 5]
    assert found.hit_offsets.tolist() == [0, 0, 1, 4]
    assert found.jets == {}


@given(st.integers(0, 2**31), st.integers(0, 40), st.booleans())
@hypothesis_settings(max_examples=20, deadline=None)
def test_rollback_takes_back_what_was_appended(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int, empty_first: bool
) -> None:
    folder = tmp_path_factory.mktemp("rollback")
    first, second, third = (
        events_of(0 if empty_first else 30, seed),
        events_of(cut, seed + 1),
        events_of(9, 5),
    )
    with store.writing(folder / "a.h5", ATTRIBUTES) as writer:
        writer.append(first)
        mark = writer.mark()
        writer.append(second)
        writer.append(second)
        writer.rollback(mark)
        writer.append(third)
    with store.writing(folder / "b.h5", ATTRIBUTES) as writer:
        writer.append(first)
        writer.append(third)
    with store.Store(folder / "a.h5") as left, store.Store(folder / "b.h5") as right:
        for (name, values), (_, expected) in zip(flat(left.read()), flat(right.read()), strict=True):
            np.testing.assert_array_equal(values, expected, err_msg=name)


def test_rollback_of_rows_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_CHUNK_ROWS", 16)
    first, second, third = events_of(50, 1), events_of(70, 2), events_of(33, 3)
    with store.writing(tmp_path / "a.h5", ATTRIBUTES) as writer:
        writer.append(first)
        mark = writer.mark()
        writer.append(second)
        writer.rollback(mark)
        writer.append(third)
    with store.writing(tmp_path / "b.h5", ATTRIBUTES) as writer:
        writer.append(first)
        writer.append(third)
    with store.Store(tmp_path / "a.h5") as left, store.Store(tmp_path / "b.h5") as right:
        for (name, values), (_, expected) in zip(flat(left.read()), flat(right.read()), strict=True):
            np.testing.assert_array_equal(values, expected, err_msg=name)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    with store.writing(tmp_path / "s.h5", ATTRIBUTES) as writer:
        writer.append(events_of(3), "a.root")
        with pytest.raises(MismatchError, match=r"b.root: lacks gen_jets/pt, unlike a.root. Files of one"):
            writer.append(events_of(3, gen=False), "b.root")


def test_an_empty_store_is_one_empty_slice(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", events_of(0), [])
    with store.Store(path) as file:
        parts = list(file.slices(10))
    assert [len(part) for part in parts] == [0]
