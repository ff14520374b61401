"""Generator jets of jets, and the columns of jets that every representation carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut import ragged
from resonaut.represent import common
from resonaut.represent.clouds import write_clouds
from resonaut.represent.features import write_features
from resonaut.represent.images import write_images
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.truth import GEN_MATCH_RADIUS, gen_columns, match
from resonaut.store import Store

WRITERS = {"features": write_features, "images": write_images, "clouds": write_clouds}
CARRIED = ("pt", "eta", "phi", "mass")
TRUTH = ("gen_pt", "gen_mass", "gen_energy")


def axes(*rows: tuple[float, float]) -> dict[str, np.ndarray]:
    eta, phi = np.array(rows, float).reshape(-1, 2).T
    return {"eta": eta, "phi": phi}


def test_match_by_hand() -> None:
    """Hardest first, nearest, once, across phi = pi, within the radius, and of the same event."""
    jets = axes((0.0, 0.0), (0.05, 0.0), (1.0, 3.1), (0.0, 0.0), (2.0, 1.0))
    gen = axes((0.2, 0.0), (0.1, 0.0), (1.0, -3.1), (2.0, 1.4), (2.0, 1.39))
    jet_offsets, gen_offsets = np.array([0, 3, 4, 5]), np.array([0, 3, 3, 5])
    # Row 1 is the nearest to the first two jets, and the second of them must take row 0.
    assert match(jets, jet_offsets, gen, gen_offsets).tolist() == [1, 0, 2, -1, 4]
    assert match(jets, jet_offsets, gen, gen_offsets, 0.12).tolist() == [1, -1, 2, -1, -1]
    # What is as far as the radius is outside.
    for eta, expected in ((GEN_MATCH_RADIUS, -1), (0.99 * GEN_MATCH_RADIUS, 0)):
        found = match(axes((0.0, 0.0)), np.array([0, 1]), axes((eta, 0.0)), np.array([0, 1]))
        assert found.tolist() == [expected]
    # Of two equally near, the harder.
    pair = axes((0.1, 0.0), (-0.1, 0.0))
    assert match(axes((0.0, 0.0)), np.array([0, 1]), pair, np.array([0, 2])).tolist() == [0]


def test_match_of_nothing() -> None:
    none = np.zeros(4, int)
    assert match(axes(), none, axes(), none).tolist() == []
    jets = axes((0.0, 0.0), (0.0, 1.0))
    assert match(jets, np.array([0, 0, 1, 2]), axes(), none).tolist() == [-1, -1]
    assert match(axes(), none, jets, np.array([0, 0, 1, 2])).tolist() == []


@given(st.integers(0, 2**32 - 1))
def test_match_against_a_loop(seed: int) -> None:
    random = np.random.default_rng(seed)
    jet_offsets, gen_offsets = (ragged.offsets_of(random.integers(0, 5, 6)) for _ in range(2))
    jets, gen = (
        {"eta": random.uniform(-0.5, 0.5, n), "phi": random.uniform(-np.pi, np.pi, n)}
        for n in (jet_offsets[-1], gen_offsets[-1])
    )
    expected = []
    for event in range(6):
        left = list(range(gen_offsets[event], gen_offsets[event + 1]))
        for jet in range(jet_offsets[event], jet_offsets[event + 1]):
            d_phi = [abs(gen["phi"][row] - jets["phi"][jet]) for row in left]
            d_eta = [gen["eta"][row] - jets["eta"][jet] for row in left]
            distance = [np.hypot(x, min(y, 2 * np.pi - y)) for x, y in zip(d_eta, d_phi, strict=True)]
            near = bool(distance) and min(distance) < 1.0
            expected.append(left.pop(int(np.argmin(distance))) if near else -1)
    assert match(jets, jet_offsets, gen, gen_offsets, 1.0).tolist() == expected


def test_columns_of_generator_jets() -> None:
    gen = axes((0.0, 0.0), (1.5, 0.0)) | {"pt": np.array([300.0, 200.0]), "mass": np.array([80.0, 5.0])}
    found = gen_columns(axes((1.4, 0.0), (-1.0, 0.0)), np.array([0, 2]), gen, np.array([0, 2]))
    energy = np.sqrt((200 * np.cosh(1.5)) ** 2 + 25)
    for name, value in zip(TRUTH, (200.0, 5.0, energy), strict=True):
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], [value, np.nan], rtol=1e-6)


@pytest.fixture
def with_truth(toy: Path, make_store: Callable[..., Path], tmp_path: Path) -> Path:
    """The toy's jets with a generator jet beside each second event's jets, and columns of `ingest`."""
    with Store(toy) as store:
        events = store.read()
    n_jets = len(events.jets["pt"])
    events.jets["matched"] = (np.arange(n_jets) % 2).astype(np.int8)
    events.jets["flavour"] = np.arange(n_jets) % 6
    events.jets["btag_toy"] = np.linspace(0, 1, n_jets)
    events.jets["other"] = np.ones(n_jets, np.float32)
    has = np.arange(len(events)) % 2 == 1
    rows, taken = ragged.take(events.event_offsets, np.flatnonzero(has))
    counts = np.where(has, np.diff(events.event_offsets), 0)
    assert taken[-1] == counts.sum()
    events.gen_jets = {
        "pt": events.jets["pt"][rows] * np.float32(1.1),
        "eta": events.jets["eta"][rows] + np.float32(0.1),
        "phi": events.jets["phi"][rows],
        "mass": events.jets["mass"][rows] * np.float32(2),
    }
    events.gen_jet_offsets = ragged.offsets_of(counts)
    return make_store(tmp_path / "truth.h5", events)


def jets_of(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: item[:] for name, item in file["jets"].items()} | {"event": file["events/event"][:]}


def test_all_representations_carry_the_same_columns(with_truth: Path, tmp_path: Path) -> None:
    settings = RepresentSettings(selection={"jet_eta_max": 2.0})
    found = {}
    for kind, write in WRITERS.items():
        write(with_truth, tmp_path / f"{kind}.h5", settings)
        found[kind] = jets_of(tmp_path / f"{kind}.h5")
    clouds = found["clouds"]
    assert set(clouds) == {*CARRIED, *TRUTH, "energy", "matched", "flavour", "btag_toy", "event"}
    assert set(clouds) == set(found["images"]) < set(found["features"])
    for name, values in clouds.items():
        for kind in ("images", "features"):
            np.testing.assert_array_equal(found[kind][name], values, err_msg=f"{kind} {name}")
            assert found[kind][name].dtype == values.dtype
        assert name == "event" or values.shape == (len(clouds["event"]), 2)
    types = {clouds[name].dtype for name in (*CARRIED, *TRUTH, "btag_toy")}
    assert types == {np.dtype(np.float32)}
    assert clouds["matched"].dtype == np.int8
    assert clouds["flavour"].dtype == np.int32
    assert 100 < len(clouds["pt"]) < 300


def test_generator_jets_of_the_jets_that_are_kept(with_truth: Path, tmp_path: Path) -> None:
    """An event of odd number has one for each of its jets, though some of these are not kept."""
    write_clouds(with_truth, tmp_path / "c.h5", RepresentSettings(selection={"jet_eta_max": 1.5}))
    jets = jets_of(tmp_path / "c.h5")
    odd = (jets["event"] - 10) % 2 == 1
    assert 20 < odd.sum() < len(odd) - 20
    for name in TRUTH:
        np.testing.assert_array_equal(np.isnan(jets[name]), ~np.repeat(odd[:, None], 2, axis=1))
    pt, eta, mass = (jets[name][odd].astype(float) for name in ("pt", "eta", "mass"))
    np.testing.assert_allclose(jets["gen_pt"][odd], 1.1 * pt, rtol=1e-6)
    np.testing.assert_allclose(jets["gen_mass"][odd], 2 * mass, rtol=1e-6)
    energy = np.sqrt((1.1 * pt * np.cosh(eta + 0.1)) ** 2 + 4 * mass**2)
    np.testing.assert_allclose(jets["gen_energy"][odd], energy, rtol=1e-5)


def test_jets_are_those_of_the_store(with_truth: Path, tmp_path: Path) -> None:
    with Store(with_truth) as store:
        events = store.read()
    write_images(with_truth, tmp_path / "i.h5", RepresentSettings(images={"n_pixels": 4}))
    jets = jets_of(tmp_path / "i.h5")
    rows = events.event_offsets[:-1, None] + np.arange(2)
    for name in (*CARRIED, "matched", "flavour", "btag_toy"):
        np.testing.assert_array_equal(jets[name], events.jets[name][rows].astype(jets[name].dtype))


@pytest.mark.parametrize("kind", WRITERS)
def test_slices_change_nothing(with_truth: Path, tmp_path: Path, monkeypatch: Any, kind: str) -> None:
    settings = RepresentSettings(n_jets=1)
    WRITERS[kind](with_truth, tmp_path / "whole.h5", settings)
    monkeypatch.setattr(common, "_STEP_EVENTS", 7)
    WRITERS[kind](with_truth, tmp_path / "slices.h5", settings)
    whole, slices = jets_of(tmp_path / "whole.h5"), jets_of(tmp_path / "slices.h5")
    assert whole.keys() == slices.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(values, slices[name], err_msg=name)


@pytest.mark.parametrize("kind", ["clouds", "images"])
def test_mass_is_made_where_it_is_absent(
    toy: Path, make_store: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    with Store(toy) as store:
        events = store.read()
    mass = events.jets.pop("mass")
    source = make_store(tmp_path / "s.h5", events, resonant_variable="given")
    WRITERS[kind](source, tmp_path / "out.h5", RepresentSettings())
    found = jets_of(tmp_path / "out.h5")["mass"]
    np.testing.assert_allclose(found[:, 0], mass[events.event_offsets[:-1]], rtol=1e-4)
