"""Columns of a Delphes tree: its branches are TClonesArrays of tracks, towers, candidates and jets."""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import BadValueError
from resonaut.events import Columns
from resonaut.ingest.batch import Ragged
from resonaut.ingest.pdg import pdg_class

GROOMED = {"SoftDroppedP4[5]": "soft_drop_mass", "TrimmedP4[5]": "trimmed_mass", "PrunedP4[5]": "pruned_mass"}
"""Groomed momenta: the first of five is the jet's, the others are those of its subjets."""
_JET = {"PT": "pt", "Eta": "eta", "Phi": "phi", "Mass": "mass"}
_TAU = "Tau[5]"
_TRUTH = {"Flavor": "flavour", "BTag": "btag_delphes"}
_REFERENCES = "Constituents"
_N_TAU = 4
_PROBED_EVENTS, _PROBED_JETS = 50, 200
JET_LEAVES = frozenset({*_JET, _REFERENCES})


def leaves(tree: Any, branch: str) -> set[str]:
    """Names of what a branch holds, without the branch's own."""
    return {name.rsplit(".", 1)[-1] for name in tree[branch].keys(recursive=False)}


def holds_candidates(tree: Any, branch: str) -> bool:
    """Whether a branch holds particles, tracks or towers, and not jets."""
    present = leaves(tree, branch)
    return (
        present >= {"Eta", "Phi", "fUniqueID"} and bool(present & {"PT", "ET"}) and _REFERENCES not in present
    )


def array(tree: Any, branch: str, leaf: str, start: int, stop: int) -> Any:
    """The awkward array of a leaf. Asked of the tree, it would be searched among thousands."""
    return tree[branch][f"{branch}.{leaf}"].array(entry_start=start, entry_stop=stop)


