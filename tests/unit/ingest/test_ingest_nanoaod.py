"""Readers nanoaod and pfnano: real files, and small ones whose jets are known sums of candidates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from formats_cms import opened, read, write_nanoaod, write_pfnano
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut import ragged
from resonaut.ingest.batch import Batch
from resonaut.ingest.contents import Contents
from resonaut.ingest.methods import nanoaod, pfnano, physlite
from resonaut.kinematics import cartesian

RealFile = Callable[[str], str]
OPEN_DATA = "skhep_nanoAOD_2015_CMS_Open_Data_ttbar.root"
WRITERS = pytest.mark.parametrize(
    ("module", "write"), [(nanoaod, write_nanoaod), (pfnano, write_pfnano)], ids=["nanoaod", "pfnano"]
)


def sums(batch: Batch) -> np.ndarray:
    """(n_jets,) pt of the sum of each jet's constituents."""
    momenta = cartesian(*(batch.constituents.columns[name] for name in ("pt", "eta", "phi", "mass")))
    return np.hypot(*(ragged.sums(component, batch.constituents.offsets) for component in momenta[:2]))


@pytest.mark.parametrize(
    ("name", "module", "collection", "options", "n_jets", "median"),
    [
        ("nano_tt_v15.root", nanoaod, None, {}, 62, 0.9993),
        ("pfnano.root", pfnano, None, {}, 24, 0.9998),
        ("pfnano.root", pfnano, None, {"puppi": False}, 24, 1.0024),
        ("pfnano.root", pfnano, "Jet", {}, 64, 0.9999),
        ("pfnano.root", pfnano, "Jet", {"puppi": True}, 64, 0.8658),
    ],
)
def test_sum_of_constituents_is_the_raw_jet(
    real_file: RealFile,
    name: str,
    module: ModuleType,
    collection: str,
    options: dict,
    n_jets: int,
    median: float,
) -> None:
    (batch,) = read(module, real_file(name), collection, **options)
    filled = np.diff(batch.constituents.offsets) > 0
    assert filled.sum() == n_jets
    ratio = sums(batch)[filled] / batch.jets.columns["raw_pt"][filled]
    assert np.median(ratio) == pytest.approx(median, abs=6e-5)
    applied = options.get("puppi", collection is None)
    assert ("puppi_weight" in batch.constituents.columns) == (name == "pfnano.root" and not applied)


@pytest.mark.parametrize(
    ("name", "n_generated", "sum_weights"),
    [
        ("nano_dy.root", 850_098, 15_166_686_735.858717),
        ("pfnano.root", 10, 10.0),
        (OPEN_DATA, 200, 33_432_083.0625),
        ("nano_tt_v12.root", 200, 66_735.30541992),
    ],
)
def test_events_before_the_skim(real_file: RealFile, name: str, n_generated: int, sum_weights: float) -> None:
    info = nanoaod.build(nanoaod.Settings()).info(opened(real_file(name)), name)
    assert info.n_generated == n_generated
    assert info.sum_weights == pytest.approx(sum_weights, rel=1e-12)
    assert info.cross_section is None


@pytest.mark.parametrize("name", ["nano_tt_v12.root", "nano_tt_v15.root", "nano_dy.root", OPEN_DATA])
@pytest.mark.parametrize("collection", ["FatJet", "Jet"])
def test_jets_are_those_of_the_file(real_file: RealFile, name: str, collection: str) -> None:
    path = real_file(name)
    batches = read(nanoaod, path, collection, step=33)
    tree = opened(path)["Events"]
    pt, factor = (tree[f"{collection}_{leaf}"].array() for leaf in ("pt", "rawFactor"))
    numbers = tree["event"].array(library="np")
    assert np.array_equal(np.concatenate([b.events["event"] for b in batches]), numbers)
    order = ak.argsort(pt, axis=1, ascending=False, stable=True)
    jets = {key: np.concatenate([b.jets.columns[key] for b in batches]) for key in ("pt", "raw_pt")}
    assert np.array_equal(jets["pt"], ak.to_numpy(ak.flatten(pt[order])))
    assert jets["raw_pt"] == pytest.approx(ak.to_numpy(ak.flatten((pt * (1 - factor))[order])), rel=1e-6)
    counts = np.concatenate([np.diff(b.jets.offsets) for b in batches])
    assert np.array_equal(counts, ak.to_numpy(ak.num(pt)))
    linked = name == "nano_tt_v15.root" and collection == "FatJet"
    assert all((b.constituents is not None) == linked for b in batches)
    assert sum(len(b.gen_jets.columns["pt"]) for b in batches) > 0
    assert not any(b.faults()[1] for b in batches)


