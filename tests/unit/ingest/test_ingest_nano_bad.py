"""Readers nanoaod and pfnano: wrong options, damaged and unusual files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from formats_cms import read, write_pfnano

from resonaut.errors import (
    BadValueError,
    ConfigError,
    CorruptFileError,
    EmptyFileError,
    MissingBranchError,
)
from resonaut.ingest.contents import Contents
from resonaut.ingest.methods import nanoaod, pfnano

RealFile = Callable[[str], str]
OPEN_DATA = "skhep_nanoAOD_2015_CMS_Open_Data_ttbar.root"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"weights": {"a": "LHEScaleWeight[9]"}}, BadValueError, "it has 9 values in entry 0, '[9]'"),
        ({"weights": {"a": "LHEScaleWeight"}}, BadValueError, "several values"),
        ({"weights": {"a": "genWeight[0]"}}, BadValueError, "one value per event"),
        ({"weights": {"a": "LHEScaleWeigth[0]"}}, MissingBranchError, "Did you mean 'LHEScaleWeight'?"),
        ({"weights": {"a": "x + 1"}}, ConfigError, "options.weights: 'a: x + 1' is no weight"),
        ({"btag": ["btagDDBvLV3"]}, MissingBranchError, "Did you mean 'FatJet_btagDDBvLV2'?"),
        ({"pupi": True}, ConfigError, "Did you mean 'puppi'?"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], error: type, words: str) -> None:
    write_pfnano(tmp_path / "a.root", 3)
    with pytest.raises(error) as caught:
        read(pfnano, tmp_path / "a.root", **options)
    assert words in str(caught.value)


def test_weights_are_checked_when_the_configuration_is_read() -> None:
    contents = Contents("a.root", "root", {"Events": frozenset(["genWeight", "PSWeight"])})
    nanoaod.check_file(contents, nanoaod.Settings(weights={"isr": "PSWeight[0]"}))
    with pytest.raises(MissingBranchError, match="no branch 'PSWeights'"):
        nanoaod.check_file(contents, nanoaod.Settings(weights={"isr": "PSWeights[0]"}))


def test_unknown_collection_names_the_nearest(real_file: RealFile) -> None:
    with pytest.raises(MissingBranchError, match=r"Did you mean 'FatJet'\?"):
        read(nanoaod, real_file("nano_dy.root"), "FatJte")
    (batch,) = read(nanoaod, real_file("nano_dy.root"), "GenJetAK8")
    assert batch.constituents is None
    assert batch.gen_jets is None
    assert "raw_pt" not in batch.jets.columns


def test_missing_event_number(real_file: RealFile) -> None:
    with pytest.raises(
        MissingBranchError, match="'luminosityBlock'; run, luminosityBlock, event are expected"
    ):
        read(nanoaod, real_file("missing_luminosityBlock.root"))


def test_no_events(real_file: RealFile) -> None:
    with pytest.raises(EmptyFileError, match="0 events"):
        read(nanoaod, real_file("nano_dy_empty.root"))


def _write_flat(path: Path, **changes: Any) -> Path:
    """Two events with two jets each, and two candidates each."""
    counts = [2, 2]
    columns: dict[str, Any] = {
        "run": np.ones(2, np.uint32),
        "luminosityBlock": np.ones(2, np.uint32),
        "event": np.arange(2, dtype=np.uint64),
        "nFatJet": np.array(counts, np.int32),
        "nFatJetPFCands": np.array(counts, np.int32),
        "nPFCands": np.array(counts, np.int32),
        "FatJetPFCands_jetIdx": ak.unflatten(np.array([0, 1, 0, 1], np.int32), counts),
        "FatJetPFCands_pFCandsIdx": ak.unflatten(np.array([0, 1, 0, 1], np.int32), counts),
        "PFCands_pdgId": ak.unflatten(np.array([22, 211, 1, 2], np.int32), counts),
    }
    values = {"pt": [300, 200, 250, 240], "eta": [0, 1, 2, -1], "phi": [3.1416016, -2, 0, 1], "mass": [0] * 4}
    for name in values:
        for group in ("FatJet", "PFCands"):
            columns[f"{group}_{name}"] = ak.unflatten(np.array(values[name], np.float32), counts)
    columns |= changes
    types = {
        name: values.type.content if isinstance(values, ak.Array) else values.dtype
        for name, values in columns.items()
    }
    with uproot.recreate(path) as file:
        file.mktree("Events", types).extend(columns)
    return path


def test_phi_of_few_bits_is_brought_below_pi(tmp_path: Path) -> None:
    (batch,) = read(pfnano, _write_flat(tmp_path / "a.root"))
    for group in (batch.jets, batch.constituents):
        assert group.columns["phi"] == pytest.approx([3.1416016 - 2 * np.pi, -2, 0, 1], abs=1e-6)
        assert (np.abs(group.columns["phi"]) <= np.pi).all()
    assert batch.constituents.columns["charge"].tolist() == [0, 1, 0, 0]
    assert batch.constituents.columns["pdg_class"].tolist() == [3, 1, 2, 3]
    assert batch.constituents.offsets.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("branch", "values", "words"),
    [
        ("FatJetPFCands_pFCandsIdx", [0, 1, 0, 2], "the first is 2 in entry 1. Keep PFCands whole"),
        ("FatJetPFCands_pFCandsIdx", [-1, 1, 0, 1], "1 of 4 values"),
        ("FatJetPFCands_jetIdx", [0, 5, 9, 1], "2 of 4 values of 'FatJetPFCands_jetIdx' point to no"),
    ],
)
def test_links_to_nothing(tmp_path: Path, branch: str, values: list[int], words: str) -> None:
    links = ak.unflatten(np.array(values, np.int32), [2, 2])
    with pytest.raises(BadValueError) as caught:
        read(pfnano, _write_flat(tmp_path / "a.root", **{branch: links}))
    assert words in str(caught.value)


def test_columns_of_different_lengths(tmp_path: Path) -> None:
    eta = ak.unflatten(np.zeros(4, np.float32), [3, 1])
    with pytest.raises(CorruptFileError, match="'FatJet_eta' has other lengths than 'nFatJet' says"):
        read(pfnano, _write_flat(tmp_path / "a.root", FatJet_eta=eta))
    with pytest.raises(CorruptFileError, match="than 'nPFCands' says"):
        read(pfnano, _write_flat(tmp_path / "b.root", nPFCands=np.array([2, 2**31 - 1], np.int32)))


def test_jets_without_candidates_keep_their_place(tmp_path: Path) -> None:
    links = ak.unflatten(np.array([1, 1, 1, 1], np.int32), [2, 2])
    (batch,) = read(pfnano, _write_flat(tmp_path / "a.root", FatJetPFCands_jetIdx=links))
    assert batch.jets.columns["pt"].tolist() == [300, 200, 250, 240]
    assert batch.constituents.offsets.tolist() == [0, 0, 2, 2, 4]


def test_what_is_said_where_constituents_are_wanted() -> None:
    assert "This NanoAOD file links no candidates" in nanoaod.why_no_constituents("a.root")
    assert "'ingest.collection'" in pfnano.why_no_constituents("a.root")
