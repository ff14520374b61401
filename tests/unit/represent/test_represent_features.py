"""Features in their file: which columns, of which events, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut.errors import ConfigError, MissingBranchError
from resonaut.events import Events
from resonaut.represent.features import event_features, write_features
from resonaut.represent.settings import RepresentSettings
from resonaut.represent.substructure import substructure
from resonaut.settings import validate
from resonaut.store import Store

KINEMATICS = {"pt", "eta", "phi", "mass", "energy"}
SOFT_DROP = {f"soft_drop_{name}" for name in ("mass", "pt", "multiplicity", "zg", "rg")}
DEFAULT = (
    KINEMATICS
    | SOFT_DROP
    | {"tau1", "tau2", "tau3", "tau21", "tau32", "multiplicity"}
    | {"width", "ptd", "angularity_lha", "charge", "charged_multiplicity"}
)
NOTHING = {"groomers": {"soft_drop": False}, "nsubjettiness": False, "shapes": False}


def written(path: Path, group: str) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: item[:] for name, item in file[group].items()}


def test_file(toy: Path, tmp_path: Path) -> None:
    output = tmp_path / "f.h5"
    write_features(toy, output, RepresentSettings())
    jets, events = written(output, "jets"), written(output, "events")
    assert set(jets) == DEFAULT
    assert {values.dtype.name for values in jets.values()} == {"float32", "int32"}
    assert jets["pt"].shape == (300, 2)
    assert (jets["pt"][:, 0] >= jets["pt"][:, 1]).all()
    assert (jets["soft_drop_mass"] <= jets["mass"] * 1.0001 + 1e-3).all()
    assert (jets["tau1"] >= jets["tau2"]).all()
    np.testing.assert_allclose(jets["tau21"], jets["tau2"] / (1e-5 + jets["tau1"]), rtol=1e-5)
    np.testing.assert_allclose(jets["tau32"], jets["tau3"] / (1e-5 + jets["tau2"]), rtol=1e-5)
    mass = jets["mass"]
    rows = np.arange(len(mass))
    light = mass.argmin(axis=1)
    np.testing.assert_array_equal(events["mj1"], mass.min(axis=1))
    np.testing.assert_allclose(events["dmj"], mass.max(axis=1) - mass.min(axis=1), rtol=1e-5, atol=1e-3)
    for ratio in ("tau21", "tau32"):
        np.testing.assert_array_equal(events[f"{ratio}_j1"], jets[ratio][rows, light])
        np.testing.assert_array_equal(events[f"{ratio}_j2"], jets[ratio][rows, 1 - light])
    np.testing.assert_allclose(events["mjj"], events["mass"], rtol=1e-6)
    np.testing.assert_allclose(events["mj1_over_mjj"], events["mj1"] / events["mjj"], rtol=1e-5)
    np.testing.assert_allclose(events["dmj_over_mjj"], events["dmj"] / events["mjj"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        events["delta_eta"], np.abs(np.diff(jets["eta"], axis=1)[:, 0]), rtol=1e-4, atol=1e-6
    )
    assert (jets["multiplicity"] >= 3).all()
    with Store(toy) as store:
        all_jets = store.read()
    first = all_jets.event_offsets[:-1]
    np.testing.assert_array_equal(jets["multiplicity"][:, 0], np.diff(all_jets.jet_offsets)[first])


@pytest.mark.parametrize(
    ("chosen", "columns"),
    [
        ({}, {"multiplicity"}),
        ({"groomers": {"soft_drop": True}}, {"multiplicity", *SOFT_DROP}),
        (
            {"groomers": {"soft_drop": None, "trimming": {"radius": 0.3}, "pruning": True}},
            {"multiplicity"}
            | {f"{g}_{name}" for g in ("trimming", "pruning") for name in ("mass", "pt", "multiplicity")},
        ),
        (
            {"nsubjettiness": {"n_max": 4, "axes": "kt"}},
            {"multiplicity", "tau1", "tau2", "tau3", "tau4", "tau21", "tau32", "tau43"},
        ),
        ({"correlators": {"names": ["d2", "n2"]}}, {"multiplicity", "d2", "n2"}),
        ({"lund": {"store": False}}, {"multiplicity", "lund_multiplicity"}),
        (
            {"shapes": {"angularities": {"mass": [1, 2], "lha": [1, 0.5]}}},
            {"multiplicity", "width", "ptd", "charge", "charged_multiplicity"}
            | {"angularity_mass", "angularity_lha"},
        ),
    ],
)
def test_only_what_is_asked_for(toy: Path, tmp_path: Path, chosen: dict[str, Any], columns: set[str]) -> None:
    settings = validate(RepresentSettings, {"features": NOTHING | chosen})
    write_features(toy, tmp_path / "f.h5", settings)
    assert set(written(tmp_path / "f.h5", "jets")) == KINEMATICS | columns
    pairs = {name for name in written(tmp_path / "f.h5", "events") if name.endswith(("_j1", "_j2"))}
    of_both = columns & {"tau21", "tau32", "c2", "d2", "m2", "n2"}
    assert pairs == {f"{name}_{jet}" for name in of_both for jet in ("j1", "j2")}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"groomers": {"trimmin": {}}}, "features.groomers.trimmin: unknown key. Did you mean 'trimming'?"),
        ({"correlators": {"names": ["d2", "d2"]}}, "each name once, found d2, d2"),
        ({"nsubjettiness": {"axes": "wta"}}, "features.nsubjettiness.axes: Input should be 'kt', 'wta_kt'"),
        ({"shapes": {"angularities": {"flat": [1, 0]}}}, "greater than 0. Got 0"),
    ],
)
def test_wrong_settings(features: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(RepresentSettings, {"features": features})
    assert message in str(error.value)


def test_lund_plane_is_ragged(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declusterings of every jet, in the order of jets, however the store is sliced."""
    monkeypatch.setattr("resonaut.represent.common._STEP_EVENTS", 70)
    settings = RepresentSettings(features={"lund": {"kt_min": 2.0}})
    write_features(toy, tmp_path / "f.h5", settings)
    plane = written(tmp_path / "f.h5", "lund")
    offsets = plane.pop("offsets")
    with Store(toy) as store:
        events = store.read()
    leading = events.keep_jets(
        np.arange(len(events.jets["pt"]))
        - np.repeat(events.event_offsets[:-1], np.diff(events.event_offsets))
        < 2
    )
    expected = substructure(leading.constituents, leading.jet_offsets, settings.features)
    assert len(offsets) == 2 * 300 + 1
    np.testing.assert_array_equal(offsets, expected.lund_offsets)
    assert set(plane) == {"ln_inverse_delta", "ln_kt", "z", "psi"}
    for name, values in plane.items():
        np.testing.assert_allclose(values, expected.lund[name], rtol=1e-6, err_msg=name)
    assert (plane["z"] <= 0.5).all()
    counted = written(tmp_path / "f.h5", "jets")["lund_multiplicity"].ravel()
    primary = np.add.reduceat(plane["ln_kt"] >= np.log(2.0), offsets[:-1])
    assert (counted >= 1 + primary).all()


