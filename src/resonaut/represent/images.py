"""Jet images (arXiv:1407.5675): centre, rotate, flip, pixelate, transform, normalise; each step can be off.

images        (n_events, n_jets, n_rows, n_columns) float32, [row, column]: the row counts up along the
              vertical (phi, or the principal axis after rotation), the column along the horizontal. More than
              one channel: (n_events, n_jets, n_channels, n_rows, n_columns), see the attribute `channels`
events/run, lumi, event, gen_weight, label, mass      (n_events,)

Channels (arXiv:1612.01551): `pt`; `charged` and `neutral`, the pt of constituents with and without charge;
`multiplicity`, the number of constituents with pt. Standardisation by mean and width of each pixel is left
to the training, which knows its jets.

A store of pictures gives images with one jet per event: the picture, its channels named as in the store.
"""

from __future__ import annotations

import math
import os

import h5py
import numpy as np

from resonaut.errors import MissingBranchError
from resonaut.files import canonical_json
from resonaut.represent import image_kernel
from resonaut.represent.common import Leading, RowWriter, represent
from resonaut.represent.jets.recombination import cluster
from resonaut.represent.pictures import picture_images
from resonaut.represent.settings import ImageSettings, RepresentSettings

# Most pixels are 0: without shuffled bytes the file is smaller, and written and read faster.
_DATASET = {"compression": "gzip", "compression_opts": 1}
# Events that are compressed together: at most this many, and bytes that HDF5 keeps in memory at once.
_CHUNK_EVENTS, _CHUNK_BYTES = 64, 2**20
# Chunks of pixels in memory, for bounded memory with large grids.
_BLOCK_CHUNKS = 8
_NEED_CHARGE = {"charged", "neutral"}
_NO_AXES = np.zeros((2, 0))


def write_images(
    source: str | os.PathLike, output: str | os.PathLike, settings: RepresentSettings
) -> dict[str, int]:
    """Write the images of a store (see the module) and return the cut flow.

    Raises:
        InputError, OutputError: the store cannot be read, or the output not be written.
        MissingBranchError: a channel needs the charge, which the store lacks.
        ConfigError: pictures have another number of pixels than the settings.
    """
    wanted = settings.images

    def rows(writer: RowWriter, leading: Leading) -> None:
        if not leading.jets:
            pixels = leading.images.get("pixels", np.zeros((0, 1, *wanted.shape), np.float32))
            images = picture_images(pixels, wanted, str(source))[:, None]
            if "images" not in writer.file:
                _create(writer.file, images.shape[1:])
            writer.append({"images": images})
            return
        constituents = leading.constituents
        # A chunk whose files were all skipped lacks columns, and needs none.
        if len(leading) and _NEED_CHARGE & set(wanted.channels) and "charge" not in constituents:
            raise MissingBranchError(
                f"{source}: no constituents/charge, which represent.images.channels "
                f"[{', '.join(wanted.channels)}] need; it holds {', '.join(sorted(constituents))}. Ask for "
                "the channels pt or multiplicity, or ingest files with charges."
            )
        if "images" not in writer.file:
            channels = () if len(wanted.channels) == 1 else (len(wanted.channels),)
            _create(writer.file, (leading.n_jets, *channels, *wanted.shape))
            writer.file.attrs["channels"] = canonical_json(wanted.channels)
        step = _BLOCK_CHUNKS * writer.file["images"].chunks[0]
        for start in range(0, len(leading), step):
            writer.append({"images": _images_of_events(leading, start, start + step, wanted)})

    return represent("images", source, output, settings, rows)