@WRITERS
def test_constituents_are_the_linked_candidates(
    tmp_path: Path, module: ModuleType, write: Callable[..., Any]
) -> None:
    """Their columns, in the units of the store, whatever the order in the file."""
    truth = write(tmp_path / "a.root", 60, seed=5)
    batches = read(module, tmp_path / "a.root", step=17)
    n_jets = n_shared = 0
    for batch in batches:
        pt = batch.jets.columns["pt"]
        jet_pt = [pt[a:b] for a, b in zip(batch.jets.offsets[:-1], batch.jets.offsets[1:], strict=True)]
        for event, found in enumerate(jet_pt):
            raw = truth["raw"][batch.first_entry + event]
            expected = truth["jets"][batch.first_entry + event]
            order = sorted(range(len(expected)), key=lambda jet: -expected[jet]["pt"])
            assert found == pytest.approx([expected[jet]["pt"] for jet in order], rel=1e-6)
            n_shared += len(np.concatenate([[], *raw["members"]])) - len(set().union(*raw["members"]))
            for position, jet in enumerate(order):
                row = batch.jets.offsets[event] + position
                _compare(batch, row, raw["candidates"], np.array(raw["members"][jet]), expected[jet])
                n_jets += 1
    assert n_jets > 60
    assert n_shared > 10


def _compare(batch: Batch, row: int, candidates: Any, members: np.ndarray, jet: dict[str, float]) -> None:
    found = {
        name: values[batch.constituents.offsets[row] : batch.constituents.offsets[row + 1]]
        for name, values in batch.constituents.columns.items()
    }
    weights = candidates["puppiWeight"][members]
    members, weights = members[weights > 0], weights[weights > 0]
    order = np.argsort(-candidates["pt"][members] * weights, kind="stable")
    members, weights = members[order], weights[order]
    assert found["pt"] == pytest.approx(candidates["pt"][members] * weights, rel=1e-6)
    assert found["mass"] == pytest.approx(candidates["mass"][members] * weights, rel=1e-6)
    for name in ("eta", "phi", "charge"):
        assert found[name] == pytest.approx(candidates[name][members], abs=1e-6)
    classes = {211: 1, -211: 1, 22: 3, 130: 2, 13: 5}
    assert found["pdg_class"].tolist() == [classes[int(number)] for number in candidates["pdgId"][members]]
    for name in {"d0", "dz"} & set(found):
        cm = candidates[name][members]
        assert found[name] == pytest.approx(np.where(cm == -1, np.nan, 10 * cm), rel=1e-6, nan_ok=True)
    if len(members):
        momenta = cartesian(*(found[name] for name in ("pt", "eta", "phi", "mass")))
        assert np.hypot(momenta[0].sum(), momenta[1].sum()) == pytest.approx(jet["raw_pt"], rel=1e-5)
        assert batch.jets.columns["raw_pt"][row] == pytest.approx(jet["raw_pt"], rel=1e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Batch]:
    """A file of 40 events, and its only batch."""
    path = tmp_path_factory.mktemp("whole") / "a.root"
    write_pfnano(path, 40, seed=9)
    return path, read(pfnano, path)[0]


@given(step=st.integers(1, 45))
@hypothesis_settings(max_examples=8, deadline=None)
def test_size_of_steps_does_not_matter(whole: tuple[Path, Batch], step: int) -> None:
    path, expected = whole
    batches = read(pfnano, path, step=step)
    assert [len(b) for b in batches[:-1]] == [step] * (len(batches) - 1)
    assert [b.first_entry for b in batches] == list(range(0, 40, step))
    for group in ("jets", "constituents", "gen_jets"):
        for name, values in getattr(expected, group).columns.items():
            parts = np.concatenate([getattr(b, group).columns[name] for b in batches])
            assert np.array_equal(parts, values, equal_nan=True), (group, name)
    for name, values in expected.events.items():
        assert np.array_equal(np.concatenate([b.events[name] for b in batches]), values)


@WRITERS
def test_rntuple_reads_as_ttree_does(tmp_path: Path, module: ModuleType, write: Callable[..., Any]) -> None:
    write(tmp_path / "tree.root", 30, seed=2)
    write(tmp_path / "ntuple.root", 30, seed=2, rntuple=True)
    for tree, ntuple in zip(
        read(module, tmp_path / "tree.root", step=13),
        read(module, tmp_path / "ntuple.root", step=13),
        strict=True,
    ):
        for group in ("jets", "constituents", "gen_jets"):
            one, other = getattr(tree, group), getattr(ntuple, group)
            assert np.array_equal(one.offsets, other.offsets)
            assert one.columns.keys() == other.columns.keys()
            assert all(np.array_equal(v, other.columns[k], equal_nan=True) for k, v in one.columns.items())


