"""Geometries of calorimeter showers as JSON values: how a cell's number gives its place.

Cartesian: {"kind": "cartesian", "shape": [layers, rows, columns], "cell": "(layer * rows + row) * columns +
column"}. Cylindrical: {"kind": "cylindrical", "particle", "layers": [{"id", "r_edges", "n_alpha"}, ...],
"cell": "first cell of the layer + alpha * n_r + r"}, r_edges in mm; layers without cells are left out.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

from resonaut.errors import ConfigError, CorruptFileError, nearest
from resonaut.ingest.remote import DEFAULTS, RemoteSettings
from resonaut.ingest.sources import open_bytes
from resonaut.showers import CARTESIAN_CELL, n_cells

PARTICLES = {"photon": "22", "electron": "11", "pion": "211"}
"""PDG ids that the published files of the CaloChallenge name their particles by."""

_XML_BYTES_MAX = 2**24
_SHOWN = 200


def cartesian(shape: Sequence[int]) -> dict[str, Any]:
    """The geometry of (layers, rows, columns) cells."""
    return {
        "kind": "cartesian",
        "shape": [int(size) for size in shape],
        "cell": CARTESIAN_CELL,
    }


def of_json(path: str, text: str | bytes) -> dict[str, Any]:
    """The geometry that a file of showers carries.

    Args:
        path: of the file, for the message.
        text: its attribute `geometry`.

    Raises:
        CorruptFileError: it is no geometry.
    """
    try:
        found = json.loads(text)
        kind = found["kind"]
        if kind == "cartesian":
            sizes = found["shape"]
            good = len(sizes) == 3 and all(isinstance(size, int) and size > 0 for size in sizes)
        else:
            good = kind == "cylindrical" and n_cells(found) > 0
            for layer in found["layers"]:
                _check_layer(path, layer["id"], layer["r_edges"], layer["n_alpha"])
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise CorruptFileError(
            f"{path}: the attribute 'geometry' is {shown[:_SHOWN]}; "
            '{"kind": "cartesian", "shape": [layers, rows, columns]} or {"kind": "cylindrical", "layers": '
            '[{"id", "r_edges", "n_alpha"}, ...]} is expected. Make the file again.'
        )
    return dict(found)


def cylindrical(path: str, particle: str | None, remote: RemoteSettings = DEFAULTS) -> dict[str, Any]:
    """The geometry of a binning file of the CaloChallenge (arXiv:2410.21611).

    Args:
        path: XML file: `<Bins><Bin pid name><Layer id r_edges n_bin_alpha/>...</Bin>...</Bins>`.
        particle: a key of `PARTICLES`; needed where the file describes several.
        remote: how a remote file is reached.

    Raises:
        MissingFileError, UnreachableError: the file cannot be opened.
        CorruptFileError: it is not such a file.
        ConfigError: the particle is not in it, or must be named.
    """
    from xml.etree import ElementTree

    with open_bytes(path, remote) as file:
        text = file.read(_XML_BYTES_MAX)
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise CorruptFileError(f"{path}: not a readable XML file ({error}). Copy it again.") from None
    found = [item for item in root if item.find("Layer") is not None]
    if not found:
        raise CorruptFileError(
            f"{path}: no particle with layers in <{root.tag}>; <Bins><Bin><Layer .../></Bin></Bins> is "
            "expected. Is this the binning file?"
        )
    chosen = _choose(path, found, particle)
    layers = [_layer(path, element) for element in chosen.iter("Layer")]
    return {
        "kind": "cylindrical",
        "particle": particle or _name(chosen),
        "layers": [layer for layer in layers if len(layer["r_edges"]) > 1],
        "cell": "first cell of the layer + alpha * n_r + r",
    }


def _name(element: Any) -> str:
    """The particle of an element; the early file of the challenge gives its PDG id alone."""
    by_id = {pdg_id: name for name, pdg_id in PARTICLES.items()}
    pid = element.get("pid", "")
    return element.get("name") or by_id.get(pid, pid)


def _choose(path: str, found: Sequence[Any], particle: str | None) -> Any:
    if particle is None:
        if len(found) == 1:
            return found[0]
        raise ConfigError(
            f"{path}: it describes {', '.join(map(_name, found))}: name one, 'particle: {_name(found[0])}'."
        )
    for element in found:
        if _name(element) == particle:
            return element
    raise ConfigError(
        f"{path}: no layers for 'particle: {particle}'. {nearest(particle, map(_name, found))} "
        "Is this the binning file of the showers?"
    )


def _layer(path: str, element: Any) -> dict[str, Any]:
    try:
        number, n_alpha = int(element.get("id")), int(element.get("n_bin_alpha"))
        edges = [float(edge) for edge in element.get("r_edges").split(",")]
    except (TypeError, ValueError, AttributeError):
        raise CorruptFileError(
            f"{path}: a layer has the attributes {dict(element.attrib)}; id and n_bin_alpha (whole numbers) "
            "and r_edges (numbers with commas) are expected. Copy it again."
        ) from None
    _check_layer(path, number, edges, n_alpha)
    return {"id": number, "r_edges": edges, "n_alpha": n_alpha}


def _check_layer(path: str, number: int, edges: Sequence[float], n_alpha: int) -> None:
    rising = all(low < high for low, high in itertools.pairwise(edges)) and math.isfinite(edges[-1])
    if n_alpha < 1 or edges[0] < 0 or not rising:
        raise CorruptFileError(
            f"{path}: layer {number} has n_bin_alpha {n_alpha} and r_edges {edges}; at least 1 and rising "
            "radii are expected. Copy it again."
        )
