"""Ntuples of TreeMaker: a real file, value by value."""

from __future__ import annotations

from collections.abc import Callable

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut import registry
from resonaut.errors import InputError
from resonaut.ingest.contents import contents_of, find_reader
from resonaut.ingest.methods import treemaker
from resonaut.ingest.rootfile import open_root
from resonaut.kinematics import cartesian


def test_treemaker(real_file: Callable[[str], str]) -> None:
    path = real_file("treemaker.root")
    tree = uproot.open(path)["PreSelection"]
    with open_root(path) as file:
        assert find_reader(contents_of(file, path, "root"), "auto") == "treemaker"
        reader = registry.build("ingest", "treemaker", {})
        with pytest.raises(InputError, match=r"no jet collection 'JetsAK15'. Did you mean 'JetsAK8'"):
            next(reader.batches(file, path, "JetsAK15", 5))
        (small,) = reader.batches(file, path, "Jets", 100)
        assert reader.info(file, path).sum_weights == pytest.approx(ak.sum(tree["Weight"].array()))
        batches = list(reader.batches(file, path, None, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    for batch, collection in ((batches[0], "JetsAK8"), (small, "Jets")):
        part = slice(0, len(batch))
        pt, eta, phi, energy = (
            tree[f"{collection}/{collection}.fCoordinates.{leaf}"].array()[part]
            for leaf in ("fPt", "fEta", "fPhi", "fE")
        )
        order = ak.argsort(pt, ascending=False)
        expected = [np.asarray(ak.flatten(values[order])) for values in (pt, eta, phi, energy)]
        found = cartesian(*(batch.jets.columns[name] for name in ("pt", "eta", "phi", "mass")))
        np.testing.assert_array_equal(batch.jets.columns["pt"], expected[0])
        np.testing.assert_allclose(found[3], expected[3], rtol=1e-9)
        np.testing.assert_array_equal(batch.events["event"], tree["EvtNum"].array()[part])
    order = ak.argsort(tree["JetsAK8/JetsAK8.fCoordinates.fPt"].array(), ascending=False)
    mass = np.concatenate([batch.jets.columns["soft_drop_mass"] for batch in batches])
    np.testing.assert_array_equal(mass, np.asarray(ak.flatten(tree["JetsAK8_softDropMass"].array()[order])))
    assert {"tau1", "tau2", "tau3", "btag_double_b"} <= batches[0].jets.columns.keys()
    assert "tau4" not in batches[0].jets.columns


def test_treemaker_constituents_are_mapped_where_present() -> None:
    """Branches of the Run 2 legacy ntuples, which the example file is older than."""
    present = {"RunNum", "LumiBlockNum", "EvtNum", "JetsAK8", "JetsAK8_constituentsIndex", "JetsConstituents"}
    present |= {"JetsAK8_constituentsIndexCounts", "JetsConstituents_PdgId", "JetsConstituents_dxy"}
    found = treemaker._mapping("f", "PreSelection", "JetsAK8", present).constituents
    assert found["index"] == "JetsAK8_constituentsIndex"
    assert found["counts"] == "JetsAK8_constituentsIndexCounts"
    assert found["energy"] == "JetsConstituents/JetsConstituents.fCoordinates.fE"
    assert (found["pdg_id"], found["d0"]) == ("JetsConstituents_PdgId", "JetsConstituents_dxy")
    assert "dz" not in found