def _create(file: h5py.File, shape: tuple[int, ...]) -> None:
    in_chunk = max(1, min(_CHUNK_EVENTS, _CHUNK_BYTES // (4 * math.prod(shape))))
    options = {"chunks": (in_chunk, *shape), "maxshape": (None, *shape), **_DATASET}
    file.create_dataset("images", (0, *shape), np.float32, **options)


def _images_of_events(leading: Leading, start: int, stop: int, wanted: ImageSettings) -> np.ndarray:
    """Images (n_events, n_jets, ...) of the events `start` to `stop` (exclusive) of a slice."""
    first, last = start * leading.n_jets, min(stop, len(leading)) * leading.n_jets
    offsets = leading.offsets[first : last + 1]
    columns = {name: values[offsets[0] : offsets[-1]] for name, values in leading.constituents.items()}
    made = jet_images(
        *(columns[name] for name in ("pt", "eta", "phi")),
        offsets - offsets[0],
        wanted,
        charge=columns.get("charge"),
        axes=np.stack([leading.jets[name][first:last] for name in ("eta", "phi")]),
    )
    return made.reshape(-1, leading.n_jets, *made.shape[1:])


def jet_images(
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    offsets: np.ndarray,
    settings: ImageSettings,
    *,
    charge: np.ndarray | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Images of jets.

    Args:
        pt, eta, phi: (n_constituents,) GeV, radian, in any order.
        offsets: (n_jets + 1,) first constituent of each jet.
        settings: pixels, window, channels and the steps of the preprocessing.
        charge: (n_constituents,), for the channels `charged` and `neutral`.
        axes: (2, n_jets) eta and phi of the jets, where they are the centre.

    Returns:
        (n_jets, n_rows, n_columns) float32, or (n_jets, n_channels, n_rows, n_columns) where there is more
        than one channel. What falls outside is lost; a jet with nothing inside is all zeros. `charged` and
        `neutral` are divided by the norm of the channel `pt`, `multiplicity` by its own.

    Raises:
        MissingBranchError: the charge or the axes are needed and not given.
    """
    need_charge = bool(_NEED_CHARGE & set(settings.channels))
    if charge is None and need_charge:
        raise MissingBranchError(
            "Images of the channels charged and neutral need the charge of constituents."
        )
    centre = settings.centre
    if centre == "subjet":
        centre, axes = "axis", _hardest_subjets(pt, eta, phi, offsets, settings.subjet_radius)
    codes = np.array([image_kernel.CHANNELS.index(name) for name in settings.channels])
    made = np.zeros((len(offsets) - 1, len(codes), *settings.shape), np.float32)
    image_kernel.fill(
        *(pt, eta, phi),
        (charge != 0).astype(np.int8) if need_charge else np.zeros(0, np.int8),
        offsets,
        *_frame(centre, axes),
        settings.rotate,
        settings.flip,
        np.array(settings.window),
        codes,
        image_kernel.TRANSFORMS.index(settings.transform),
        image_kernel.NORMS.index(settings.normalise),
        made,
    )
    return made[:, 0] if len(codes) == 1 else made


def aligned(
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    offsets: np.ndarray,
    rotate: bool,
    flip: bool,
    *,
    centre: str = "centroid",
    axes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of constituents in the frame of their jet.

    The origin is `centre` (see `ImageSettings`); with `rotate`, the principal axis (largest pt-weighted
    second moment) is vertical; with `flip`, the larger sum of pt is above and to the right.

    Args:
        pt, eta, phi: (n_constituents,) GeV, radian.
        offsets: (n_jets + 1,) first constituent of each jet.
        axes: (2, n_jets) eta and phi of the jets, where they are the centre.

    Returns:
        Horizontal (eta) and vertical (phi) coordinates (n_constituents,) in float64.

    Raises:
        MissingBranchError: the axes are needed and not given.
    """
    x, y = np.empty(len(pt)), np.empty(len(pt))
    axes, code = _frame(centre, axes)
    image_kernel.align(pt, eta, phi, offsets, axes, code, rotate, flip, x, y)
    return x, y


def _frame(centre: str, axes: np.ndarray | None) -> tuple[np.ndarray, int]:
    """What the kernel takes for the centre: (2, n_jets) or (2, 0) axes, and a code."""
    if centre == "axis" and axes is None:
        raise MissingBranchError("Images around the jet's axis need eta and phi of the jets.")
    given = _NO_AXES if axes is None else axes.astype(np.float64)
    return given, image_kernel.CENTRES.index(centre)


def _hardest_subjets(
    pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray, radius: float
) -> np.ndarray:
    """(2, n_jets) eta and phi of the hardest anti-kt subjet of each jet; 0 for an empty one."""
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)}
    history = cluster(columns, offsets, "anti_kt", radius)
    # Nodes of a jet begin at twice its first constituent; those that were never made have no pt.
    subjet_pt = np.where(history.parent < 0, history.pt, -1.0)
    jets = np.flatnonzero(np.diff(offsets))
    hardest = np.maximum.reduceat(subjet_pt, history.first[jets]) if len(jets) else subjet_pt
    jet_of_node = np.repeat(np.arange(len(jets)), 2 * np.diff(offsets)[jets])
    nodes = np.flatnonzero(subjet_pt == hardest[jet_of_node])
    nodes = nodes[np.unique(jet_of_node[nodes], return_index=True)[1]]
    px, py, pz, _ = history.momentum[nodes].T
    axes = np.zeros((2, len(offsets) - 1))
    axes[:, jets] = np.arcsinh(pz / np.maximum(np.hypot(px, py), np.finfo(float).tiny)), np.arctan2(py, px)
    return axes
