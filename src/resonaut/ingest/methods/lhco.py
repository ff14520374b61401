"""Reader of the LHC Olympics 2020 (arXiv:2101.08320): particles to be clustered, or features of two jets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, MissingFileError
from resonaut.ingest.batch import Batch, Ragged, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.momenta import wrapped
from resonaut.ingest.ordering import by_pt
from resonaut.ingest.padded import labels, numbered, unpad
from resonaut.ingest.pandas_frame import Frame
from resonaut.ingest.remote import DEFAULTS, RemoteSettings
from resonaut.ingest.rootfile import reading
from resonaut.ingest.sources import open_bytes

KINDS = ("hdf5",)
LEVEL = "jets"
NUMBERED = False
KEY = "df"
CLASSES = ("background", "signal", "signal_2")
"""The third is that of black box 3, whose resonance decays in two ways."""
_N_PARTICLES = 700
_WIDTH = 3 * _N_PARTICLES
_MOMENTUM = ("px", "py", "pz", "m")
_TAUS = ("tau1", "tau2", "tau3", "tau4")
_SIDES = ("j1", "j2")
_KEY_BYTES_MAX = 2**27


class Settings(base.Settings):
    """Where the truth of a black box is."""

    masterkey: str | None = Field(
        None, description="Labels of a black box, one per line; if absent, <file>.masterkey where it exists."
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "hdf5" and contents.has(KEY, "block0_items", "block0_values", "axis0")


def build(settings: Settings) -> LhcOlympics:
    """Build the reader."""
    return LhcOlympics(settings.masterkey)


class LhcOlympics:
    """Particles (pt, eta, phi, massless) are clustered by `ingest`; `*.features.h5` holds jets j1 and j2.

    The features' tau1, tau2, tau3 are as published: in GeV, not divided by the jet's pt.

    Attributes:
        remote: how the masterkey of a remote file is reached.
    """

    def __init__(self, masterkey: str | None) -> None:
        self.masterkey = masterkey
        self.remote = DEFAULTS

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of events, all of one weight, and the classes."""
        frame = _frame(file, path)
        key = self._key(path, frame)
        n_classes = 2 if _label_column(frame) else 0
        if key is not None:
            n_classes = max(2, int(key.max()) + 1)
        return SourceInfo(len(frame), float(len(frame)), None, "", CLASSES[:n_classes])

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read particles, or jets."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these files hold particles, or two jets. Leave "
                "'ingest.collection' out."
            )
        frame = _frame(file, path)
        key = self._key(path, frame)
        label = _label_column(frame)
        for start in range(0, len(frame), step):
            stop = min(start + step, len(frame))
            events = numbered(np.arange(start, stop))
            if _has_jets(frame):
                groups = {"jets": _jets(frame, start, stop)}
                values = frame.read([label], start, stop)[label] if label else None
            else:
                block = frame.block(start, stop)
                groups = {"particles": _particles(block)}
                values = block[:, _WIDTH] if label else None
            if key is not None:
                events["label"] = key[start:stop].astype(np.int32)
            elif values is not None:
                events["label"] = labels(values, 2, f"{path}: label", start)
            yield Batch(events, start, **groups)

    def _key(self, path: str, frame: Frame) -> np.ndarray | None:
        """(n_events,) int8 labels of the file beside a black box; None without one."""
        if _label_column(frame) is not None:
            if self.masterkey is not None:
                raise ConfigError(
                    f"masterkey: {path} has labels itself; a masterkey belongs to a black box. Leave it out."
                )
            return None
        beside = re.sub(r"\.(h5|hdf5)(?=\?|$)", ".masterkey", path)
        if self.masterkey is None and beside == path:
            return None
        try:
            return _read_key(self.masterkey or beside, path, len(frame), self.remote)
        except MissingFileError:
            if self.masterkey is not None:
                raise
            return None


def _frame(file: Any, path: str) -> Frame:
    """The frame, its columns checked.

    Raises:
        MissingBranchError, CorruptFileError: they are not those published.
    """
    frame = Frame(file, path, KEY)
    if _has_jets(frame):
        frame.require([f"{name}{side}" for side in _SIDES for name in _MOMENTUM])
    else:
        numbers = [str(number) for number in range(len(frame.columns))]
        if len(numbers) not in (_WIDTH, _WIDTH + 1) or list(frame.columns) != numbers:
            raise CorruptFileError(
                f"{path}: the frame '{KEY}' has {len(frame.columns)} columns ({', '.join(frame.columns[:4])} "
                f"...); {_WIDTH} numbered ones (pt, eta, phi of {_N_PARTICLES} particles), {_WIDTH + 1} with "
                "a label, or pxj1, pyj1, ... are expected. For other tables name '--reader table'."
            )
    return frame


def _has_jets(frame: Frame) -> bool:
    return "pxj1" in frame.columns


def _label_column(frame: Frame) -> str | None:
    name = "label" if _has_jets(frame) else str(_WIDTH)
    return name if name in frame.columns else None


def _particles(block: np.ndarray) -> Ragged:
    """Candidates of each event. Filler has pt 0; eta or phi may be 0 exactly."""
    values = block[:, :_WIDTH].reshape(len(block), _N_PARTICLES, 3)
    particles = unpad(
        {name: values[:, :, i] for i, name in enumerate(("pt", "eta", "phi"))}, values[:, :, 0] != 0
    )
    columns = particles.columns
    columns["phi"] = wrapped(columns["phi"])
    columns["mass"] = np.zeros_like(columns["pt"])
    return particles


def _jets(frame: Frame, start: int, stop: int) -> Ragged:
    """j1 and j2 of each event, sorted by pt; an event with one jet has zeros for the other."""
    taus = [tau for tau in _TAUS if all(f"{tau}{side}" in frame.columns for side in _SIDES)]
    names = [*_MOMENTUM, *taus]
    values = frame.read([f"{name}{side}" for side in _SIDES for name in names], start, stop)
    both = {
        name: np.stack([values[f"{name}{side}"].astype(np.float64) for side in _SIDES], 1) for name in names
    }
    px, py, pz = (both.pop(name) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px), "mass": both.pop("m")}
    return by_pt(unpad(columns | both, pt != 0), None)[0]


def _read_key(key_path: str, path: str, n_events: int, remote: RemoteSettings) -> np.ndarray:
    with open_bytes(key_path, remote) as file:
        text = file.read(_KEY_BYTES_MAX)
    with reading(key_path, "masterkey (one label per line)"):
        values = np.loadtxt(io.BytesIO(text), np.float64, comments=None, ndmin=1)
    if len(values) != n_events:
        raise BadValueError(
            f"{key_path}: {len(values)} labels, {path} has {n_events} events; equal numbers are expected. Is "
            "it the key of another black box?"
        )
    return labels(values, len(CLASSES), f"{key_path}: the label", 0).astype(np.int8)