@pytest.mark.parametrize("name", ["pfnano.root", "nano_tt_v15.root"])
def test_only_the_branches_in_use_are_read(real_file: RealFile, name: str) -> None:
    """The ranges of bytes that are asked for are baskets of these branches and of no other."""
    path = real_file(name)
    module = pfnano if name == "pfnano.root" else nanoaod
    expected = {"run", "luminosityBlock", "event", "genWeight", "Pileup_nPU", "nFatJet", "nGenJetAK8"}
    jet = "pt eta phi mass rawFactor msoftdrop tau1 tau2 tau3 tau4 area hadronFlavour"
    expected |= {f"FatJet_{leaf}" for leaf in jet.split()}
    expected |= {f"GenJetAK8_{leaf}" for leaf in ("pt", "eta", "phi", "mass")}
    if module is pfnano:
        expected |= {"nFatJetPFCands", "FatJetPFCands_jetIdx", "FatJetPFCands_pFCandsIdx", "nPFCands"}
        leaves = "pt eta phi mass pdgId charge d0 dz puppiWeight"
        expected |= {f"PFCands_{leaf}" for leaf in leaves.split()}
        expected |= {"FatJet_btagDDBvLV2", "FatJet_particleNetMD_Xbb"}
    else:
        expected |= {"nFatJetPFCand", "FatJetPFCand_jetIdx", "FatJetPFCand_pfCandIdx", "nPFCand"}
        expected |= {f"PFCand_{leaf}" for leaf in ("pt", "eta", "phi", "mass", "pdgId")}
        expected |= {"FatJet_particleNet_XbbVsQCD", "FatJet_globalParT3_Xbb"}
    with uproot.open(path) as file:
        tree = file["Events"]
        baskets = {
            int(seek): branch.name
            for branch in tree.itervalues(recursive=True)
            for seek in branch.member("fBasketSeek")[: branch.num_baskets]
        }
        source = file.file.source
        seen: set[int] = set()
        chunks = source.chunks

        def spy(ranges: list[tuple[int, int]], **more: Any) -> Any:
            seen.update(first for first, _ in ranges)
            return chunks(ranges, **more)

        source.chunks = spy
        list(module.build(module.Settings()).batches(file, path, None, 100))
    assert len(set(baskets.values())) > 1500
    assert {baskets[first] for first in seen} == expected


def test_weights_and_discriminators(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    columns = write_nanoaod(path, 20)["events"]
    (batch,) = read(
        nanoaod, path, weights={"scale": "LHEScaleWeight[7]", "sign": "genWeight"}, btag=["btagDDBvLV2"]
    )
    assert np.array_equal(batch.events["weights/scale"], ak.to_numpy(columns["LHEScaleWeight"][:, 7]))
    assert np.array_equal(batch.events["weights/sign"], columns["genWeight"])
    assert np.array_equal(batch.events["gen_weight"], columns["genWeight"])
    assert np.array_equal(batch.events["n_pu"], columns["Pileup_nPU"])
    assert batch.events["event"][0] == 2**33
    pt, tag = columns["FatJet"].pt, columns["FatJet"].btagDDBvLV2
    expected = ak.to_numpy(ak.flatten(tag[ak.argsort(pt, ascending=False)]))
    assert np.array_equal(batch.jets.columns["btag_ddbvlv2"], expected)
    (batch,) = read(nanoaod, path, btag=[])
    assert not [name for name in batch.jets.columns if name.startswith("btag")]


@WRITERS
def test_data_has_no_truth(tmp_path: Path, module: ModuleType, write: Callable[..., Any]) -> None:
    write(tmp_path / "a.root", 10, data=True)
    (batch,) = read(module, tmp_path / "a.root")
    assert batch.events.keys() == {"run", "lumi", "event", "gen_weight"}
    assert (batch.events["gen_weight"] == 1).all()
    assert (batch.events["run"] == 362_000).all()
    assert batch.gen_jets is None
    with uproot.open(tmp_path / "a.root") as file:
        info = module.build(module.Settings()).info(file, "a.root")
    assert (info.n_generated, info.sum_weights) == (10, 10.0)


def test_each_file_is_known_to_one_reader(real_file: RealFile) -> None:
    expected = {
        "nano_tt_v15.root": nanoaod,
        "nano_tt_v12.root": nanoaod,
        "nano_dy.root": nanoaod,
        "missing_luminosityBlock.root": nanoaod,
        OPEN_DATA: nanoaod,
        "pfnano.root": pfnano,
        "PHYSLITE_example.root": physlite,
        "delphes.root": None,
        "treemaker.root": None,
        "jetclass2_delphes_example.root": None,
    }
    for name, module in expected.items():
        file = opened(real_file(name))
        groups = {
            tree: frozenset(file[tree].keys(recursive=False))
            for tree in file.keys(cycle=False, filter_classname="TTree")
        }
        contents = Contents(name, "root", groups)
        known = [reader for reader in (nanoaod, pfnano, physlite) if reader.matches(contents)]
        assert known == ([module] if module else []), name
