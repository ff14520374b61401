"""Ntuples by a mapping of their branches: every layout gives the same jets, and every mistake has a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from formats_flat import LAYOUTS, write_flat, write_tree
from hypothesis import given
from hypothesis import strategies as st

from resonaut import ragged, registry
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, ResonautError
from resonaut.ingest.batch import Batch
from resonaut.ingest.contents import contents_of
from resonaut.ingest.momenta import canonical, wrapped
from resonaut.ingest.rootfile import open_root
from resonaut.kinematics import cartesian
from resonaut.settings import validate

_PT_ETA_PHI = {name: f"jet_{name}" for name in ("pt", "eta", "phi", "mass")}


def read(path: Path | str, options: dict[str, Any], step: int = 1000, name: str = "flat") -> list[Batch]:
    module = registry.load("ingest", name)
    settings = validate(module.Settings, options, "options")
    with open_root(str(path)) as file:
        module.check_file(contents_of(file, str(path), "root"), settings)
        reader = module.build(settings)
        assert reader.info(file, str(path)).n_generated > 0
        return list(reader.batches(file, str(path), None, step))


def columns(group: Any) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in group.columns.items()}


@pytest.mark.parametrize("step", [1000, 7])
@pytest.mark.parametrize(
    ("layout", "rntuple"), [(name, True) for name in LAYOUTS] + [(name, False) for name in LAYOUTS[1:]]
)
def test_every_layout_gives_what_was_written(tmp_path: Path, layout: str, rntuple: bool, step: int) -> None:
    truth = write_flat(tmp_path / "flat.root", 30, 5, layout, rntuple)
    batches = read(tmp_path / "flat.root", truth["options"], step)
    assert len(batches) == -(-30 // step)
    for name in ("run", "lumi", "event", "gen_weight", "label"):
        np.testing.assert_array_equal(np.concatenate([b.events[name] for b in batches]), truth[name])
    for name, values in truth["jets"].items():
        np.testing.assert_array_equal(np.concatenate([b.jets.columns[name] for b in batches]), values)
    n_jets = np.concatenate([np.diff(b.jets.offsets) for b in batches])
    np.testing.assert_array_equal(n_jets, np.diff(truth["jet_offsets"]))
    n_members = np.concatenate([np.diff(b.constituents.offsets) for b in batches])
    np.testing.assert_array_equal(n_members, np.diff(truth["constituent_offsets"]))
    charged = truth["constituents"]["charge"] != 0
    for name, values in truth["constituents"].items():
        expected = np.where(charged, values, np.nan) if name == "d0" else values
        found = np.concatenate([b.constituents.columns[name] for b in batches])
        np.testing.assert_array_equal(found, expected)
    assert batches[0].faults()[1] == []


def test_sum_of_weights_and_names(tmp_path: Path) -> None:
    truth = write_flat(tmp_path / "flat.root", 30, 5)
    reader = registry.build("ingest", "flat", truth["options"])
    with open_root(str(tmp_path / "flat.root")) as file:
        info = reader.info(file, "flat.root")
    assert info.sum_weights == pytest.approx(truth["gen_weight"].sum(), rel=1e-12)
    assert info.label_names == ("background", "signal")
    assert reader.numbered


def test_units_and_forms_of_momenta_agree(tmp_path: Path) -> None:
    """MeV and GeV, pt eta phi and px py pz, mass and energy describe the same jets."""
    random = np.random.default_rng(3)
    pt, eta, phi, mass = (
        random.exponential(200, 50) + 20,
        random.normal(0, 2, 50),
        random.uniform(-3, 3, 50),
        80.0,
    )
    px, py, pz, energy = cartesian(pt, eta, phi, mass)
    branches = {
        "jet_pt": pt, "jet_eta": eta, "jet_phi": phi, "jet_mass": np.full(50, mass),
        "e": energy * 1000, "x": px * 1000, "y": py * 1000, "z": pz * 1000, "pt_mev": pt * 1000,
    }  # fmt: skip
    path = write_tree(tmp_path / "one_jet.root", branches)
    forms = [
        ({"pt": "jet_pt", "eta": "jet_eta", "phi": "jet_phi", "mass": "jet_mass"}, "GeV"),
        ({"pt": "pt_mev", "eta": "jet_eta", "phi": "jet_phi", "energy": "e"}, "MeV"),
        ({"px": "x", "py": "y", "pz": "z", "energy": "e"}, "MeV"),
        ({"px": "x", "py": "y", "pz": "z", "mass": mass}, "MeV"),
    ]
    for mapping, unit in forms:
        (batch,) = read(path, {"jets": mapping, "unit": unit})
        assert batch.jets.offsets.tolist() == list(range(51))
        for name, values in zip(("pt", "eta", "phi", "mass"), (pt, eta, phi, np.full(50, mass)), strict=True):
            np.testing.assert_allclose(batch.jets.columns[name], values, rtol=1e-6, atol=1e-9)
        assert batch.events["gen_weight"].tolist() == [1.0] * 50
        assert batch.events["event"].tolist() == list(range(50))
        assert batch.constituents is None
        assert set(batch.events) == {"run", "lumi", "event", "gen_weight"}


def test_padding_is_told_by_pt_alone(tmp_path: Path) -> None:
    """Fixed-length lists: rows of pt 0 are filler, and eta or phi of exactly 0 are directions."""
    branches = {
        "p_pt": np.array([[5.0, 3.0, 0.0], [4.0, 0.0, 0.0]]),
        "p_eta": np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
        "p_phi": np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]),
    }
    path = write_tree(tmp_path / "padded.root", branches)
    mapping = {name: f"p_{name}" for name in ("pt", "eta", "phi")} | {"mass": 0.0}
    (batch,) = read(path, {"particles": mapping})
    assert batch.particles.columns["pt"].tolist() == [5.0, 3.0, 4.0]
    assert batch.particles.columns["eta"].tolist() == [0.0, 1.0, 0.0]
    assert batch.particles.offsets.tolist() == [0, 2, 3]
    (jets,) = read(path, {"jets": mapping})
    assert jets.jets.offsets.tolist() == [0, 2, 3]


def test_one_branch_per_jet(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    names = ("pt", "eta", "phi", "m")
    branches = {f"j{i}_{name}": random.uniform(0.5, 1, 6) for i in (1, 2) for name in names}
    branches["j2_pt"] += 1
    branches["j1_pt"][3] = 0  # no first jet in this event
    path = write_tree(tmp_path / "columns.root", branches)
    jets = {"mass" if name == "m" else name: [f"j1_{name}", f"j2_{name}"] for name in names}
    (batch,) = read(path, {"jets": jets})
    assert np.diff(batch.jets.offsets).tolist() == [2, 2, 2, 1, 2, 2]
    leading = batch.jets.columns["eta"][batch.jets.offsets[:-1]]
    np.testing.assert_array_equal(leading, branches["j2_eta"])  # the harder one comes first


def test_candidates_outside_of_jets(tmp_path: Path) -> None:
    jets = {name: ak.Array([[9.0, 8.0], [7.0]]) for name in ("jet_pt", "jet_eta", "jet_phi", "jet_mass")}
    pf = {f"pf_{name}": ak.Array([[1.0, 2.0, 3.0, 4.0], [5.0]]) for name in ("pt", "eta", "phi")}
    path = write_tree(tmp_path / "f.root", jets | pf | {"at": ak.Array([[1, -1, 0, 1], [-1]])})
    members = {name: f"pf_{name}" for name in ("pt", "eta", "phi")} | {"mass": 0.13957, "jet_index": "at"}
    (batch,) = read(path, {"jets": _PT_ETA_PHI, "constituents": members})
    assert batch.constituents.columns["pt"].tolist() == [3.0, 4.0, 1.0]
    assert batch.constituents.offsets.tolist() == [0, 1, 3, 3]
    assert batch.constituents.columns["mass"] == pytest.approx(0.13957)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"jets": {**_PT_ETA_PHI, "pt": "jet_ptt"}}, ConfigError,
         r"options.jets.pt: .*f.root has no branch 'jet_ptt' in the tree 'ntuple'. Did you mean 'jet_pt'\?"),
        ({"tree": "ntupel"}, ConfigError, r"options.tree: .* no tree 'ntupel'. Did you mean 'ntuple'\?"),
        ({"events": {"event": "EventNr"}, "label_names": []}, ConfigError,
         r"options.events.event: .*'EventNumber'"),
        ({"jets": {"pt": "jet_pt", "eta": "jet_eta", "mass": "jet_mass"}}, ConfigError, "phi of the"),
        ({"jets": {**_PT_ETA_PHI, "energy": "e"}}, ConfigError, "either 'mass' .* or 'energy' is expected"),
        ({"jets": {**_PT_ETA_PHI, "px": "x"}}, ConfigError, "either pt, eta, phi or px, py, pz"),
        ({"jets": {}}, ConfigError, "either 'jets' or 'particles'"),
        ({"particles": _PT_ETA_PHI}, ConfigError, "either 'jets' or 'particles'"),
        ({"jets": {**_PT_ETA_PHI, "eta": 0.0}}, ConfigError, "only the mass may be one"),
        ({"label_names": []}, ConfigError, "'label_names' and a label .* go together"),
        ({"label_names": ["one"]}, BadValueError, r"isSignal is 1; whole numbers from 0 to 0"),
        ({"unti": "GeV"}, ConfigError, r"options.unti: unknown key. Did you mean 'unit'\?"),
        ({"jets": {**_PT_ETA_PHI, "tau1": "pf_pt"}, "constituents": {}}, BadValueError,
         r"'pf_pt' has 2 levels of lists, 'jet_pt' has 1"),
        ({"events": {"gen_weight": "jet_pt"}, "label_names": []}, BadValueError, r"'jet_pt' .*holds lists"),
    ],
)  # fmt: skip
def test_mistakes_in_the_mapping(
    tmp_path: Path, change: dict[str, Any], error: type[ResonautError], message: str
) -> None:
    truth = write_flat(tmp_path / "f.root", 20, 1)
    with pytest.raises(error, match=message):
        read(tmp_path / "f.root", truth["options"] | change)


def test_columns_of_unequal_length(tmp_path: Path) -> None:
    jets = {name: ak.Array([[1.0], [9.0, 8.0, 7.0]]) for name in ("jet_pt", "jet_phi", "jet_mass")}
    path = write_tree(tmp_path / "f.root", jets | {"jet_eta": ak.Array([[1.0], [2.0, 3.0]])})
    with pytest.raises(BadValueError, match=r"'jet_eta' has 2 values in entry 1, 'jet_pt' has 3"):
        read(path, {"jets": _PT_ETA_PHI})


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("jet_index", [[0, 2], [0]], r"'at' is 2 in entry 0, which has 2 jets"),
        ("jet_index", [[0, -2], [0]], r"'at' is -2 in entry 0"),
        ("counts", [[1, 2], [1]], r"'at' counts 3 candidates in entry 0, which has 2"),
        ("counts", [[3, -1], [1]], r"'at' counts 2 candidates in entry 0"),
        ("counts", [[2], [1]], r"'at' has 1 values in entry 0, 'options.jets' has 2"),
    ],
)
def test_damaged_layouts(tmp_path: Path, key: str, values: list[list[int]], message: str) -> None:
    jets = {name: ak.Array([[9.0, 8.0], [7.0]]) for name in ("jet_pt", "jet_eta", "jet_phi", "jet_mass")}
    pf = {f"pf_{name}": ak.Array([[1.0, 2.0], [5.0]]) for name in ("pt", "eta", "phi", "mass")}
    path = write_tree(tmp_path / "f.root", jets | pf | {"at": ak.Array(values)})
    members = {name: f"pf_{name}" for name in ("pt", "eta", "phi", "mass")} | {key: "at"}
    with pytest.raises(BadValueError, match=message):
        read(path, {"jets": _PT_ETA_PHI, "constituents": members})


def test_empty_tree(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "f.root") as file:
        file.mktree("t", dict.fromkeys(_PT_ETA_PHI.values(), "f8"))
    with pytest.raises(EmptyFileError, match="has 0 events"):
        read(tmp_path / "f.root", {"jets": _PT_ETA_PHI})


def test_only_mapped_branches_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = write_flat(tmp_path / "f.root", 20, 1, "counts", rntuple=False)
    seen: list[str] = []
    array = uproot.TBranch.array

    def spy(self: Any, *args: Any, **options: Any) -> Any:
        seen.append(self.name)
        return array(self, *args, **options)

    monkeypatch.setattr(uproot.TBranch, "array", spy)
    read(tmp_path / "f.root", {"jets": _PT_ETA_PHI, "tree": "ntuple"})
    assert sorted(seen) == sorted(_PT_ETA_PHI.values())
    assert len(truth["options"]["constituents"]) > 0


def test_mev_of_atlas_and_nested_vectors(real_file: Callable[[str], str]) -> None:
    """A TTree with vector<vector<float>>: the pt of the tracks of each vertex, as constituents."""
    path = real_file("PHYSLITE_example.root")
    prefix = "AnalysisJetsAuxDyn."
    jets = {"pt": f"{prefix}pt", "eta": f"{prefix}eta", "phi": f"{prefix}phi", "mass": f"{prefix}m"}
    tracks = f"{prefix}SumPtTrkPt500"
    members = {"pt": tracks, "eta": tracks, "phi": tracks, "mass": 0.0}
    options = {"tree": "CollectionTree", "jets": jets, "constituents": members, "unit": "MeV"}
    (batch,) = read(path, options)
    tree = uproot.open(path)["CollectionTree"]
    pt = tree[jets["pt"]].array()
    order = ak.argsort(pt, ascending=False, stable=True)
    np.testing.assert_allclose(batch.jets.columns["pt"], ak.flatten(pt[order]) / 1000, rtol=1e-6)
    sums = ak.flatten(ak.sum(tree[tracks].array(), axis=-1)[order]) / 1000
    found = ragged.sums(batch.constituents.columns["pt"].astype(np.float64), batch.constituents.offsets)
    np.testing.assert_allclose(found, sums, rtol=1e-5)


def test_canonical_columns() -> None:
    found = canonical(
        {
            "pt": np.array([1, 2], np.int64), "eta": np.zeros(2), "phi": np.array([6.0, 0.0]),
            "energy": np.array([0.5, -1.0]), "pdg_id": np.array([-211, 22]), "d0": np.array([0.1, 0.2]),
        },
        length="cm",
    )  # fmt: skip
    assert found["phi"] == pytest.approx([6 - 2 * np.pi, 0])
    assert found["mass"][0] == 0
    assert np.isnan(found["mass"][1])  # a negative energy is no rounding
    assert found["charge"].tolist() == [-1, 0]
    assert found["pdg_class"].tolist() == [1, 3]
    assert found["d0"][0] == pytest.approx(1.0)
    assert np.isnan(found["d0"][1])  # a photon has no track


@given(st.floats(-10, 10, width=32), st.sampled_from([np.float32, np.float64]))
def test_wrapped_angles(phi: float, kind: type) -> None:
    # What no measurement gives stays as it is, so that it is seen as a fault.
    assert wrapped(np.array([-999.0, 1e20], kind)).tolist() == [-999.0, kind(1e20)]
    found = wrapped(np.array([phi], kind))
    assert -np.pi - 1e-6 < found[0] <= np.pi + 1e-6
    assert np.cos(found[0] - kind(phi)) == pytest.approx(1, abs=1e-5)
    if -3.14 < phi < 3.14:
        assert found[0] == kind(phi)


def test_generator_jets_that_fill_up_are_dropped(tmp_path: Path) -> None:
    branches = {f"jet_{name}": np.full(2, 5.0) for name in ("pt", "eta", "phi", "mass")}
    branches |= {f"gen_{name}": np.zeros((2, 3)) for name in ("eta", "phi", "mass")}
    branches["gen_pt"] = np.array([[30.0, 0, 50], [0, 0, 0]])
    mapping = {"jets": _PT_ETA_PHI, "gen_jets": {name: f"gen_{name}" for name in _PT_ETA_PHI}}
    (batch,) = read(write_tree(tmp_path / "a.root", branches), mapping)
    assert batch.gen_jets.columns["pt"].tolist() == [50, 30]
    assert batch.gen_jets.offsets.tolist() == [0, 2, 2]


def test_labels_of_filler_are_not_looked_at(tmp_path: Path) -> None:
    branches = {f"jet_{name}": np.array([[9.0, 0], [8, 7]]) for name in ("pt", "eta", "phi", "mass")}
    branches["label"] = np.array([[1, -99], [0, 1]])
    options = {"jets": {**_PT_ETA_PHI, "label": "label"}, "label_names": ["light", "b"]}
    (batch,) = read(write_tree(tmp_path / "a.root", branches), options)
    assert batch.jets.columns["label"].tolist() == [1, 0, 1]
    branches["label"][1, 1] = -99
    with pytest.raises(BadValueError, match="label is -99"):
        read(write_tree(tmp_path / "b.root", branches), options)


def test_a_jet_charge_is_not_cut_to_whole_numbers(tmp_path: Path) -> None:
    branches = {f"jet_{name}": np.full(2, 5.0) for name in ("pt", "eta", "phi", "mass")}
    path = write_tree(tmp_path / "a.root", branches | {"q": np.array([1.0, -0.31])})
    with pytest.raises(BadValueError, match=r"a.root: options.jets: the column 'charge' holds -0.31"):
        read(path, {"jets": {**_PT_ETA_PHI, "charge": "q"}})
    (batch,) = read(path, {"jets": {**_PT_ETA_PHI, "jet_charge": "q"}})
    assert batch.jets.columns["jet_charge"].tolist() == [1, -0.31]
