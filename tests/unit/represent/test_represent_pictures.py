"""A store of pictures becomes images that taggers read: pixels, norms, refusals, chunks without events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from resonaut import manifest, store
from resonaut.errors import ConfigError, MissingBranchError
from resonaut.events import Events
from resonaut.represent.clouds import write_clouds
from resonaut.represent.features import write_features
from resonaut.represent.images import write_images
from resonaut.represent.pictures import picture_images
from resonaut.represent.settings import ImageSettings, RepresentSettings
from resonaut.representation import read_settings

N = 37


def settings_of(**images: Any) -> RepresentSettings:
    # Cuts on jets and on the mass that no picture could pass.
    cuts = {"n_jets_min": 2, "jet_pt_min": 500, "mass_min": 2500}
    return RepresentSettings.model_validate({"selection": cuts, "images": {"n_pixels": [6, 8], **images}})


def pixels_of(n: int = N, n_channels: int = 1, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 2, (n, n_channels, 6, 8)).astype(np.float32)


def picture_store(path: Path, pixels: np.ndarray | None, channels: list[str], **changes: Any) -> Path:
    """A store as `ingest` writes it; without pixels, that of a chunk whose files were all skipped."""
    n = 0 if pixels is None else len(pixels)
    events = {
        "run": np.ones(n, np.int64),
        "lumi": np.full(n, 7),
        "event": np.arange(100, 100 + n),
        "gen_weight": np.linspace(0.5, 1.5, n),
        "label": np.zeros(n, np.int32),
    }
    attributes = {
        "kind": "store",
        "level": "images",
        "dataset": "toy",
        "label": "fr1",
        "label_names": ["fr1"],
    }
    attributes |= {"resonant_variable": "", "n_events": n, "n_generated": 50, "sum_weights": 50.0}
    attributes |= {"cut_flow": {"generated": 50, "read": n, "ingest_good": n}}
    attributes |= {"channels": channels} if n else {}
    images = {} if pixels is None else {"pixels": pixels}
    with store.writing(path, attributes | changes) as writer:
        writer.append(Events(events, {}, np.zeros(n + 1, np.int64), images=images))
    return path


def test_pictures_pass_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resonaut.store._SLICE_BYTES", 5 * 4 * 48)
    pixels = pixels_of()
    source = picture_store(tmp_path / "s.h5", pixels, ["intensity"])
    flow = write_images(source, tmp_path / "i.h5", settings_of(normalise="none"))
    assert flow == {"generated": 50, "read": N, "ingest_good": N}
    with h5py.File(tmp_path / "i.h5") as file:
        assert file["images"].shape == (N, 1, 6, 8)
        np.testing.assert_array_equal(file["images"][:, 0], pixels[:, 0])
        assert sorted(file) == ["events", "images"]
        assert sorted(file["events"]) == ["event", "gen_weight", "label", "lumi", "run"]
        assert file["events/event"][:].tolist() == list(range(100, 100 + N))
        np.testing.assert_array_equal(file["events/gen_weight"][:], np.linspace(0.5, 1.5, N))
        assert json.loads(file.attrs["channels"]) == ["intensity"]
        assert (file.attrs["n_events"], file.attrs["sum_weights"]) == (N, 50.0)
    manifest.write(tmp_path / "i.json", [tmp_path / "i.h5"])
    listed = manifest.read(tmp_path / "i.json", "images")
    assert (listed.dataset, listed.label, listed.n_events) == ("toy", "fr1", (N,))


def test_channels_have_an_axis_and_one_norm(tmp_path: Path) -> None:
    pixels = pixels_of(n_channels=3)
    source = picture_store(tmp_path / "s.h5", pixels, ["r", "g", "b"])
    write_images(source, tmp_path / "i.h5", settings_of(normalise="sum"))
    with h5py.File(tmp_path / "i.h5") as file:
        images = file["images"][:]
        assert json.loads(file.attrs["channels"]) == ["r", "g", "b"]
    assert images.shape == (N, 1, 3, 6, 8)
    norm = np.abs(pixels.astype(np.float64)).sum(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(images[:, 0], pixels / norm, rtol=1e-6)


@pytest.mark.parametrize(
    ("normalise", "norm"),
    [
        ("none", lambda p: 1.0),
        ("sum", lambda p: np.abs(p).sum()),
        ("max", lambda p: np.abs(p).max()),
        ("l2", lambda p: np.linalg.norm(p)),
    ],
)
@pytest.mark.parametrize(
    ("transform", "made"),
    [
        ("linear", lambda p: p),
        ("sqrt", lambda p: np.sign(p) * np.abs(p) ** 0.5),
        ("log", lambda p: np.sign(p) * np.log(1 + np.abs(p))),
    ],
)
def test_transform_and_norm(normalise: str, norm: Any, transform: str, made: Any) -> None:
    pixels = pixels_of(5)
    pixels[3] = 0
    wanted = ImageSettings(n_pixels=(6, 8), normalise=normalise, transform=transform)
    images = picture_images(pixels, wanted, "p.h5")
    assert images.dtype == np.float32
    for image, pixel in zip(images, pixels[:, 0].astype(np.float64), strict=True):
        expected = made(pixel)
        np.testing.assert_allclose(image, expected / (norm(expected) or 1.0), rtol=2e-6, atol=1e-9)


@given(pixels=arrays(np.float32, (3, 1, 6, 8), elements=st.floats(0, 1e6, width=32)))
def test_pixels_that_are_not_negative_have_the_norm_of_jets(pixels: np.ndarray) -> None:
    images = picture_images(pixels, ImageSettings(n_pixels=(6, 8)), "p.h5")
    for image, pixel in zip(images, pixels, strict=True):
        assert image.sum() == pytest.approx(1 if pixel.any() else 0, abs=1e-4)


def test_another_number_of_pixels_is_told(tmp_path: Path) -> None:
    source = picture_store(tmp_path / "s.h5", pixels_of(), ["intensity"])
    message = r"n_pixels: .*s\.h5 have 6 rows and 8 columns, and 40 and 40 are set.*'n_pixels: \[6, 8\]'"
    with pytest.raises(ConfigError, match=message):
        write_images(source, tmp_path / "i.h5", settings_of(n_pixels=40))
    square = picture_store(tmp_path / "q.h5", np.zeros((3, 1, 8, 8), np.float32), ["intensity"])
    with pytest.raises(ConfigError, match="'n_pixels: 8'"):
        write_images(square, tmp_path / "i.h5", settings_of())
    assert not (tmp_path / "i.h5").exists()


@pytest.mark.parametrize("write", [write_features, write_clouds])
def test_pictures_are_no_features_and_no_clouds(write: Any, tmp_path: Path) -> None:
    source = picture_store(tmp_path / "s.h5", pixels_of(), ["intensity"])
    with pytest.raises(MissingBranchError, match=r"it holds images, of which no (features|clouds) are made"):
        write(source, tmp_path / "o.h5", settings_of())


def test_a_chunk_without_events_and_settings_that_do_nothing(tmp_path: Path) -> None:
    """Two chunks agree whatever jets would become; the one without pictures says nothing."""
    full = picture_store(tmp_path / "s0.h5", pixels_of(), ["intensity"])
    empty = picture_store(tmp_path / "s1.h5", None, [])
    write_images(full, tmp_path / "i0.h5", settings_of(rotate=False, half_width=0.5))
    write_images(empty, tmp_path / "i1.h5", settings_of())
    write_images(full, tmp_path / "i2.h5", settings_of(channels=["charged"]))
    with h5py.File(tmp_path / "i1.h5") as file:
        assert file["images"].shape == (0, 1, 6, 8)
    paths = [tmp_path / f"i{number}.h5" for number in range(3)]
    manifest.write(tmp_path / "i.json", paths[:2])
    assert manifest.read(tmp_path / "i.json", "images").n_events == (N, 0)
    made = {"channels": ["intensity"], "n_pixels": [6, 8], "normalise": "sum", "transform": "linear"}
    assert read_settings(*paths) == made


def test_a_slice_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = picture_store(tmp_path / "s.h5", pixels_of(), ["intensity"])
    monkeypatch.setattr("resonaut.store._SLICE_BYTES", 5 * 4 * 48)
    with store.Store(source) as events:
        assert [len(part) for part in events.slices()] == [5] * 7 + [2]
        assert [len(part) for part in events.slices(3)] == [3] * 12 + [1]
