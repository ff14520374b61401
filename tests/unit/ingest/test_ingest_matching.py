"""Matching of jets to truth, against geometry done by hand and against loops."""

from __future__ import annotations

import math
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut import ragged
from resonaut.errors import CorruptFileError
from resonaut.ingest.batch import Ragged
from resonaut.ingest.convert import convert
from resonaut.ingest.matching import flavour, matched
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.store import Store


def _jets(*events: list[tuple[float, float]]) -> Ragged:
    flat = [axis for event in events for axis in event]
    eta, phi = np.array(flat).reshape(-1, 2).T
    return Ragged({"eta": eta, "phi": phi}, ragged.offsets_of(np.array([len(event) for event in events])))


def _truth(*events: list[tuple[int, int, float, float]]) -> Ragged:
    """Events of rows (pdg_id, parent, eta, phi)."""
    values = np.array([row for event in events for row in event]).reshape(-1, 4).T
    names = ("pdg_id", "parent", "eta", "phi")
    columns = dict(zip(names, values, strict=True))
    for name in ("pdg_id", "parent"):
        columns[name] = columns[name].astype(np.int32)
    return Ragged(columns, ragged.offsets_of(np.array([len(event) for event in events])))


TOP = [(6, -1, 0.0, 0.0), (5, 0, 0.3, 0.0), (2, 0, 0.0, 0.79), (-1, 0, -0.2, -0.1)]


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ((0.0, 0.0), 1),
        ((0.0, -0.02), 0),  # the second quark is 0.81 away
        ((0.0, 1.58), 0),  # that quark alone is inside
        ((-0.12, 0.0), 1),  # sqrt(0.12^2 + 0.79^2) = 0.799
        ((-0.13, 0.0), 0),  # 0.8006
        ((0.7, 0.5), 0),  # the top is 0.86 away
    ],
)
def test_the_resonance_and_all_its_quarks_must_be_inside(axis, expected):
    assert matched(_jets([axis]), _truth(TOP), 0.8).tolist() == [expected]


def test_distances_go_around_the_cylinder():
    # All within 0.2 of phi = pi, on both sides of the seam.
    truth = [(24, -1, 1.0, math.pi - 0.05), (3, 0, 1.0, -math.pi + 0.1), (-4, 0, 1.0, math.pi - 0.15)]
    jets = [(1.0, -math.pi + 0.02), (1.0, math.pi), (1.0, 3 * math.pi), (1.0, 0.0)]
    assert matched(_jets(jets), _truth(truth), 0.2).tolist() == [1, 1, 1, 0]


def test_each_event_has_its_own_truth():
    w_boson = [(24, -1, 2.0, 1.0), (1, 0, 2.1, 1.0), (-2, 0, 1.9, 1.0)]
    truth = _truth(
        [], w_boson, [*TOP, *[(code, parent + 4 * (parent >= 0), *axis) for code, parent, *axis in w_boson]]
    )
    jets = _jets([(2.0, 1.0), (0.0, 0.0)], [(0.0, 0.0), (2.0, 1.0)], [(0.0, 0.0), (5.0, 1.0), (2.0, 1.0)])
    assert matched(jets, truth, 0.8).tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert matched(_jets([], [], []), truth, 0.8).tolist() == []
    assert matched(jets, _truth([], [], []), 0.8).tolist() == [0] * 7


def test_one_quark_of_another_resonance_does_no_harm_and_no_good():
    # Two resonances: the first whole in the jet, the second with one quark out; the order is mixed.
    truth = _truth(
        [
            (1, 4, 0.1, 0.0),
            (23, -1, 0.3, 0.0),
            (-1, 4, 0.0, 0.1),
            (2, 1, 2.0, 0.0),
            (-24, -1, 0, 0),
            (-2, 1, 0, 0),
        ]
    )
    assert matched(_jets([(0.0, 0.0), (1.0, 0.0)]), truth, 0.8).tolist() == [1, 0]
    assert matched(_jets([(0.0, 0.0), (1.0, 0.0)]), truth, 1.1).tolist() == [1, 1]


@pytest.mark.parametrize("products", [[], [(11, 0, 0, 0), (-12, 0, 0, 0)], [(5, 0, 0, 0), (21, 0, 0, 0)]])
def test_what_decays_to_no_quarks_makes_no_jet(products):
    assert matched(_jets([(0.0, 0.0)]), _truth([(24, -1, 0.0, 0.0), *products]), 0.8).tolist() == [0]


def test_matching_agrees_with_loops():
    random = np.random.default_rng(5)
    n_events, radius = 300, 0.8
    truth, jets = [], []
    for _ in range(n_events):
        rows = []
        for _ in range(random.integers(0, 3)):
            eta, phi = random.normal(0, 1), random.uniform(-np.pi, np.pi)
            own = len(rows)
            rows.append((6, -1, eta, phi))
            rows += [
                (int(random.integers(1, 6)), own, eta + random.normal(0, 0.3), phi + random.normal(0, 0.3))
                for _ in range(random.integers(0, 4))
            ]
        truth.append(rows)
        centres = [row[2:] for row in rows] or [(0.0, 0.0)]
        jets.append([tuple(np.add(centres[random.integers(len(centres))], 0.1)) for _ in range(3)])

    def near(jet, row):
        return math.hypot(jet[0] - row[2], math.remainder(jet[1] - row[3], 2 * math.pi)) < radius

    expected = []
    for rows, axes in zip(truth, jets, strict=True):
        for jet in axes:
            good = False
            for place, row in enumerate(rows):
                quarks = [other for other in rows if other[1] == place]
                if row[1] == -1 and quarks and near(jet, row) and all(near(jet, quark) for quark in quarks):
                    good = True
            expected.append(int(good))
    found = matched(_jets(*jets), _truth(*truth), radius)
    assert found.dtype == np.int8
    assert found.tolist() == expected
    assert 0.1 < found.mean() < 0.9


