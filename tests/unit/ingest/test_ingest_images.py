"""Pictures of any HDF5 file: axes, types, labels, bad files, memory, and the store that they become."""

from __future__ import annotations

import functools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import formats_public
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import (
    BadValueError,
    ConfigError,
    CorruptFileError,
    EmptyFileError,
    InputError,
    MismatchError,
    MissingBranchError,
)
from resonaut.ingest.convert import convert
from resonaut.ingest.methods.images import Settings
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.store import Store

N = 23
CLASSES = ["unresolved", "fr1", "fr2"]
AXES = ("rows", "columns", "channels")
read = functools.partial(formats_public.read, reader="images")


def values_of(n: int = N, seed: int = 1) -> np.ndarray:
    """(n, 5, 7, 3): rows, columns, channels; whole numbers, that every type holds."""
    return np.random.default_rng(seed).integers(0, 200, (n, 5, 7, 3))


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return path


def task(**changes: Any) -> IngestTask:
    options = {"images": "images", "labels": "labels", "label_names": CLASSES}
    raw = {"dataset": "toy", "reader": "images", "options": options, "ingest": {"preselection": {}}}
    return validate(IngestTask, {**raw, **changes})


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", ">f4", "float16"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
def test_every_type_and_order_of_axes(dtype: str, order: tuple[int, ...], tmp_path: Path) -> None:
    values = values_of()
    stored = values.transpose(0, *(1 + np.array(order))).astype(dtype)
    path = write(tmp_path / "p.h5", group__pictures=stored)
    axes = [AXES[number] for number in order]
    info, batches = read(path, images="group/pictures", axes=axes, channels=["r", "g", "b"], step=5)
    assert (info.n_generated, info.sum_weights, info.label_names) == (N, float(N), ())
    assert info.attributes == {"channels": ["r", "g", "b"], "n_pixels": [5, 7]}
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert [batch.first_entry for batch in batches] == [0, 5, 10, 15, 20]
    pixels = np.concatenate([batch.images["pixels"] for batch in batches])
    assert pixels.dtype == np.float32
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, values.transpose(0, 3, 1, 2))
    assert np.concatenate([batch.events["event"] for batch in batches]).tolist() == list(range(N))


def test_one_channel_has_an_axis_too(tmp_path: Path) -> None:
    values = values_of()[..., 0]
    (batch,) = read(write(tmp_path / "p.h5", images=values), images="images")[1]
    np.testing.assert_array_equal(batch.images["pixels"], values[:, None])
    assert "label" not in batch.events
    assert "mass" not in batch.events


