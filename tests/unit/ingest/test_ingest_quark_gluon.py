"""EnergyFlow's quark and gluon jets (arXiv:1810.05165)."""

from __future__ import annotations

import functools
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_public as formats
import numpy as np
import pytest
from formats_public import read, sums
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut import registry
from resonaut.errors import (
    CorruptFileError,
    InputError,
)
from resonaut.events import PDG_CLASSES
from resonaut.ingest.contents import opened
from resonaut.ingest.methods import quark_gluon
from resonaut.ingest.remote import DEFAULTS

N_EVENTS = 30
FILES: dict[str, Callable[..., dict[str, Any]]] = {
    "QG_jets.npz": formats.write_quark_gluon,
    "QG_jets_stored.npz": functools.partial(formats.write_quark_gluon, compressed=False),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Small files, and what was written."""
    folder = tmp_path_factory.mktemp("quark_gluon")
    return {name: (folder / name, write(folder / name, N_EVENTS, 11)) for name, write in FILES.items()}


@pytest.mark.parametrize("name", ["QG_jets.npz", "QG_jets_stored.npz"])
def test_quark_gluon_values(name: str, written: dict[str, Any]) -> None:
    path, truth = written[name]
    info, (batch,) = read(path, "quark_gluon")
    assert info.label_names == ("gluon", "quark")
    np.testing.assert_array_equal(batch.events["label"], truth["label"])
    c = batch.constituents.columns
    pt, phi = truth["x"][:, :, 0][truth["filled"]], truth["x"][:, :, 2][truth["filled"]]
    np.testing.assert_array_equal(c["pt"], pt)
    np.testing.assert_allclose(np.exp(1j * c["phi"]), np.exp(1j * phi), atol=1e-12)
    np.testing.assert_array_equal(c["charge"], [formats.QUARK_GLUON_CHARGE[i] for i in truth["pdg_id"]])
    kind = {22: "photon", 211: "charged_hadron", -211: "charged_hadron", 130: "neutral_hadron"}
    kind |= {-2212: "charged_hadron", 11: "electron"}
    np.testing.assert_array_equal(np.array(PDG_CLASSES)[c["pdg_class"]], [kind[i] for i in truth["pdg_id"]])
    # Energy and pz of the definition of rapidity: mT cosh(y), mT sinh(y).
    transverse = np.hypot(pt, truth["mass"])
    np.testing.assert_allclose(
        c["pt"] * np.sinh(c["eta"]), transverse * np.sinh(truth["rapidity"]), rtol=1e-9
    )
    energy = formats.four_momenta(c["pt"], c["eta"], c["phi"], c["mass"])[0]
    np.testing.assert_allclose(energy, transverse * np.cosh(truth["rapidity"]), rtol=1e-9)
    np.testing.assert_allclose(sums(batch), [batch.jets.columns["pt"], batch.jets.columns["mass"]], rtol=1e-9)


def test_quark_gluon_memory_is_bounded_by_the_step(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    x = np.zeros((20_000, 60, 4))
    x[:, :5] = (30.0, 0.1, 0.2, 211)
    np.savez_compressed(path, X=x, y=np.zeros(20_000))
    made = registry.build("ingest", "quark_gluon", {})
    with opened(str(path), "npz", DEFAULTS) as file:
        tracemalloc.start()
        n_events = sum(len(batch) for batch in made.batches(file, str(path), None, 200))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert n_events == 20_000
    assert peak < x.nbytes / 10


def test_quark_gluon_refuses_other_arrays(tmp_path: Path) -> None:
    x, y = np.ones((4, 3, 4)), np.zeros(4)
    wrong = {
        r"X has shape \(4, 3, 3\)": {"X": x[:, :, :3].copy(), "y": y},
        r"y has shape \(3,\)": {"X": x, "y": y[:3]},
        r"X has shape \(4, 3, 4\) and type int64": {"X": x.astype(int), "y": y},
        "column by column": {"X": np.asfortranarray(x), "y": y},
        "pickled objects": {"X": np.array([[1], [1, 2]], dtype=object), "y": y},
        "0 rows": {"X": x[:0], "y": y[:0]},
        r"y is 2.0 in entry 1; one of 0, 1": {"X": x, "y": np.array([0, 2.0, 0, 0])},
        "no array 'y'": {"X": x, "Y": y},
    }
    for number, (message, content) in enumerate(wrong.items()):
        np.savez(tmp_path / f"{number}.npz", **content)
        with pytest.raises(InputError, match=message):
            read(tmp_path / f"{number}.npz", "quark_gluon")


def test_quark_gluon_refuses_counts_that_the_file_does_not_hold(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((4, 3, 4)), y=np.zeros(4))
    with zipfile.ZipFile(tmp_path / "a.npz") as old, zipfile.ZipFile(tmp_path / "b.npz", "w") as new:
        new.writestr("X.npy", old.read("X.npy").replace(b"(4, 3, 4)", b"(4000000000, 3, 4)".ljust(9)))
        new.writestr("y.npy", old.read("y.npy"))
    with pytest.raises(CorruptFileError, match=r"b\.npz"):
        read(tmp_path / "b.npz", "quark_gluon")


def test_quark_gluon_particles_of_unknown_kind_are_passed_on_as_faults(tmp_path: Path) -> None:
    x = np.zeros((4, 3, 4))
    x[:, :2] = (30.0, 0.1, 0.2, 22)
    x[1, 0, 3], x[2, 1, 3], x[3, 1, 0] = 9_999_999, np.nan, -3
    np.savez(tmp_path / "a.npz", X=x, y=np.zeros(4))
    (batch,) = read(tmp_path / "a.npz", "quark_gluon")[1]
    assert batch.faults()[0].tolist() == [False, True, True, True]


@settings(max_examples=60, deadline=None)
@given(
    pt=st.floats(0.1, 1e3),
    rapidity=st.floats(-4, 4),
    phi=st.floats(-10, 10),
    pdg_id=st.sampled_from([22, 211, -321, 2112, 13]),
)
def test_rapidity_is_kept(pt: float, rapidity: float, phi: float, pdg_id: int) -> None:
    columns = {"pt": pt, "rapidity": rapidity, "phi": phi, "pdg_id": pdg_id}
    c = quark_gluon._measured({name: np.array([value], np.float64) for name, value in columns.items()})
    energy, _, _, pz = formats.four_momenta(*(c[name] for name in ("pt", "eta", "phi", "mass")))
    assert np.arctanh(pz / energy)[0] == pytest.approx(rapidity, abs=1e-6)
    assert -np.pi < c["phi"][0] <= np.pi


def test_quark_gluon_names_a_version_that_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for name, values in {"X": np.ones((2, 3, 4)), "y": np.zeros(2)}.items():
            with file.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values, version=(3, 0))
    with pytest.raises(CorruptFileError, match=r"a\.npz: not a readable npz file.*version \(3, 0\)"):
        read(tmp_path / "a.npz", "quark_gluon")
