"""Reader physlite: a real DAOD_PHYSLITE file against what uproot reads of it, and a small written one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from formats_cms import opened, read, write_physlite

from resonaut import ragged
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, MissingBranchError
from resonaut.ingest.methods import physlite

RealFile = Callable[[str], str]
NAME = "PHYSLITE_example.root"


def flat(path: str, branch: str, order: ak.Array | None = None) -> np.ndarray:
    """Values of a branch, in the given order inside events."""
    values = opened(path)["CollectionTree"][branch].array()
    return ak.to_numpy(ak.flatten(values if order is None else values[order]))


@pytest.mark.parametrize(
    ("collection", "n_jets", "moments"),
    [
        (None, 97, {"D2": "d2", "C2": "c2", "Tau1_wta": "tau1", "GN2Xv01_phbb": "btag_gn2xv01_phbb"}),
        ("AnalysisJets", 881, {"Width": "width", "ActiveArea4vec_pt": "area"}),
    ],
)
def test_jets_are_those_of_the_file_in_gev(
    real_file: RealFile, collection: str | None, n_jets: int, moments: dict[str, str]
) -> None:
    path = real_file(NAME)
    batches = read(physlite, path, collection, step=30)
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]
    jets = {
        name: np.concatenate([batch.jets.columns[name] for batch in batches])
        for name in batches[0].jets.columns
    }
    start = f"{collection or 'AnalysisLargeRJets'}AuxDyn."
    order = ak.argsort(opened(path)["CollectionTree"][f"{start}pt"].array(), ascending=False, stable=True)
    assert len(jets["pt"]) == n_jets
    in_mev = {"pt": "pt", "mass": "m", "raw_pt": "JetConstitScaleMomentum_pt"}
    for column, variable in in_mev.items():
        assert jets[column] == pytest.approx(flat(path, start + variable, order) / 1000, rel=1e-6)
    for variable, column in {"eta": "eta", "phi": "phi", **moments}.items():
        assert np.array_equal(jets[column], flat(path, start + variable, order)), column
    for batch in batches:
        assert batch.constituents is None
        same_event = np.diff(ragged.row_of(batch.jets.offsets)) == 0
        assert (np.diff(batch.jets.columns["pt"])[same_event] <= 0).all()
        assert batch.gen_jets.columns["pt"].max() < 2000
        assert batch.faults()[1] == []


def test_energy_correlators_agree_with_their_ratio(real_file: RealFile) -> None:
    """D2 = ECF3 ECF1^3 / ECF2^3 (arXiv:1409.6298, eq. 1.1): energies of one unit cancel."""
    jets = read(physlite, real_file(NAME))[0].jets.columns
    ecf1, ecf2, ecf3 = (jets[f"ecf{n}"].astype(np.float64) for n in (1, 2, 3))
    known = (jets["d2"] > 0) & (ecf2 > 0)
    assert known.sum() > 60
    assert jets["d2"][known] == pytest.approx((ecf3[known] * ecf1[known] ** 3 / ecf2[known] ** 3), rel=1e-3)
    assert ecf1[known] == pytest.approx(jets["raw_pt"][known], rel=0.1)


def test_btagging_is_that_of_the_linked_object(real_file: RealFile) -> None:
    path = real_file(NAME)
    jets = read(physlite, path, "AnalysisJets", btag=["GN2v00_pb", "GN2v00_pc", "GN2v00_pu"])[0].jets.columns
    tags = [name for name in jets if name.startswith("btag")]
    assert tags == ["btag_gn2v00_pb", "btag_gn2v00_pc", "btag_gn2v00_pu"]
    assert sum(jets[name].astype(np.float64) for name in tags) == pytest.approx(1, abs=1e-5)
    order = ak.argsort(opened(path)["CollectionTree"]["AnalysisJetsAuxDyn.pt"].array(), ascending=False)
    assert np.array_equal(
        jets["btag_gn2v00_pb"], flat(path, "BTagging_AntiKt4EMPFlowAuxDyn.GN2v00_pb", order)
    )


def test_events_and_weights(real_file: RealFile) -> None:
    path = real_file(NAME)
    (batch,) = read(
        physlite, path, weights={"pileup": "PileupWeight_NOSYS", "variation": "mcEventWeights[4]"}
    )
    tree = opened(path)["CollectionTree"]
    weights = ak.to_numpy(tree["EventInfoAuxDyn.mcEventWeights"].array())
    assert weights.shape == (100, 319)
    assert np.array_equal(batch.events["gen_weight"], weights[:, 0])
    assert np.array_equal(batch.events["weights/variation"], weights[:, 4])
    pileup = tree["EventInfoAuxDyn.PileupWeight_NOSYS"].array(library="np")
    assert np.array_equal(batch.events["weights/pileup"], pileup)
    assert np.array_equal(batch.events["event"], tree["EventInfoAuxDyn.eventNumber"].array(library="np"))
    assert (batch.events["run"] == 300_000).all()
    info = physlite.build(physlite.Settings()).info(opened(path), path)
    assert info.n_generated == 100
    assert info.sum_weights == pytest.approx(weights[:, 0].astype(np.float64).sum(), rel=1e-12)


def test_collection_inside_an_object(real_file: RealFile) -> None:
    path = real_file(NAME)
    (batch,) = read(physlite, path, "AntiKt10UFOCSSKJets")
    expected = flat(path, "AntiKt10UFOCSSKJetsAux./AntiKt10UFOCSSKJetsAux.pt")
    assert np.sort(batch.jets.columns["pt"]) == pytest.approx(np.sort(expected) / 1000, rel=1e-6)


def test_written_file_reads_back(tmp_path: Path) -> None:
    truth = write_physlite(tmp_path / "a.root", 40, seed=3)
    batches = read(physlite, tmp_path / "a.root", step=16)
    pt = np.concatenate([batch.jets.columns["pt"] for batch in batches])
    assert pt == pytest.approx(
        ak.to_numpy(ak.flatten(ak.sort(truth["pt"], ascending=False))) / 1000, rel=1e-6
    )
    assert np.array_equal(np.concatenate([batch.events["event"] for batch in batches]), truth["event"])
    assert np.array_equal(np.concatenate([batch.events["gen_weight"] for batch in batches]), truth["weight"])
    assert all(batch.gen_jets is None for batch in batches)


@pytest.mark.parametrize(
    ("collection", "options", "error", "words"),
    [
        ("AnalysisLargeRJet", {}, MissingBranchError, "Did you mean 'AnalysisLargeRJets'?"),
        (None, {"btag": ["GN2Xv01_pbbb"]}, MissingBranchError, "no discriminator 'GN2Xv01_pbbb'"),
        (None, {"weights": {"a": "mcEventWeight[0]"}}, MissingBranchError, "Did you mean 'mcEventWeights'?"),
        (None, {"weights": {"a": "mcEventWeights[5]"}}, BadValueError, "it has 5 values in entry 0"),
        (None, {"weights": {"a": "mcEventWeights"}}, BadValueError, "several values"),
        (
            None,
            {"weights": {"a b": "mcEventWeights[0]"}},
            ConfigError,
            "'a b: mcEventWeights[0]' is no weight",
        ),
    ],
)
def test_wrong_choices(
    tmp_path: Path, collection: str | None, options: dict[str, Any], error: type, words: str
) -> None:
    write_physlite(tmp_path / "a.root", 5)
    with pytest.raises(error) as caught:
        read(physlite, tmp_path / "a.root", collection, **options)
    assert words in str(caught.value)


def _rewrite(path: Path, changes: dict[str, Any]) -> Path:
    """The written file with some branches changed."""
    write_physlite(path, 2)
    with uproot.open(path) as file:
        tree = file["CollectionTree"]
        columns = {
            name: tree[name].array()
            for name in tree.keys(recursive=False)
            if not name.startswith("nAnalysis")
        }
    columns = {name: values for name, values in columns.items() if not name.startswith("nEvent")} | changes
    with uproot.recreate(path) as file:
        file.mktree("CollectionTree", {name: v.type.content for name, v in columns.items()}).extend(columns)
    return path


def test_columns_of_different_lengths(tmp_path: Path) -> None:
    eta = ak.unflatten(np.zeros(9, np.float32), [9, 0])
    with pytest.raises(
        CorruptFileError, match=r"'AnalysisLargeRJetsAuxDyn.eta' has not one value per object"
    ):
        read(physlite, _rewrite(tmp_path / "a.root", {"AnalysisLargeRJetsAuxDyn.eta": eta}))


def test_missing_event_number(tmp_path: Path) -> None:
    write_physlite(tmp_path / "a.root", 2)
    with uproot.open(tmp_path / "a.root") as file:
        tree = file["CollectionTree"]
        columns = {
            name: tree[name].array()
            for name in tree.keys(recursive=False)
            if name.startswith("Analysis") or name.endswith(("runNumber", "lumiBlock"))
        }
    with uproot.recreate(tmp_path / "b.root") as file:
        file.mktree("CollectionTree", {name: v.type.content for name, v in columns.items()}).extend(columns)
    with pytest.raises(MissingBranchError, match=r"no branch 'EventInfoAuxDyn.eventNumber'"):
        read(physlite, tmp_path / "b.root")


def test_what_is_said_where_constituents_are_wanted() -> None:
    said = physlite.why_no_constituents("a.root")
    assert said.startswith("DAOD_PHYSLITE holds links")
    assert "constituentLinks" in said


def test_data_have_weight_1(tmp_path: Path) -> None:
    """The variable is there in data, too, without values."""
    none = ak.unflatten(np.zeros(0, np.float32), [0, 0])
    path = _rewrite(tmp_path / "a.root", {"EventInfoAuxDyn.mcEventWeights": none})
    (batch,) = read(physlite, path)
    assert batch.events["gen_weight"].tolist() == [1, 1]
    assert physlite.build(physlite.Settings()).info(opened(path), str(path)).sum_weights == 2
    some = ak.unflatten(np.ones(3, np.float32), [3, 0])
    with pytest.raises(BadValueError, match="0 values in entry 1"):
        read(physlite, _rewrite(tmp_path / "b.root", {"EventInfoAuxDyn.mcEventWeights": some}))


def test_links_to_no_b_tagging(tmp_path: Path) -> None:
    """A negative position is none, and not that of the event before."""
    columns = {
        f"AnalysisJetsAuxDyn.{name}": ak.unflatten(np.ones(3, np.float32), [2, 1])
        for name in ("pt", "eta", "phi", "m")
    }
    columns["BTagging_AntiKt4EMPFlowAuxDyn.GN2v01_pb"] = ak.unflatten(np.float32([0.1, 0.2, 0.3]), [2, 1])
    link = "AnalysisJetsAuxDyn.btaggingLink.m_persIndex"
    good = columns | {link: ak.unflatten(np.int32([1, 0, 0]), [2, 1])}
    (batch,) = read(physlite, _rewrite(tmp_path / "b.root", good), "AnalysisJets")
    assert batch.jets.columns["btag_gn2v01_pb"] == pytest.approx([0.2, 0.1, 0.3])
    bad = columns | {link: ak.unflatten(np.int32([1, 0, -1]), [2, 1])}
    with pytest.raises(BadValueError, match=r"1 of 3 links .* the first in entry 1"):
        read(physlite, _rewrite(tmp_path / "c.root", bad), "AnalysisJets")