@pytest.mark.parametrize(
    "make",
    [
        lambda label: label.astype(np.uint8),
        lambda label: label.astype(np.float64),
        lambda label: np.array(CLASSES, "S")[label],
        lambda label: np.array(CLASSES, object)[label],
    ],
)
def test_labels_are_numbers_or_names(make: Any, tmp_path: Path) -> None:
    label = np.arange(N) % 3
    path = write(tmp_path / "p.h5", images=values_of()[..., 0], labels=make(label))
    info, (batch,) = read(path, images="images", labels="labels", label_names=CLASSES)
    assert info.label_names == tuple(CLASSES)
    assert batch.events["label"].tolist() == label.tolist()
    assert batch.events["label"].dtype == np.int32


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(N) % 4, r"label 'labels' is 3 in row 3; 'options.label_names' has 3 names, .* 0 to 2"),
        (np.arange(N) % 3 - 1, r"is -1 in row 0"),
        (np.where(np.arange(N) == 20, 0.5, 1), r"is 0\.5 in row 20"),
        (np.where(np.arange(N) == 4, b"fr", b"fr1"), r"is fr in row 4; .*Did you mean 'fr[12]'\?"),
    ],
)
def test_labels_of_no_class_are_named(labels: np.ndarray, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p.h5", images=values_of()[..., 0], labels=labels)
    with pytest.raises(BadValueError, match=message) as caught:
        read(path, images="images", labels="labels", label_names=CLASSES, step=3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "y"}, "'labels' and 'label_names' go together"),
        ({"label_names": ["a"]}, "'labels' and 'label_names' go together"),
        ({"labels": "y", "label_names": ["a", "a"]}, "'label_names' names one of them twice"),
        ({"channels": ["r", "g"]}, "'channels' names 2, but 'axes' names no axis of channels"),
        ({"axes": ["rows", "rows"]}, "'axes' names rows and columns once each"),
        ({"axes": ["rows"]}, "'axes' names rows and columns once each"),
        ({"channels": ["a/b"]}, "channels"),
        ({"image": "x"}, "image: unknown key. Did you mean 'images'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Settings, {"images": "x", **options})


def test_files_that_do_not_fit_the_options(tmp_path: Path) -> None:
    values, label = values_of(), np.arange(N) % 3
    path = write(tmp_path / "p.h5", images=values, labels=label[:-1], texts=np.full((N, 2), b"x"))
    with pytest.raises(ConfigError, match=r"options.axes: 'images' of .*p\.h5 has shape \(23, 5, 7, 3\)"):
        read(path, images="images")
    three = {"images": "images", "axes": AXES}
    with pytest.raises(ConfigError, match=r"options.channels: r, g .*\(23, 5, 7, 3\).*3 names are expected"):
        read(path, **three, channels=["r", "g"])
    with pytest.raises(MissingBranchError, match=r"no dataset 'image'\. Did you mean 'images'"):
        read(path, images="image")
    three |= {"channels": ["r", "g", "b"]}
    with pytest.raises(CorruptFileError, match=r"rows of its datasets differ \(images 23, labels 22\)"):
        read(path, **three, labels="labels", label_names=CLASSES)
    with pytest.raises(CorruptFileError, match=r"'texts' has shape \(23, 2\)"):
        read(path, **three, labels="texts", label_names=CLASSES)
    with pytest.raises(CorruptFileError, match=r"'texts' has shape .* type \|S1"):
        read(write(tmp_path / "t.h5", texts=np.full((N, 2, 2), b"x")), images="texts")
    with pytest.raises(EmptyFileError, match="at least 1 row is expected"):
        read(write(tmp_path / "e.h5", images=values[:0, ..., 0]), images="images")
    ragged = np.empty(N, object)
    ragged[:] = [np.arange(3)] * N
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["images"] = values[..., 0]
        file.create_dataset("labels", data=ragged, dtype=h5py.vlen_dtype(np.int64))
    with pytest.raises(CorruptFileError, match="holds neither numbers nor names"):
        read(tmp_path / "r.h5", images="images", labels="labels", label_names=CLASSES)


def test_a_dataset_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "p.h5", train__images=values_of()[..., 0], train__labels=np.zeros(N))
    options = {"images": "train/image", "labels": "train/labels", "label_names": ["a"]}
    with pytest.raises(ConfigError, match=r"options.images: .*no dataset 'train/image'. Did you mean 'tr"):
        convert([str(path)], tmp_path / "s.h5", task(options=options))
    options |= {"images": "train/images", "labels": "train/lables"}
    with pytest.raises(ConfigError, match=r"options.labels: .*Did you mean 'train/labels'"):
        convert([str(path)], tmp_path / "s.h5", task(options=options))
    options |= {"labels": "train"}
    with pytest.raises(ConfigError, match=r"options.labels: .*no dataset 'train'"):
        convert([str(path)], tmp_path / "s.h5", task(options=options))


@given(n=st.integers(1, 40), step=st.integers(1, 17), chunk=st.integers(1, 12))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_store_is_the_file_whatever_the_steps(n: int, step: int, chunk: int, tmp_path: Path) -> None:
    values, label = values_of(n, n), np.arange(n) % 3
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("images", data=values[..., 0], chunks=(min(chunk, n), 5, 7))
        file["labels"] = label
    done = convert([str(tmp_path / "p.h5")], tmp_path / "s.h5", task(ingest={"step_events": step}))
    assert done.flow == {"generated": n, "read": n, "ingest_good": n}
    with Store(tmp_path / "s.h5") as store:
        parts = list(store.slices(7))
        attributes = store.attributes
    assert attributes["level"] == "images"
    assert attributes["resonant_variable"] == ""
    assert json.loads(attributes["channels"]) == ["intensity"]
    assert json.loads(attributes["label_names"]) == CLASSES
    np.testing.assert_array_equal(
        np.concatenate([part.images["pixels"] for part in parts])[:, 0], values[..., 0]
    )
    assert np.concatenate([part.events["label"] for part in parts]).tolist() == label.tolist()


