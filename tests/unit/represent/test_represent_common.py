"""What holds for all representations: the same events in the same order, counts, determinism, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.represent import common
from resonaut.represent.clouds import write_clouds
from resonaut.represent.features import write_features
from resonaut.represent.images import write_images
from resonaut.represent.settings import RepresentSettings
from resonaut.store import Store

WRITERS = {"features": write_features, "images": write_images, "clouds": write_clouds}
CUTS = {"jet_pt_min": 200, "jet_eta_max": 2.0, "n_jets_min": 2, "leading_jet_pt_min": 500, "mass_min": 900}


def settings(**changes: Any) -> RepresentSettings:
    return RepresentSettings(**{"selection": CUTS, **changes})


def attributes(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return dict(file.attrs)


def test_rows_are_the_same_events(toy: Path, tmp_path: Path) -> None:
    flows, ids, masses = [], [], []
    for kind, write in WRITERS.items():
        flows.append(write(toy, tmp_path / f"{kind}.h5", settings()))
        with h5py.File(tmp_path / f"{kind}.h5") as file:
            ids.append(
                [
                    file[f"events/{name}"][:].tolist()
                    for name in ("run", "lumi", "event", "gen_weight", "label")
                ]
            )
            masses.append(file["events/mass"][:].tolist())
            rows = {"features": "jets/pt", "images": "images", "clouds": "offsets"}[kind]
            n_rows = (len(file[rows]) - 1) // 2 if kind == "clouds" else len(file[rows])
            assert n_rows == file.attrs["n_events"] == len(ids[-1][0])
    assert flows[0] == flows[1] == flows[2]
    assert ids[0] == ids[1] == ids[2]
    assert masses[0] == masses[1] == masses[2]


def test_selection_by_hand(toy: Path, tmp_path: Path) -> None:
    """Event by event: jets that pass, their pair mass, then the cuts."""
    with Store(toy) as store:
        events = store.read()
    chosen = []
    for row in range(len(events)):
        jets = slice(events.event_offsets[row], events.event_offsets[row + 1])
        pt, eta, phi, mass = (events.jets[name][jets].astype(float) for name in ("pt", "eta", "phi", "mass"))
        good = (pt >= 200) & (np.abs(eta) <= 2.0)
        if good.sum() < 2 or pt[good][0] < 500:
            continue
        pt, eta, phi, mass = (values[good][:2] for values in (pt, eta, phi, mass))
        energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2).sum()
        momentum = [(pt * f).sum() for f in (np.cos(phi), np.sin(phi), np.sinh(eta))]
        mjj = np.sqrt(energy**2 - np.square(momentum).sum())
        if mjj >= 900:
            chosen.append((row + 10, mjj))
    write_features(toy, tmp_path / "f.h5", settings())
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["events/event"][:].tolist() == [row for row, _ in chosen]
        np.testing.assert_allclose(file["events/mass"][:], [mjj for _, mjj in chosen], rtol=1e-9)
        assert (np.abs(file["jets/eta"][:]) <= 2.0).all()
    assert 20 < len(chosen) < 280


def test_counts_are_conserved(toy: Path, tmp_path: Path) -> None:
    flow = write_images(toy, tmp_path / "i.h5", settings())
    assert list(flow) == [
        "generated", "read", "ingest_mass", "represent_n_jets", "represent_leading_jet_pt", "represent_mass",
    ]  # fmt: skip
    counts = list(flow.values())
    assert counts == sorted(counts, reverse=True)
    found = attributes(tmp_path / "i.h5")
    assert json.loads(found["cut_flow"]) == flow
    assert found["n_events"] == counts[-1]
    assert (found["n_generated"], found["sum_weights"], found["cross_section"]) == (1000, 1000.0, 2.0)
    assert (found["kind"], found["dataset"], found["label"]) == ("images", "toy", "qcd")
    assert json.loads(found["settings"])["images"]["n_pixels"] == 40
    assert "features" not in json.loads(found["settings"])


@pytest.mark.parametrize("kind", WRITERS)
def test_slices_change_nothing(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def values(path: Path) -> dict[str, np.ndarray]:
        found = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.update({name: item[()]} if hasattr(item, "shape") else {})
            )
        return found

    WRITERS[kind](toy, tmp_path / "whole.h5", settings())
    monkeypatch.setattr(common, "_STEP_EVENTS", 7)
    WRITERS[kind](toy, tmp_path / "slices.h5", settings())
    whole, slices = values(tmp_path / "whole.h5"), values(tmp_path / "slices.h5")
    assert whole.keys() == slices.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], slices[name], err_msg=name)


@pytest.mark.parametrize("kind", WRITERS)
def test_two_runs_give_equal_bytes(toy: Path, tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        WRITERS[kind](toy, tmp_path / f"{name}.h5", settings())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "a.h5").read_bytes()


@pytest.mark.parametrize("kind", WRITERS)
def test_no_event_passes(toy: Path, tmp_path: Path, kind: str) -> None:
    """A chunk may be empty; its columns are there all the same."""
    flow = WRITERS[kind](toy, tmp_path / "none.h5", settings(selection={"n_jets_min": 2, "mass_min": 1e6}))
    assert flow["represent_mass"] == 0
    with h5py.File(tmp_path / "none.h5") as file:
        assert file.attrs["n_events"] == 0
        assert file["events/mass"].shape == (0,)
        if kind == "images":
            assert file["images"].shape == (0, 2, 40, 40)
        if kind == "clouds":
            assert file["offsets"][:].tolist() == [0]
        if kind == "features":
            assert file["jets/tau21"].shape == (0, 2)


def command(kind: str, source: Path, output: Path, slice_: dict) -> list[str]:
    return [
        "represent",
        kind,
        "--settings",
        json.dumps(slice_),
        "--input",
        str(source),
        "--output",
        str(output),
    ]


@pytest.mark.parametrize("kind", WRITERS)
def test_command_and_manifest(toy: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / kind / "000.h5"
    assert main(command(kind, toy, output, {"n_jets": 2, "selection": CUTS, kind: {}})) == 0
    assert main(["manifest", "--output", str(tmp_path / f"{kind}.json"), str(output)]) == 0
    read = manifest.read(tmp_path / f"{kind}.json", kind)
    assert read.chunks == (output,)
    assert read.n_events == (attributes(output)["n_events"],)
    assert Path(f"{output}.run.json").exists()


def refused(capsys: pytest.CaptureFixture, arguments: list[str], code: int) -> str:
    assert main(arguments) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if "Error" in line]
    assert len(lines) == 1
    return lines[0]


def test_bad_input(
    toy: Path, tmp_path: Path, capsys: Any, make_events: Callable, make_store: Callable
) -> None:
    output = tmp_path / "out" / "f.h5"
    slice_ = {"n_jets": 2, "selection": CUTS}
    message = refused(capsys, command("features", tmp_path / "absent.h5", output, slice_), 3)
    assert "absent.h5: no such file" in message

    (tmp_path / "text.h5").write_text("not HDF5")
    message = refused(capsys, command("images", tmp_path / "text.h5", output, slice_), 3)
    assert "text.h5: not a readable HDF5 file" in message

    short = tmp_path / "short.h5"
    short.write_bytes(toy.read_bytes()[:5000])
    assert "not a readable HDF5 file" in refused(capsys, command("clouds", short, output, slice_), 3)

    write_features(toy, tmp_path / "f.h5", settings())
    message = refused(capsys, command("images", tmp_path / "f.h5", output, slice_), 3)
    assert "f.h5: an event store is expected, got kind 'features'" in message

    message = refused(capsys, command("images", toy, output, {**slice_, "images": {"n_pixel": 20}}), 2)
    assert "images.n_pixel: unknown key. Did you mean 'n_pixels'?" in message

    message = refused(capsys, command("images", toy, output, {"n_jets": 3, "selection": CUTS}), 2)
    assert "selection.n_jets_min (2) must be at least n_jets (3)" in message

    bare = make_events([[np.array([[300.0, 0.5, 3.1]]), np.array([[200.0, 0.0, 0.1]])]])
    bare.constituents = {}
    store = make_store(tmp_path / "bare.h5", bare)
    message = refused(capsys, command("clouds", store, output, {"n_jets": 2}), 3)
    assert "bare.h5: the jets have no constituents, which clouds are made from" in message

    hollow = make_events([[np.array([[300.0, 0.5, 3.1]]), np.array([[200.0, 0.0, 0.1]])]])
    hollow.jet_offsets = np.array([0, 2, 2])
    store = make_store(tmp_path / "hollow.h5", hollow)
    message = refused(capsys, command("features", store, output, {"n_jets": 2}), 3)
    assert "hollow.h5: a jet of event 1:2:10 has no constituents" in message

    assert not output.parent.exists() or list(output.parent.iterdir()) == []


def test_weights_and_pile_up_are_carried(tmp_path: Path, make_events: Callable, make_store: Callable) -> None:
    """Named weights and pile-up follow their events into every representation."""
    jets = [np.array([[300.0, 0.5, 3.1]]), np.array([[200.0, 0.0, 0.1]])]
    events = make_events([jets, jets, jets])
    events.events["weights/scale_up"] = np.array([1.5, 2.5, 3.5])
    events.events["n_pu"] = np.array([10, 20, 30])
    store = make_store(tmp_path / "s.h5", events)
    for kind in ("features", "images", "clouds"):
        output = tmp_path / f"{kind}.h5"
        settings = json.dumps({"n_jets": 2, "selection": {"n_jets_min": 2}})
        assert (
            main(["represent", kind, "--settings", settings, "--input", str(store), "--output", str(output)])
            == 0
        )
        with h5py.File(output) as file:
            assert file["events/weights/scale_up"][:].tolist() == [1.5, 2.5, 3.5]
            assert file["events/n_pu"][:].tolist() == [10, 20, 30]
