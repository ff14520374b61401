"""Representations of varied events: before the cuts, for every kind, nominal ones unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut.cli import main
from resonaut.errors import MissingBranchError
from resonaut.represent.clouds import write_clouds
from resonaut.represent.features import write_features
from resonaut.represent.images import write_images
from resonaut.represent.settings import RepresentSettings, RepresentTask
from resonaut.representation import read_settings

WRITERS = {"features": write_features, "images": write_images, "clouds": write_clouds}
CUTS = {"jet_pt_min": 200, "n_jets_min": 2, "leading_jet_pt_min": 700}


def task(kind: str | None = None, **keys: Any) -> RepresentTask:
    variation = None if kind is None else {"name": "x_up", "kind": kind, "seed": 1, "settings": keys}
    return RepresentTask(selection=CUTS, variation=variation)


def columns(path: Path, *names: str) -> list[np.ndarray]:
    with h5py.File(path) as file:
        return [file[name][:] for name in names]


def test_shifts_come_before_the_cuts(toy: Path, tmp_path: Path) -> None:
    """A cut at 700 GeV of jets that are 10 % up selects the events with 700 / 1.1 GeV or more."""
    write_features(toy, tmp_path / "up.h5", task("energy_scale", shift=0.1))
    low = RepresentSettings(selection={**CUTS, "jet_pt_min": 200 / 1.1, "leading_jet_pt_min": 700 / 1.1})
    write_features(toy, tmp_path / "low.h5", low)
    names = ("events/event", "jets/pt", "jets/mass", "events/mass", "jets/tau21", "jets/phi")
    up, wanted = (columns(tmp_path / f"{name}.h5", *names) for name in ("up", "low"))
    write_features(toy, tmp_path / "nominal.h5", task())
    assert len(up[0]) > len(columns(tmp_path / "nominal.h5", "events/event")[0])
    assert np.array_equal(up[0], wanted[0])
    for number in (1, 2, 3):
        assert up[number] == pytest.approx(1.1 * wanted[number], rel=1e-5)
    assert up[4] == pytest.approx(wanted[4], abs=1e-4)
    assert up[5] == pytest.approx(wanted[5], abs=1e-6)


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_nominal_bytes_are_those_without_variations(kind: str, toy: Path, tmp_path: Path) -> None:
    for name, settings in (("plain", RepresentSettings(selection=CUTS)), ("task", task())):
        WRITERS[kind](toy, tmp_path / f"{name}.h5", settings)
    assert (tmp_path / "plain.h5").read_bytes() == (tmp_path / "task.h5").read_bytes()
    with h5py.File(tmp_path / "plain.h5") as file:
        assert "variation" not in json.loads(file.attrs["settings"])


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_a_network_of_nominal_takes_what_is_varied(kind: str, toy: Path, tmp_path: Path) -> None:
    WRITERS[kind](toy, tmp_path / "nominal.h5", task())
    WRITERS[kind](toy, tmp_path / "varied.h5", task("track_efficiency", loss=0.1))
    nominal, varied = tmp_path / "nominal.h5", tmp_path / "varied.h5"
    assert read_settings(nominal) == read_settings(varied)
    with h5py.File(varied) as file:
        settings = json.loads(file.attrs["settings"])
        assert settings["variation"]["settings"] == {"loss": 0.1}
        assert file.attrs["dataset"] == "toy"


def test_every_kind_has_the_same_events(toy: Path, tmp_path: Path) -> None:
    rows = []
    for kind, write in WRITERS.items():
        write(toy, tmp_path / f"{kind}.h5", task("energy_resolution", factor=1.5))
        rows.append(columns(tmp_path / f"{kind}.h5", "events/event", "events/mass", "jets/pt"))
    for other in rows[1:]:
        for one, two in zip(rows[0], other, strict=True):
            assert np.array_equal(one, two)


def test_half_of_the_charged_constituents_become_neutral(toy: Path, tmp_path: Path) -> None:
    write_clouds(toy, tmp_path / "nominal.h5", task())
    write_clouds(toy, tmp_path / "lost.h5", task("track_efficiency", loss=0.5, calorimeter=True))
    charge = [columns(tmp_path / f"{n}.h5", "constituents/charge")[0] for n in ("nominal", "lost")]
    assert len(charge[0]) == len(charge[1])
    assert (charge[1] != 0).mean() == pytest.approx(0.5 * (charge[0] != 0).mean(), rel=0.05)


def test_a_store_without_the_column(toy: Path, make_store: Callable, tmp_path: Path) -> None:
    from resonaut.store import Store

    with Store(toy) as store:
        events = store.read()
    events.constituents = {k: v for k, v in events.constituents.items() if k != "charge"}
    path = make_store(tmp_path / "bare.h5", events)
    with pytest.raises(MissingBranchError, match=r"bare\.h5: no constituents/charge or pdg_class"):
        write_clouds(path, tmp_path / "out.h5", task("track_efficiency", loss=0.1))
    assert not (tmp_path / "out.h5").exists()


def test_command_line(toy: Path, tmp_path: Path, capsys: Any) -> None:
    slice_ = {"n_jets": 2, "selection": CUTS, "clouds": {}}
    slice_ |= {"variation": {"name": "x_up", "kind": "energy_scale", "seed": 1, "settings": {"shift": 0.1}}}
    out = tmp_path / "clouds.h5"
    arguments = ["represent", "clouds", "--input", str(toy), "--output", str(out), "--settings"]
    assert main([*arguments, json.dumps(slice_)]) == 0
    assert columns(out, "jets/pt")[0][:, 0].min() >= 700
    slice_["variation"]["settings"]["shift"] = 0.7
    assert main([*arguments, json.dumps(slice_)]) == 2
    assert "variations.x_up.shift" in capsys.readouterr().err