def test_flavour_is_the_heaviest_inside():
    def hadrons(*rows):
        return _truth([(code, -1, eta, phi) for code, eta, phi in rows])

    jets = _jets([(0.0, math.pi), (0.0, 0.0), (3.0, 0.0)])
    found = flavour(jets, hadrons((-511, 0.0, -math.pi + 0.3), (411, 0.1, 3.0), (-4122, 0.3, 0.0)), 0.4)
    assert found.dtype == np.int8
    assert found.tolist() == [5, 4, 0]
    assert flavour(jets, hadrons((5122, 0.0, 0.41)), 0.4).tolist() == [0, 0, 0]
    assert flavour(jets, hadrons(), 0.4).tolist() == [0, 0, 0]


def _file(path: Path, **changes: list[list[int]] | None) -> Path:
    """Two events of two particles each, in the format of `simulate`; a collection is left out by None."""
    columns = {
        "PFCand_pt": [[500.0, 400.0], [600.0, 450.0]],
        "PFCand_eta": [[0.0, 0.5], [1.0, -1.0]],
        "PFCand_phi": [[0.0, 3.1], [-3.1, 0.0]],
        "PFCand_mass": [[0.1, 0.1], [0.1, 0.1]],
        "PFCand_pdgClass": [[1, 1], [1, 1]],
        # A W in the second jet, across the seam; a W with one quark outside its jet.
        "Truth_pt": [[400.0, 250.0, 150.0], [600.0, 300.0, 300.0]],
        "Truth_eta": [[0.5, 0.6, 0.4], [1.0, 1.2, 1.9]],
        "Truth_phi": [[-3.1, -3.0, 3.0], [-3.1, -3.0, 3.1]],
        "Truth_mass": [[80.4, 0.0, 0.0], [80.4, 0.0, 0.0]],
        "Truth_pdgId": [[24, 2, -1], [-24, 3, -4]],
        "Truth_parent": [[-1, 0, 0], [-1, 0, 0]],
        # A b hadron between the jets of the first event is in none of them.
        "HeavyHadron_pt": [[30.0, 9.0], [40.0, 50.0]],
        "HeavyHadron_eta": [[0.4, 1.4], [1.0, -1.0]],
        "HeavyHadron_phi": [[-3.1, 0.0], [3.1, 0.1]],
        "HeavyHadron_mass": [[1.9, 5.3], [5.3, 1.9]],
        "HeavyHadron_pdgId": [[421, 521], [511, -411]],
    }
    columns |= changes
    kept = {name: ak.Array(values) for name, values in columns.items() if values is not None}
    events = {
        "run": np.ones(2, np.uint32),
        "luminosityBlock": np.ones(2, np.uint32),
        "event": np.arange(2, dtype=np.uint64),
        "genWeight": np.ones(2),
    }
    groups: dict[str, dict[str, ak.Array]] = {}
    for name, values in kept.items():
        collection, column = name.split("_")
        groups.setdefault(collection, {})[column] = values
    records = {collection: ak.zip(values) for collection, values in groups.items()}
    runs = {"n_generated": 2, "sum_weights": 2.0, "cross_section_pb": 1.0, "content_digest": "abc"}
    with uproot.recreate(path) as file:
        types = {name: values.dtype for name, values in events.items()}
        types |= {name: values.type.content for name, values in records.items()}
        file.mktree("Events", types).extend(events | records)
        values = {name: ak.Array([v]) if isinstance(v, str) else np.array([v]) for name, v in runs.items()}
        kinds = {name: "string" if isinstance(v, str) else values[name].dtype for name, v in runs.items()}
        file.mktree("Runs", kinds).extend(values)
    return path


def _ingested(tmp_path: Path, radius: float = 0.8, **changes) -> dict[str, np.ndarray]:
    task = {"dataset": "toy", "label": "w", "ingest": {"jets": {"radius": radius}}}
    convert([str(_file(tmp_path / "w.root", **changes))], tmp_path / "w.h5", validate(IngestTask, task))
    with Store(tmp_path / "w.h5") as store:
        return store.read().jets


def test_jets_of_the_store_are_matched_within_their_radius(tmp_path):
    jets = _ingested(tmp_path)
    assert jets["matched"].dtype == jets["flavour"].dtype == np.int8
    assert jets["matched"].tolist() == [0, 1, 0, 0]
    assert jets["flavour"].tolist() == [0, 4, 5, 4]
    # The quark at eta 1.9 is 0.9 from the third jet.
    assert _ingested(tmp_path, radius=1.0)["matched"].tolist() == [0, 1, 1, 0]


def test_a_file_without_truth_gives_no_columns(tmp_path):
    without = {f"Truth_{name}": None for name in ("pt", "eta", "phi", "mass", "pdgId", "parent")}
    without |= {f"HeavyHadron_{name}": None for name in ("pt", "eta", "phi", "mass", "pdgId")}
    assert sorted(_ingested(tmp_path, **without)) == ["eta", "mass", "phi", "pt"]
    assert "matched" not in _ingested(tmp_path, Truth_parent=None)


@pytest.mark.parametrize("parent", [3, -2])
def test_a_parent_outside_the_event_is_one_message(tmp_path, parent):
    with pytest.raises(CorruptFileError, match=rf"w.root: .*a parent is {parent} in an event of 3"):
        _ingested(tmp_path, Truth_parent=[[-1, 0, 0], [-1, parent, 0]])