def without_constituents(events: Events, **jets: np.ndarray) -> Events:
    columns = {**events.jets, **jets}
    return Events(events.events, {k: v for k, v in columns.items() if v is not None}, events.event_offsets)


def test_store_without_constituents(toy: Path, make_store: Callable[..., Path], tmp_path: Path) -> None:
    """Jets keep what the store holds of them, and events have what can be made of that."""
    with Store(toy) as store:
        events = store.read()
    random = np.random.default_rng(1)
    tau1, tau2, b = random.random((3, len(events.jets["pt"]))).astype(np.float32)
    groomed = events.jets["mass"] * np.float32(0.8)
    bare = without_constituents(events, tau1=tau1, tau2=tau2, soft_drop_mass=groomed, btag_deepjet=b)
    write_features(make_store(tmp_path / "s.h5", bare), tmp_path / "f.h5", RepresentSettings())
    jets, pair = written(tmp_path / "f.h5", "jets"), written(tmp_path / "f.h5", "events")
    assert set(jets) == KINEMATICS | {"tau1", "tau2", "tau21", "soft_drop_mass", "btag_deepjet"}
    first = events.event_offsets[:-1]
    for rank in range(2):
        np.testing.assert_array_equal(jets["btag_deepjet"][:, rank], b[first + rank])
        np.testing.assert_array_equal(jets["soft_drop_mass"][:, rank], groomed[first + rank])
    ratio = tau2 / (tau1 + 1e-5)
    both = np.stack([ratio[first], ratio[first + 1]], axis=1)
    lighter = np.stack([events.jets["mass"][first], events.jets["mass"][first + 1]], axis=1).argmin(axis=1)
    np.testing.assert_allclose(pair["tau21_j1"], both[np.arange(300), lighter], rtol=1e-5)
    assert not {"tau32_j1", "d2_j1"} & set(pair)
    np.testing.assert_allclose(pair["mjj"], pair["mass"], rtol=1e-6)


