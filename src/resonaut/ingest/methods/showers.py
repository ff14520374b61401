"""Reader of calorimeter showers: Getting High (arXiv:2005.05334), CaloChallenge (arXiv:2410.21611), ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.errors import ConfigError, CorruptFileError, MissingBranchError
from resonaut.ingest import geometry
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.hdf5file import KIND
from resonaut.ingest.padded import numbered
from resonaut.ingest.remote import DEFAULTS
from resonaut.ingest.rootfile import reading
from resonaut.ingest.shower_layouts import GEV_PER_MEV, DenseShowers, SparseShowers

KINDS = ("hdf5",)
LEVEL = "showers"
NUMBERED = False
_GRID = "30x30"
_SHOWN = 8
_LAYOUTS = {
    "getting_high": (_GRID, ("energy", "layers")),
    "calochallenge": ("", ("incident_energies", "showers")),
    "sparse": ("", ("energy", "offsets", "cell", "deposit")),
}


class Settings(base.Settings):
    """What the files do not say of themselves."""

    binning: str | None = Field(
        None, description="The XML file of the binning; CaloChallenge files cannot be read without it."
    )
    particle: Literal["photon", "electron", "pion"] | None = Field(
        None, description="Whose binning, where the XML file describes several."
    )
    shape: tuple[base.Count, base.Count, base.Count] = Field(
        (30, 30, 30),
        description="Layers, rows and columns of the calorimeter of a sparse file that does not say them.",
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "hdf5" and any(contents.has(group, *names) for group, names in _LAYOUTS.values())


def build(settings: Settings) -> ShowerReader:
    """Build the reader."""
    return ShowerReader(settings)


class ShowerReader:
    """Events are showers: `incident_energy` (GeV), and `theta`, `phi` (radian) where the file has them.

    Cells without energy are not kept, however the file stores them. There are no jet collections. The sparse
    layout is the house's own (`simulate` writes it): see `shower_layouts.SparseShowers`.

    Attributes:
        remote: how a remote XML file is reached.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.remote = DEFAULTS

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of showers, all of one weight, and the attribute `geometry` (see `ingest.geometry`)."""
        showers, layout = self._open(file, path)
        attributes = {"geometry": self._geometry(path, showers, layout)}
        n_generated, names = showers.n_showers, ()
        if isinstance(showers, SparseShowers):
            n_generated, names = showers.n_generated, showers.label_names
        return SourceInfo(n_generated, float(n_generated), None, "", names, attributes)

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read showers."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these are showers. Leave 'ingest.collection' out."
            )
        showers, layout = self._open(file, path)
        self._geometry(path, showers, layout)
        for start in range(0, showers.n_showers, step):
            stop = min(start + step, showers.n_showers)
            events = numbered(np.arange(start, stop)) | showers.incident(start, stop)
            yield Batch(events, start, hits=showers.hits(start, stop))

    def _open(self, file: Any, path: str) -> tuple[DenseShowers | SparseShowers, str]:
        """The showers of the file, and the name of its layout."""
        names_of = {
            layout: [f"{group}/{name}".lstrip("/") for name in names]
            for layout, (group, names) in _LAYOUTS.items()
        }
        with reading(path, KIND):
            found = [layout for layout, names in names_of.items() if all(name in file for name in names)]
            held = ", ".join(list(file)[:_SHOWN])
        if not found:
            known = "; ".join(f"{layout}: {', '.join(names)}" for layout, names in names_of.items())
            raise MissingBranchError(
                f"{path}: the datasets of no known layout ({known}). It holds {held or 'nothing'}. Is "
                "'--reader' the right one?"
            )
        layout = found[0]
        if layout == "getting_high":
            return DenseShowers(file, path, f"{_GRID}/", "energy", 1.0, "layers", 4), layout
        if layout == "calochallenge":
            return DenseShowers(file, path, "", "incident_energies", GEV_PER_MEV, "showers", 2), layout
        with reading(path, KIND):
            said = file.attrs.get("geometry")
        if said is not None:
            return SparseShowers(file, path, geometry.of_json(path, said), "Make the file again."), layout
        shape = self.settings.shape
        advice = f"Is the option 'shape: {list(shape)}' right?"
        return SparseShowers(file, path, geometry.cartesian(shape), advice), layout

    def _geometry(self, path: str, showers: DenseShowers | SparseShowers, layout: str) -> dict[str, Any]:
        """The geometry, its number of cells checked.

        Raises:
            ConfigError: a CaloChallenge file without its binning.
            CorruptFileError: the file's showers have another number of cells.
        """
        if layout != "calochallenge":
            if self.settings.binning is not None:
                raise ConfigError(
                    f"binning: {path} has cells of equal size, and needs no XML file. Leave it out."
                )
            known = isinstance(showers, SparseShowers)
            return showers.geometry if known else geometry.cartesian(showers.shape)
        if self.settings.binning is None:
            raise ConfigError(
                f"binning: required for {path}: a file of the CaloChallenge does not say where its voxels "
                "are. Give the XML file published with it."
            )
        found = geometry.cylindrical(self.settings.binning, self.settings.particle, self.remote)
        if geometry.n_cells(found) != math.prod(showers.shape):
            raise CorruptFileError(
                f"{path}: {math.prod(showers.shape)} voxels per shower, {self.settings.binning} describes "
                f"{geometry.n_cells(found)} ({found['particle']}). Is it the binning of this data set?"
            )
        return found
