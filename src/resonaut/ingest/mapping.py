"""Which branch of an ntuple is which column: the settings of the readers `flat` and `treemaker`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resonaut.errors import ConfigError, nearest
from resonaut.settings import Settings

ANGLES = ("pt", "eta", "phi")
CARTESIAN = ("px", "py", "pz")
JET_INDEX, COUNTS, INDEX = "jet_index", "counts", "index"
LAYOUT = (JET_INDEX, COUNTS, INDEX)
"""Keys of `constituents` that say how they belong to jets, and are no columns."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCALED = re.compile(r"(.*_)?(pt|mass|energy)|p[xyz]")
_LISTED = 20

Branch = str | Annotated[tuple[str, ...], Field(min_length=1)] | float
"""A branch; branches of one value each, one per jet; or a number: the mass of all, in GeV."""
Columns = dict[str, Branch]


def has_energy_unit(column: str) -> bool:
    """Whether a column is in units of energy: pt, raw_pt, soft_drop_mass, px, ..."""
    return _SCALED.fullmatch(column) is not None


class EventColumns(Settings):
    """Branches with one value per event."""

    run: str | None = Field(None, description="Run number; 1 if absent.")
    lumi: str | None = Field(None, description="Luminosity section.")
    event: str | None = Field(None, description="Event number; the entry in the tree if absent.")
    gen_weight: str | None = Field(None, description="Generator weight; 1 if absent.")
    n_pu: str | None = Field(None, description="Number of pile-up interactions.")
    weights: dict[str, str] = Field({}, description="More weights: name and branch.")
    label: str | None = Field(None, description="Truth class: a whole number that counts `label_names`.")

    @model_validator(mode="after")
    def _numbered(self) -> EventColumns:
        if (self.run or self.lumi) and not self.event:
            raise ValueError("'event' is required where 'run' or 'lumi' is given")
        return self


class Mapping(Settings):
    """What the tree holds, by the names of its branches. A column that is not named is absent, never 0.

    Momenta are pt, eta, phi and mass or energy, or px, py, pz and mass or energy. Branches inside a branch
    are named with a path: `Jets/Jets.fCoordinates.fPt`.
    """

    tree: str | None = Field(None, description="TTree or RNTuple; may be left out where there is one.")
    events: EventColumns = EventColumns()
    jets: Columns = Field({}, description="Jets: pt, eta, phi, mass, and any of tau1, soft_drop_mass, ...")
    constituents: Columns = Field(
        {},
        description="Candidates of the jets: pt, eta, phi, mass, charge, pdg_class or pdg_id, d0, dz, "
        "puppi_weight. Nested in the jets; or flat in the event, with `jet_index` (the jet of each "
        "candidate, -1 for none), with `counts` (candidates of each jet), or with `index` and `counts` "
        "(numbers of the candidates, jet after jet).",
    )
    particles: Columns = Field({}, description="Candidates of the event, to be clustered.")
    gen_jets: Columns = Field({}, description="Generator jets.")
    unit: Literal["GeV", "MeV"] = Field("GeV", description="Unit of momenta, energies and masses.")
    length: Literal["mm", "cm"] = Field("mm", description="Unit of d0 and dz.")
    label_names: tuple[str, ...] = Field((), description="Classes that the label counts, [qcd, top].")

    @field_validator("jets", "constituents", "particles", "gen_jets")
    @classmethod
    def _momenta(cls, columns: Columns) -> Columns:
        for name, branch in columns.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no column name; letters, digits and _ are expected")
            if isinstance(branch, float) and name != "mass":
                raise ValueError(f"{name} is a number; only the mass may be one and the same for all")
        if columns:
            _check_momenta(columns)
        return columns

    @model_validator(mode="after")
    def _complete(self) -> Mapping:
        if bool(self.jets) == bool(self.particles):
            raise ValueError("either 'jets' or 'particles' (to be clustered) is required")
        if self.constituents and not self.jets:
            raise ValueError("'constituents' belong to 'jets', which are not given")
        if INDEX in self.constituents and COUNTS not in self.constituents:
            raise ValueError("'constituents.index' needs 'constituents.counts', how many each jet has")
        if JET_INDEX in self.constituents and COUNTS in self.constituents:
            raise ValueError("'constituents' have 'jet_index' or 'counts', not both")
        if bool(self.events.label or "label" in self.jets) != bool(self.label_names):
            raise ValueError("'label_names' and a label of 'events' or 'jets' go together")
        return self

    def branches(self) -> Iterator[tuple[str, str]]:
        """The key and the name of each branch: ("jets.pt", "jet_pt")."""
        for name in ("run", "lumi", "event", "gen_weight", "n_pu", "label"):
            if getattr(self.events, name):
                yield f"events.{name}", getattr(self.events, name)
        for name, branch in self.events.weights.items():
            yield f"events.weights.{name}", branch
        for group in ("jets", "constituents", "particles", "gen_jets"):
            for column, branch in getattr(self, group).items():
                for name in names_of(branch):
                    yield f"{group}.{column}", name


def names_of(branch: Branch) -> tuple[str, ...]:
    """The branches that a column is made from."""
    if isinstance(branch, float):
        return ()
    return (branch,) if isinstance(branch, str) else branch


def _check_momenta(columns: Columns) -> None:
    for momentum, other in ((ANGLES, CARTESIAN), (CARTESIAN, ANGLES)):
        if not set(momentum) & columns.keys():
            continue
        if set(other) & columns.keys():
            raise ValueError(f"either {', '.join(ANGLES)} or {', '.join(CARTESIAN)} are expected, not both")
        missing = [name for name in momentum if name not in columns]
        if missing:
            raise ValueError(f"{', '.join(missing)} of the momentum {', '.join(momentum)} is missing")
        if ("mass" in columns) == ("energy" in columns):
            raise ValueError("either 'mass' (a branch, or one number for all) or 'energy' is expected")
        return
    raise ValueError(
        f"no momentum: {', '.join(ANGLES)} or {', '.join(CARTESIAN)}, and mass or energy, are expected"
    )


def choose_tree(path: str, mapping: Mapping, trees: Collection[str]) -> str:
    """The tree that is read.

    Raises:
        ConfigError: it is not there, or there are several and none is named.
    """
    if mapping.tree is None:
        if len(trees) == 1:
            return next(iter(trees))
        raise ConfigError(f"options.tree: {path} holds several trees. {nearest('', trees)} Name one.")
    if mapping.tree not in trees:
        raise ConfigError(
            f"options.tree: {path} has no tree '{mapping.tree}'. {nearest(mapping.tree, trees)}"
        )
    return mapping.tree


def check_branches(path: str, mapping: Mapping, tree: str, present: Collection[str]) -> None:
    """Compare the mapping with the branches of a tree; of a path only the first name is looked at.

    Raises:
        ConfigError: a branch is absent; key, file and nearest branch are named.
    """
    for key, branch in mapping.branches():
        if branch not in present and branch.split("/")[0] not in present:
            raise ConfigError(missing_branch(path, key, branch, tree, present))


def missing_branch(path: str, key: str, branch: str, tree: str, present: Collection[str]) -> str:
    """The message about a branch that a key names and that the tree lacks."""
    close = nearest(branch, present)
    if len(present) > _LISTED and not close.startswith("Did"):
        close = f"None of its {len(present)} branches is similar."
    return f"options.{key}: {path} has no branch '{branch}' in the tree '{tree}'. {close}"
