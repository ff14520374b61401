"""Calorimeter showers as sparse cells, in the layout of `resonaut.shower_files`.

Cells below the threshold are dropped, neighbouring cells taken together if `regroup` says so, and each cell
stands once, rising, in its shower. All columns of the store's events are carried: incident energy (GeV),
angles (radian), impact position (cells from the centre), ...
"""

from __future__ import annotations

import os
from typing import Any

import h5py

from resonaut.represent.settings import RepresentSettings
from resonaut.represent.shower_rows import Write, represent_showers
from resonaut.shower_files import ShowerWriter


def write_showers(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the showers of a store (see the module) and return the cut flow.

    Raises:
        InputError, ConfigError, OutputError: see `shower_rows.represent_showers`.
    """

    def begin(file: h5py.File, geometry: dict[str, Any]) -> Write:
        return ShowerWriter(file, geometry).append

    return represent_showers("showers", source, output, settings, begin)