def test_columns_of_the_store_beside_ours(toy: Path, make_store: Callable[..., Path], tmp_path: Path) -> None:
    """b-tags and labels pass; what is computed here replaces what the store calls the same."""
    with Store(toy) as store:
        events = store.read()
    n = len(events.jets["pt"])
    events.jets |= {"btag_deepjet": np.linspace(0, 1, n, dtype=np.float32), "label": np.arange(n) % 3}
    events.jets["soft_drop_mass"] = np.full(n, -1.0, np.float32)
    write_features(make_store(tmp_path / "s.h5", events), tmp_path / "f.h5", RepresentSettings())
    jets = written(tmp_path / "f.h5", "jets")
    assert set(jets) == DEFAULT | {"btag_deepjet", "label"}
    np.testing.assert_array_equal(jets["label"][:, 0], events.jets["label"][events.event_offsets[:-1]])
    assert jets["label"].dtype == np.int32
    assert (jets["soft_drop_mass"] >= 0).all()


def test_mass_of_jets_is_made_where_it_is_absent(
    toy: Path, make_store: Callable[..., Path], tmp_path: Path
) -> None:
    """From constituents; without these, too, there is nothing to make it from."""
    with Store(toy) as store:
        events = store.read()
    mass = events.jets.pop("mass")
    settings = RepresentSettings()
    source = make_store(tmp_path / "s.h5", events, resonant_variable="given")
    write_features(source, tmp_path / "f.h5", settings)
    jets = written(tmp_path / "f.h5", "jets")
    np.testing.assert_allclose(jets["mass"][:, 0], mass[events.event_offsets[:-1]], rtol=1e-4)
    bare = make_store(tmp_path / "bare.h5", without_constituents(events), resonant_variable="given")
    with pytest.raises(
        MissingBranchError, match=r"bare\.h5: jets/mass is absent.*the jets hold eta, phi, pt"
    ):
        write_features(bare, tmp_path / "f.h5", settings)


def test_mjj_of_two_massless_jets() -> None:
    jets = {
        "pt": np.array([[500.0, 400.0]]),
        "eta": np.array([[0.5, -1.0]]),
        "phi": np.array([[3.0, -0.2]]),
        "mass": np.zeros((1, 2)),
        "tau21": np.array([[0.3, 0.6]]),
    }
    mjj = np.sqrt(2 * 500 * 400 * (np.cosh(1.5) - np.cos(3.2)))
    assert event_features(jets)["mjj"][0] == pytest.approx(mjj, rel=1e-6)
    assert event_features(jets)["delta_eta"][0] == pytest.approx(1.5)


def test_one_jet_has_no_pair(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    single = make_events([[np.array([[300.0, 0.1, 0.2], [100.0, 0.2, 0.0]])]])
    store = make_store(tmp_path / "s.h5", single)
    settings = RepresentSettings(n_jets=1, selection={"n_jets_min": 1})
    write_features(store, tmp_path / "f.h5", settings)
    assert "mjj" not in written(tmp_path / "f.h5", "events")
    jets = written(tmp_path / "f.h5", "jets")
    assert jets["pt"].shape == (1, 1)
    assert jets["multiplicity"][0, 0] == 2
    assert jets["tau3"][0, 0] == 0
