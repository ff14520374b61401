"""JetClass (arXiv:2202.03772)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import formats_public as formats
import numpy as np
import pytest
import uproot
from formats_public import read, sums

from resonaut.errors import (
    BadValueError,
    CorruptFileError,
    MissingBranchError,
)
from resonaut.events import PDG_CLASSES

N_EVENTS = 30
FILES: dict[str, Callable[..., dict[str, Any]]] = {
    "jetclass.root": formats.write_jetclass,
    "jetclass_rntuple.root": formats.write_jetclass_rntuple,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Small files, and what was written."""
    folder = tmp_path_factory.mktemp("jetclass")
    return {name: (folder / name, write(folder / name, N_EVENTS, 11)) for name, write in FILES.items()}


@pytest.mark.parametrize("name", ["jetclass.root", "jetclass_rntuple.root"])
def test_jetclass_values(name: str, written: dict[str, Any]) -> None:
    path, truth = written[name]
    info, (batch,) = read(path, "jetclass")
    assert info.label_names == ("qcd", "hbb", "hcc", "hgg", "h4q", "hqql", "zqq", "wqq", "tbqq", "tbl")
    np.testing.assert_array_equal(batch.events["label"], truth["label"])
    np.testing.assert_array_equal(np.diff(batch.constituents.offsets), truth["counts"])
    jets, c = batch.jets.columns, batch.constituents.columns
    np.testing.assert_allclose(jets["mass"], truth["mass"], rtol=1e-4)
    np.testing.assert_allclose(jets["soft_drop_mass"], 0.8 * truth["mass"], rtol=1e-6)
    np.testing.assert_array_equal(jets["tau2"], np.float32(0.25))
    np.testing.assert_allclose(c["pt"], truth["constituent_pt"], rtol=1e-6)
    np.testing.assert_allclose(c["eta"], truth["constituent_eta"], atol=1e-6)
    np.testing.assert_array_equal(c["charge"], truth["charge"])
    np.testing.assert_array_equal(
        np.array(PDG_CLASSES)[c["pdg_class"]], np.array(PDG_CLASSES)[truth["kind"] + 1]
    )
    for column, values in (("d0", truth["d0val"]), ("dz", truth["dzval"])):
        # mm, and no measurement without a track.
        np.testing.assert_allclose(c[column], np.where(truth["charge"] != 0, values, np.nan), rtol=1e-6)
    pt, mass = sums(batch)
    np.testing.assert_allclose(pt, jets["pt"], rtol=1e-6)
    np.testing.assert_allclose(mass, jets["mass"], rtol=1e-3)


def test_jetclass_reads_only_the_branches_in_use(
    written: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    basket = uproot.models.TBasket.Model_TBasket
    original = basket.read_members

    def spy(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        seen.add(self.parent.name)

    monkeypatch.setattr(basket, "read_members", spy)
    read(written["jetclass.root"][0], "jetclass")
    used = seen - {"npart"}
    # Momentum, charge, track, flags; classes, jet, substructure.
    assert len(used) == (4 + 1 + 2 + 5) + (10 + 4 + 5)
    assert not {name for name in used if name.startswith("aux_") or name.endswith("err")}
    assert {"part_px", "label_Tbl", "jet_tau4"} <= used


def rewrite_jetclass(path: Path, change: Callable[[dict, dict], None]) -> Path:
    particles, jets, _ = formats.jetclass_columns(5, 1)
    change(particles, jets)
    with uproot.recreate(path) as file:
        file.mkrntuple("tree", particles | jets)
    return path


def test_jetclass_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    path = rewrite_jetclass(tmp_path / "a.root", lambda parts, jets: jets.pop("label_Hqql"))
    with pytest.raises(MissingBranchError, match=r"no branch 'label_Hqql'. Did you mean 'label_"):
        read(path, "jetclass")

    def two_classes(parts: dict, jets: dict) -> None:
        jets["label_QCD"][3] = 1

    path = rewrite_jetclass(tmp_path / "b.root", two_classes)
    with pytest.raises(BadValueError, match=r"2 of 10 branches label_\* are set in entry 3; 1 is expected"):
        read(path, "jetclass")


def test_jetclass_passes_bad_values_on(tmp_path: Path) -> None:
    def spoil(parts: dict, jets: dict) -> None:
        jets["jet_pt"][1] = np.nan
        jets["jet_energy"][2] = -5

    (batch,) = read(rewrite_jetclass(tmp_path / "a.root", spoil), "jetclass")[1]
    assert batch.faults()[0].tolist() == [False, True, True, False, False]


def test_jetclass_without_optional_branches(tmp_path: Path) -> None:
    def kinematics_only(parts: dict, jets: dict) -> None:
        for name in [name for name in parts if name not in ("part_px", "part_py", "part_pz", "part_energy")]:
            del parts[name]
        for name in [name for name in jets if name.startswith(("jet_tau", "jet_sd", "aux"))]:
            del jets[name]

    (batch,) = read(rewrite_jetclass(tmp_path / "a.root", kinematics_only), "jetclass")[1]
    assert sorted(batch.constituents.columns) == ["eta", "mass", "phi", "pt"]
    assert sorted(batch.jets.columns) == ["eta", "mass", "phi", "pt"]


def test_jetclass_notices_entries_that_the_tree_only_claims(
    written: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uproot.behaviors.TTree.TTree, "num_entries", 1_000)
    with pytest.raises(CorruptFileError, match="10 of 20 jets are there from entry 20 on; the tree says"):
        read(written["jetclass.root"][0], "jetclass", step=20)


def test_jetclass_refuses_particles_of_other_jets(tmp_path: Path) -> None:
    """As many values in all, but of other jets."""

    def shift(parts: dict, jets: dict) -> None:
        counts = np.asarray(ak.num(parts["part_charge"]))
        assert (counts != np.roll(counts, 1)).any()
        parts["part_charge"] = ak.unflatten(ak.flatten(parts["part_charge"]), np.roll(counts, 1))

    with pytest.raises(CorruptFileError, match=r"'part_charge' has not one value per particle"):
        read(rewrite_jetclass(tmp_path / "a.root", shift), "jetclass")