def test_each_class_is_a_dataset(tmp_path: Path) -> None:
    values, label = values_of(), np.arange(N) % 3
    path = write(tmp_path / "p.h5", images=values[..., 0], labels=label)
    for number, name in enumerate(CLASSES):
        convert([str(path)], tmp_path / f"{name}.h5", task(dataset=name, label=name, classes=[name]))
        with Store(tmp_path / f"{name}.h5") as store:
            events, flow = store.read(), json.loads(store.attributes["cut_flow"])
            assert store.attributes["sum_weights"] == (label == number).sum()
        np.testing.assert_array_equal(events.images["pixels"][:, 0], values[label == number, ..., 0])
        # Numbers are those of the file: a split of the file is one of its classes.
        assert events.events["event"].tolist() == np.flatnonzero(label == number).tolist()
        assert flow == {"generated": N, "read": N, "ingest_good": N, "ingest_class": len(events)}
        manifest.write(tmp_path / f"{name}.json", [tmp_path / f"{name}.h5"])
    with pytest.raises(ConfigError, match=r"no class 'fr3'\. Did you mean"):
        convert([str(path)], tmp_path / "x.h5", task(classes=["fr3"]))


def test_pixels_that_are_no_numbers(tmp_path: Path) -> None:
    values = values_of().astype(np.float64)[..., 0]
    values[4, 1, 2], values[17, 0, 0] = np.nan, 1e300
    path = write(tmp_path / "p.h5", images=values, labels=np.zeros(N))
    with pytest.raises(BadValueError, match=r"p\.h5: pixels of images is nan in entry 4;"):
        convert([str(path)], tmp_path / "s.h5", task())
    assert not (tmp_path / "s.h5").exists()
    done = convert([str(path)], tmp_path / "s.h5", task(ingest={"on_bad_event": "reject"}))
    assert done.flow == {"generated": N, "read": N, "ingest_good": N - 2}
    assert done.counts.rejected["fault"] == 2
    with Store(tmp_path / "s.h5") as store:
        assert sorted({4, 17} & set(store.read().events["event"].tolist())) == []


def test_files_of_one_dataset_have_one_shape_and_broken_ones_are_skipped(tmp_path: Path) -> None:
    values, label = values_of()[..., 0], np.zeros(N)
    first = write(tmp_path / "a.h5", images=values, labels=label)
    wide = write(tmp_path / "b.h5", images=values.transpose(0, 2, 1), labels=label)
    with pytest.raises(MismatchError, match=r"b\.h5: it holds images .*'n_pixels': \[7, 5\]"):
        convert([str(first), str(wide)], tmp_path / "s.h5", task())
    write(tmp_path / "c.h5", images=values + 1, labels=np.full(N, 7))
    files = [
        str(first),
        str(tmp_path / "c.h5"),
        str(write(tmp_path / "d.h5", images=values + 2, labels=label)),
    ]
    done = convert(files, tmp_path / "s.h5", task(on_bad_file="skip"))
    assert [item.path for item in done.skipped] == [files[1]]
    with Store(tmp_path / "s.h5") as store:
        pixels = store.read().images["pixels"][:, 0]
    np.testing.assert_array_equal(pixels, np.concatenate([values, values + 2]))
    convert([files[1]], tmp_path / "none.h5", task(on_bad_file="skip"))
    manifest.write(tmp_path / "m.json", [tmp_path / "none.h5", tmp_path / "s.h5"])
    assert manifest.read(tmp_path / "m.json", "store").n_events == (0, 2 * N)


def test_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "p.h5", images=values_of()[..., 0])
    with pytest.raises(InputError, match="no reader knows this format"):
        convert([str(path)], tmp_path / "s.h5", task(reader="auto", options={}))
    words = ["ingest", str(path), "--reader", "images", "--options", '{"images": "images"}']
    assert main([*words, "--output", str(tmp_path / "s.h5")]) == 0
    assert "ingest_good" in capsys.readouterr().out
    assert main([*words, "--jets", "FatJet", "--output", str(tmp_path / "t.h5")]) == 2
    assert "these are pictures. Leave 'ingest.collection' out" in capsys.readouterr().err


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resonaut.ingest.methods.images._PIECE_BYTES", 2**20)
    monkeypatch.setattr("resonaut.store._SLICE_BYTES", 2**20)
    n, side = 400, 128
    with h5py.File(tmp_path / "p.h5", "w") as file:
        images = file.create_dataset(
            "images", (n, side, side), np.uint8, chunks=(8, side, side), compression=1
        )
        for start in range(0, n, 8):
            images[start : start + 8] = start % 251
    tracemalloc.start()
    convert([str(tmp_path / "p.h5")], tmp_path / "s.h5", task(options={"images": "images"}))
    with Store(tmp_path / "s.h5") as store:
        sums = [float(part.images["pixels"].sum()) for part in store.slices()]
        sizes = [len(part) for part in store.slices()]
        assert store._file["images/pixels"].chunks == (16, 1, side, side)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) == 2**20 // (4 * side * side)
    assert sum(sums) == sum(start % 251 for start in range(0, n, 8)) * 8 * side * side
    assert peak < 0.5 * 4 * n * side * side