def values(tree: Any, branch: str, leaf: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """(n_objects, ...) values of a leaf, and the (n_events + 1,) offsets of the events."""
    import awkward as ak

    found = array(tree, branch, leaf, start, stop)
    return np.asarray(ak.flatten(found)), ragged.offsets_of(np.asarray(ak.num(found), np.int64))


def columns_of(tree: Any, branch: str, names: dict[str, str], start: int, stop: int) -> Ragged:
    """The leaves `names` (leaf: column) of a branch.

    Raises:
        ValueError: they hold unequal numbers of objects.
    """
    columns: Columns = {}
    offsets = None
    for leaf, column in names.items():
        columns[column], of_leaf = values(tree, branch, leaf, start, stop)
        if offsets is not None and not np.array_equal(offsets, of_leaf):
            raise ValueError(
                f"{branch}.{leaf} and {branch}.{next(iter(names))} hold unequal numbers of values in "
                f"entries {start} to {stop - 1}"
            )
        offsets = of_leaf
    return Ragged(columns, offsets)


def first(tree: Any, branch: str, leaf: str, start: int, stop: int) -> np.ndarray:
    """(n_events,) float64 value of the one object that a branch holds per event.

    Raises:
        ValueError: an event has none.
    """
    found, offsets = values(tree, branch, leaf, start, stop)
    if (np.diff(offsets) < 1).any():
        entry = start + int(np.argmin(np.diff(offsets)))
        raise ValueError(f"the branch '{branch}' is empty in entry {entry}")
    return found[offsets[:-1]].astype(np.float64)


def weights(path: str, tree: Any, branch: str, start: int, stop: int, count: int) -> Columns:
    """Columns `weights/<i>` of the `count` weights that each event must have.

    Raises:
        BadValueError: an event has another number of them.
    """
    found, offsets = values(tree, branch, "Weight", start, stop)
    counts = np.diff(offsets)
    if (counts != count).any():
        entry = int(np.argmax(counts != count))
        raise BadValueError(
            f"{path}: {branch} has {counts[entry]} weights in entry {start + entry}, {count} in the first. "
            "Leave 'options.weights' out, and only Event.Weight is read."
        )
    table = found.reshape(-1, count).astype(np.float64)
    return {f"weights/{index}": table[:, index].copy() for index in range(count)}


def computed(tree: Any, collection: str) -> frozenset[str]:
    """Leaves of a jet collection that the Delphes card had computed: others are there, and all 0.

    The first jets decide. Flavours and b-tags go together: the tag is made from the flavour, and may well be
    0 for every jet of a sample.
    """
    present = leaves(tree, collection)
    undecided = {name for name in (*GROOMED, _TAU, *_TRUTH) if name in present}
    found: set[str] = set()
    n_jets = 0
    for start in range(0, tree.num_entries, _PROBED_EVENTS):
        stop = min(start + _PROBED_EVENTS, tree.num_entries)
        for name in sorted(undecided - found):
            numbers, offsets = _numbers(tree, collection, name, start, stop)
            if numbers.any():
                found.add(name)
        n_jets += int(offsets[-1]) if undecided - found else 0
        if not undecided - found or n_jets >= _PROBED_JETS:
            break
    if found & _TRUTH.keys():
        found |= undecided & _TRUTH.keys()
    return frozenset(found)


def _numbers(tree: Any, collection: str, leaf: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    if leaf not in GROOMED:
        return values(tree, collection, leaf, start, stop)
    _, energies, offsets = _groomed(tree, collection, leaf, start, stop)
    return energies, offsets


def _groomed(
    tree: Any, collection: str, leaf: str, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass and energy (GeV) of the groomed jets, and the offsets of the events."""
    import awkward as ak

    found = array(tree, collection, leaf, start, stop)
    jet = ak.flatten(found)[:, 0]
    px, py, pz = (np.asarray(jet["fP"][name]) for name in ("fX", "fY", "fZ"))
    energy = np.asarray(jet["fE"])
    squared = energy**2 - px**2 - py**2 - pz**2
    mass = np.sqrt(np.where(squared < 0, 0, squared))
    return mass, energy, ragged.offsets_of(np.asarray(ak.num(found), np.int64))


def jets(tree: Any, collection: str, start: int, stop: int, more: frozenset[str] = frozenset()) -> Ragged:
    """The jets of a collection.

    Args:
        more: leaves besides the momenta, see `computed`.

    Raises:
        ValueError: leaves hold unequal numbers of jets.
    """
    names = _JET | {leaf: column for leaf, column in _TRUTH.items() if leaf in more}
    if more and "Charge" in leaves(tree, collection):
        names["Charge"] = "charge"
    found = columns_of(tree, collection, names, start, stop)
    for column in (*_TRUTH.values(), "charge"):
        if column in found.columns:
            found.columns[column] = found.columns[column].astype(np.int32)
    for leaf, column in GROOMED.items():
        if leaf in more:
            found.columns[column] = _groomed(tree, collection, leaf, start, stop)[0].astype(np.float32)
    if _TAU in more:
        tau = values(tree, collection, _TAU, start, stop)[0]
        found.columns.update({f"tau{n + 1}": tau[:, n].copy() for n in range(_N_TAU)})
    return found


def references(tree: Any, collection: str, start: int, stop: int) -> Ragged:
    """Numbers of the constituents of each jet (`value`), and the event of each (`event`)."""
    import awkward as ak

    found = array(tree, collection, _REFERENCES, start, stop).refs
    per_jet = ak.flatten(found, axis=1)
    counts = np.asarray(ak.num(per_jet), np.int64)
    event_of_jet = ragged.row_of(ragged.offsets_of(np.asarray(ak.num(found), np.int64)))
    columns = {"value": np.asarray(ak.flatten(per_jet)), "event": np.repeat(event_of_jet, counts)}
    return Ragged(columns, ragged.offsets_of(counts))


def unique_ids(tree: Any, group: tuple[str, ...], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """`fUniqueID` of the objects of some branches, event by event, and the offsets of the events."""
    joined = _together([columns_of(tree, name, {"fUniqueID": "id"}, start, stop) for name in group])
    return joined.columns["id"], joined.offsets


def candidates(
    tree: Any, group: tuple[str, ...], start: int, stop: int
) -> tuple[Ragged, np.ndarray, np.ndarray]:
    """Candidates of some branches; their `fUniqueID`; and which of them a jet may be clustered from.

    Generated particles are clustered where they are stable and seen by a detector.
    """
    parts = [_candidates(tree, branch, start, stop) for branch in group]
    for name in {name for part in parts for name in part.columns}:
        if any(name not in part.columns for part in parts):
            for part in parts:
                part.columns.pop(name, None)
    joined = _together(parts)
    identity, visible = joined.columns.pop("id"), joined.columns.pop("visible")
    return joined, identity, visible & (joined.columns["pt"] > 0)


def _together(parts: list[Ragged]) -> Ragged:
    """Rows joined: those of the first part, then those of the second, inside each event."""
    rows = np.concatenate([ragged.row_of(part.offsets) for part in parts])
    order = np.argsort(rows, kind="stable")
    names = parts[0].columns
    columns = {name: np.concatenate([part.columns[name] for part in parts])[order] for name in names}
    return Ragged(columns, sum(part.offsets for part in parts))


def _candidates(tree: Any, branch: str, start: int, stop: int) -> Ragged:
    present = leaves(tree, branch)
    neutral = "PT" not in present
    names = {"ET" if neutral else "PT": "pt", "Eta": "eta", "Phi": "phi", "fUniqueID": "id"}
    more = {"Mass": "mass", "Charge": "charge", "PID": "pdg_id", "Status": "status", "D0": "d0", "DZ": "dz"}
    names |= {leaf: column for leaf, column in more.items() if leaf in present}
    flow = not neutral and {"E", "CtgTheta"} <= present
    found = columns_of(tree, branch, names | ({"CtgTheta": "cot_theta"} if flow else {}), start, stop)
    columns = found.columns
    if flow:
        # The class ParticleFlowCandidate has as Eta where a track leaves the tracker, not its direction.
        direction = np.arcsinh(columns.pop("cot_theta"))
        columns["eta"] = np.where(columns["charge"] != 0, direction, columns["eta"])
    columns.setdefault("mass", np.zeros_like(columns["pt"]))
    pdg_id, status = columns.pop("pdg_id", None), columns.pop("status", None)
    columns["visible"] = np.ones(len(columns["pt"]), bool)
    if status is not None and pdg_id is not None:
        columns["visible"] = (status == 1) & ~np.isin(np.abs(pdg_id), (12, 14, 16))
    if "charge" in columns and pdg_id is not None:
        columns["pdg_class"] = pdg_class(pdg_id, columns["charge"])
    elif "Photon" in branch or "Neutral" in branch:
        columns["charge"] = np.zeros(len(columns["pt"]), np.int32)
        columns["pdg_class"] = np.full(len(columns["pt"]), 3 if "Photon" in branch else 2, np.int32)
    else:
        # A tower sums charged and neutral energy: its charge is not known.
        columns["pdg_class"] = np.zeros(len(columns["pt"]), np.int32)
    for name in ("d0", "dz"):
        measured = columns.pop(name, None)
        if status is None and (measured is not None or (neutral and "charge" in columns)):
            # In mm already. Delphes writes 0 for neutral candidates, which would be a measurement.
            unmeasured = np.full(len(columns["pt"]), np.nan, np.float32)
            columns[name] = np.where(columns["charge"] != 0, unmeasured if neutral else measured, unmeasured)
    return found
