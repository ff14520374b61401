"""Readers of public jets: JetClass, top tagging, LHC Olympics, quark and gluon jets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_public as formats
import formats_showers
import h5py
import numpy as np
import pytest
from formats_public import read

from resonaut import ragged, registry
from resonaut.errors import ConfigError, InputError, UnreachableError
from resonaut.ingest import geometry
from resonaut.ingest.contents import contents_of, kind_of, opened
from resonaut.ingest.methods import lhco
from resonaut.ingest.momenta import wrapped
from resonaut.ingest.padded import momenta
from resonaut.ingest.pdg import charge_of, mass_of, pdg_class
from resonaut.ingest.remote import DEFAULTS, RemoteSettings

READERS = ("jetclass", "toptag", "lhco", "quark_gluon", "showers")
FILES: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "jetclass.root": ("jetclass", formats.write_jetclass),
    "jetclass_rntuple.root": ("jetclass", formats.write_jetclass_rntuple),
    "toptag.h5": ("toptag", formats.write_toptag),
    "events_anomalydetection.h5": ("lhco", formats.write_lhco),
    "events_anomalydetection.features.h5": ("lhco", formats.write_lhco_features),
    "QG_jets.npz": ("quark_gluon", formats.write_quark_gluon),
    "QG_jets_stored.npz": ("quark_gluon", functools.partial(formats.write_quark_gluon, compressed=False)),
}
N_EVENTS = 30


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """A small file of each format, and what was written."""
    folder = tmp_path_factory.mktemp("public")
    return {name: (folder / name, write(folder / name, N_EVENTS, 11)) for name, (_, write) in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_known_to_its_reader_alone(name: str, written: dict[str, Any]) -> None:
    path = str(written[name][0])
    kind = kind_of(path, DEFAULTS)
    with opened(path, kind, DEFAULTS) as file:
        contents = contents_of(file, path, kind)
    modules = {reader: registry.load("ingest", reader) for reader in READERS}
    found = [
        reader for reader, module in modules.items() if kind in module.KINDS and module.matches(contents)
    ]
    assert found == [FILES[name][0]]


@pytest.mark.parametrize("name", FILES)
def test_the_step_changes_nothing(name: str, written: dict[str, Any]) -> None:
    path, reader = written[name][0], FILES[name][0]
    info, (whole,) = read(path, reader)
    parts = read(path, reader, step=7)[1]
    assert (info.n_generated, info.sum_weights, info.cross_section) == (N_EVENTS, N_EVENTS, None)
    assert [len(part) for part in parts] == [7, 7, 7, 7, 2]
    assert [part.first_entry for part in parts] == [0, 7, 14, 21, 28]
    for column, values in whole.events.items():
        np.testing.assert_array_equal(np.concatenate([part.events[column] for part in parts]), values)
    assert whole.events["event"].tolist() == list(range(N_EVENTS))
    for group in ("particles", "jets", "constituents"):
        if getattr(whole, group) is not None:
            for column, values in getattr(whole, group).columns.items():
                joined = np.concatenate([getattr(part, group).columns[column] for part in parts])
                np.testing.assert_array_equal(joined, values)


@pytest.mark.parametrize("name", FILES)
def test_jets_and_constituents_fall_in_pt_and_have_no_faults(name: str, written: dict[str, Any]) -> None:
    (batch,) = read(written[name][0], FILES[name][0])[1]
    assert batch.faults()[1] == []
    for group in (batch.jets, batch.constituents):
        if group is not None:
            inside = ragged.rank(group.offsets)[1:] > 0
            assert (np.diff(group.columns["pt"])[inside] <= 0).all()
            assert ((group.columns["phi"] > -np.pi) & (group.columns["phi"] <= np.pi)).all()


@pytest.mark.parametrize("name", FILES)
def test_there_are_no_other_collections(name: str, written: dict[str, Any]) -> None:
    path = str(written[name][0])
    made = registry.build("ingest", FILES[name][0], {})
    with opened(path, kind_of(path, DEFAULTS), DEFAULTS) as file, pytest.raises(ConfigError, match="FatJet"):
        next(made.batches(file, path, "FatJet", 10))


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(name: str, written: dict[str, Any], tmp_path: Path) -> None:
    content = written[name][0].read_bytes()
    for part in (0.3, 0.7, 0.98):
        short = tmp_path / name
        short.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError, match=name):
            read(short, FILES[name][0])


# Shared pieces


def test_momenta_by_hand() -> None:
    found = momenta(
        np.array([3.0, 3, 0, 3]), np.array([4.0, 4, 0, 4]), np.zeros(4), np.array([13.0, 5, 2, -13])
    )
    np.testing.assert_array_equal(found["pt"], [5, 5, 0, 5])
    np.testing.assert_array_equal(found["mass"], [12, 0, 2, np.nan])
    assert not np.isfinite(found["eta"][2])


def test_angles_inside_stay_to_the_last_bit() -> None:
    phi = np.array([np.pi, -np.pi, 0.1, 3 * np.pi / 2, -7.0, np.nextafter(-np.pi, 0)])
    found = wrapped(phi)
    assert found[[0, 2, 5]].tolist() == phi[[0, 2, 5]].tolist()
    np.testing.assert_allclose(found[[1, 3, 4]], [np.pi, -np.pi / 2, 2 * np.pi - 7])


def test_charges_and_masses_of_known_particles() -> None:
    identity = np.array(
        [11, -13, 22, 130, 211, -211, 321, 2112, 2212, -2212, 3112, 3122, 3222, 3334, 411, 511, 521]
    )
    charge = [-1, 1, 0, 0, 1, -1, 1, 0, 1, -1, -1, 0, 1, -1, 1, 0, 1]
    assert charge_of(identity).tolist() == charge
    assert mass_of(np.array([-211, 2112])).tolist() == [0.13957039, 0.93956542]
    assert np.isnan(mass_of(np.array([9_999_999]))).all()


def test_deposits_in_the_forward_calorimeter_of_cms() -> None:
    """Particle flow numbers them 1 (hadronic) and 2 (electromagnetic); neither is charged."""
    identity = np.array([1, 2, 22, 130, -211, 0])
    assert charge_of(identity).tolist() == [0, 0, 0, 0, -1, 0]
    assert pdg_class(identity, charge_of(identity)).tolist() == [2, 3, 3, 2, 1, 2]


@pytest.mark.parametrize("what", ["masterkey", "binning"])
def test_files_beside_are_reached_as_the_ingestion_is_told(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's `remote` is what its masterkey, or its XML file, is opened with."""
    seen: list[RemoteSettings] = []

    def refuse(path: str, remote: RemoteSettings) -> None:
        seen.append(remote)
        raise UnreachableError(path)

    remote = RemoteSettings(retries=7)
    if what == "masterkey":
        monkeypatch.setattr(lhco, "open_bytes", refuse)
        path = tmp_path / "box.h5"
        formats.write_lhco(path, 3, 1, labelled=False)
        reader = registry.build("ingest", "lhco", {"masterkey": "root://host//key"})
    else:
        monkeypatch.setattr(geometry, "open_bytes", refuse)
        path = tmp_path / "d.hdf5"
        formats_showers.write_calochallenge(path, 3, 1)
        reader = registry.build("ingest", "showers", {"binning": "root://host//binning.xml"})
    reader.remote = remote
    with h5py.File(path) as file, pytest.raises(UnreachableError):
        reader.info(file, str(path))
    assert seen == [remote]
