"""Reader of the ntuples of TreeMaker (github.com/TreeMaker/TreeMaker), that CMS hadronic searches use."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from pydantic import Field

from resonaut import settings as base
from resonaut.errors import ConfigError, MissingBranchError, nearest
from resonaut.ingest import mapping
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = True
_IDS = ("RunNum", "LumiBlockNum", "EvtNum")
_DEFAULT = "JetsAK8"
_COLLECTIONS = (_DEFAULT, "JetsAK15", "Jets")
_CONSTITUENTS = "JetsConstituents"
_COORDINATES = {"pt": "fPt", "eta": "fEta", "phi": "fPhi", "energy": "fE"}
_JET = {
    "softDropMass": "soft_drop_mass",
    "prunedMass": "pruned_mass",
    **{f"NsubjettinessTau{n}": f"tau{n}" for n in range(1, 5)},
    "hadronFlavor": "flavour",
    "bDiscriminatorCSV": "btag_csv",
    "bJetTagDeepCSVBvsAll": "btag_deepcsv",
    "doubleBDiscriminator": "btag_double_b",
    "pfMassIndependentDeepDoubleBvLJetTagsProbHbb": "btag_deep_double_b",
}
_CANDIDATE = {"PdgId": "pdg_id", "dxy": "d0", "dz": "dz", "PuppiWeight": "puppi_weight"}


class Settings(base.Settings):
    """The format leaves little to choose."""

    tree: str | None = Field(None, description="Tree; may be left out where there is one of this format.")


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "root" and bool(_trees(contents.groups))


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the options with the names in a file.

    Raises:
        ConfigError: the tree is not there, or there are several and none is named.
        MissingBranchError: there is none of this format.
    """
    _tree(contents.path, settings, contents.groups)


def build(settings: Settings) -> TreeMaker:
    """Build the reader."""
    return TreeMaker(settings)


class TreeMaker:
    """The jets of a collection: `JetsAK8` by default, `JetsAK15` or `Jets`.

    Constituents are there where the ntuple has `JetsConstituents`. `gen_weight` is `Weight`, which holds the
    cross-section and the events of the whole sample; sums of weights are those of the entries of the file.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of entries and sum of weights."""
        return self._reader(file, path, None).info(file, path)

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read jets, with their constituents where the file has them."""
        return self._reader(file, path, collection).batches(file, path, None, step)

    def _reader(self, file: Any, path: str, collection: str | None) -> Any:
        from resonaut.ingest.ntuple import Ntuple
        from resonaut.ingest.rootfile import reading, top_names, trees

        found = trees(file, path)
        with reading(path):
            groups = {name: frozenset(top_names(tree)) for name, tree in found.items()}
        tree = _tree(path, self.settings, groups)
        return Ntuple(_mapping(path, tree, collection or _DEFAULT, groups[tree]))


def _trees(groups: Any) -> list[str]:
    """Trees of this format."""
    return [
        name
        for name, branches in groups.items()
        if branches.issuperset(_IDS) and any(collection in branches for collection in _COLLECTIONS)
    ]


def _tree(path: str, settings: Settings, groups: Any) -> str:
    known = _trees(groups)
    if settings.tree is not None and settings.tree not in known:
        raise ConfigError(
            f"options.tree: {path} has no tree '{settings.tree}' of TreeMaker. "
            f"{nearest(settings.tree, known)}"
        )
    if not known:
        raise MissingBranchError(
            f"{path}: no tree with the branches {', '.join(_IDS)} and {' or '.join(_COLLECTIONS)}. Is "
            "'--reader' the right one?"
        )
    if settings.tree is None and len(known) > 1:
        raise ConfigError(f"options.tree: {path} holds several trees. {nearest('', known)} Name one.")
    return settings.tree or known[0]


def _mapping(path: str, tree: str, collection: str, present: Set[str]) -> mapping.Mapping:
    known = [name for name in _COLLECTIONS if name in present]
    if collection not in known:
        raise MissingBranchError(f"{path}: no jet collection '{collection}'. {nearest(collection, known)}")
    run, lumi, event = _IDS
    events = {"run": run, "lumi": lumi, "event": event}
    events |= {"gen_weight": "Weight"} if "Weight" in present else {}
    events |= {"n_pu": "NumInteractions"} if "NumInteractions" in present else {}
    index = f"{collection}_constituentsIndex"
    constituents = {}
    if _CONSTITUENTS in present and index in present:
        constituents = _columns(_CONSTITUENTS, _CANDIDATE, present)
        constituents |= {mapping.INDEX: index, mapping.COUNTS: f"{index}Counts"}
    gen_jets = f"Gen{collection}"
    return mapping.Mapping(
        tree=tree,
        events=events,
        jets=_columns(collection, _JET, present),
        constituents=constituents,
        gen_jets=_columns(gen_jets, {}, present) if gen_jets in present else {},
        length="cm",
    )


def _columns(collection: str, names: dict[str, str], present: Set[str]) -> dict[str, str]:
    """Branches of a collection: its momenta, and those of `names` (branch: column) that are there."""
    momenta = {name: f"{collection}/{collection}.fCoordinates.{leaf}" for name, leaf in _COORDINATES.items()}
    more = {column: f"{collection}_{branch}" for branch, column in names.items()}
    return momenta | {column: branch for column, branch in more.items() if branch in present}
