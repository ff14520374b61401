"""The leading constituents of the jets of a mixture, padded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonaut import ragged
from resonaut.errors import InputError, MissingBranchError
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.store import open_h5

COLUMNS = ("log_pt", "delta_eta", "delta_phi")


def gather(mixture: Mixture, manifests: Mapping[str, Manifest], n_constituents: int) -> np.ndarray:
    """The leading constituents of the mixture's jets, in the mixture's order.

    Args:
        mixture: which events.
        manifests: clouds manifest of each dataset.
        n_constituents: constituents kept per jet.

    Returns:
        (n_events, n_jets, n_constituents, 3) float32: pt (GeV), delta eta, delta phi; zeros
        beyond a jet's end.

    Raises:
        MissingBranchError, InputError: a chunk holds other columns or numbers of jets.
    """
    found: np.ndarray | None = None
    for index, name in enumerate(mixture.datasets):
        for number, path in enumerate(manifests[name].chunks):
            events = np.flatnonzero((mixture.dataset == index) & (mixture.chunk == number))
            if not len(events):
                continue
            values = _of_chunk(path, mixture.row[events], n_constituents)
            if found is None:
                found = np.zeros((len(mixture), *values.shape[1:]), np.float32)
            if found.shape[1:] != values.shape[1:]:
                raise InputError(
                    f"{path}: {values.shape[1]} jets per event, other chunks have {found.shape[1]}. Run "
                    "`represent clouds` with the same n_jets for all."
                )
            found[events] = values
    if found is None:
        raise InputError(f"mixture '{mixture.name}': no clouds.")
    return found


def _of_chunk(path: object, rows: np.ndarray, n_constituents: int) -> np.ndarray:
    with open_h5(path) as file:
        for name in (*(f"constituents/{column}" for column in COLUMNS), "offsets", "events/mass"):
            if name not in file:
                raise MissingBranchError(f"{path}: no '{name}'. Run `represent clouds` again.")
        offsets = file["offsets"][:].astype(np.int64)
        n_jets = (len(offsets) - 1) // max(1, len(file["events/mass"]))
        jets = (rows[:, None] * n_jets + np.arange(n_jets)).ravel()
        take, kept = ragged.take(offsets, jets, n_constituents)
        padded = np.zeros((len(jets), n_constituents, len(COLUMNS)), np.float32)
        place = (ragged.row_of(kept), ragged.rank(kept))
        for number, column in enumerate(COLUMNS):
            values = file[f"constituents/{column}"][:][take]
            padded[(*place, number)] = np.exp(values) if column == "log_pt" else values
    return padded.reshape(len(rows), n_jets, n_constituents, len(COLUMNS))
