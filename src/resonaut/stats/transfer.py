"""The background of a window: a smooth spectrum of its own, or that of failing events times a smooth ratio.

Where few events are selected, their spectrum alone says little about its own curvature, and the many events
that fail the selection say a lot. With a transfer, failing events follow f(m) and selected ones f(m) r(m),
where ln r is a polynomial of ln m: a pass-to-fail ratio as in searches for boosted jets (CMS,
arXiv:1705.10532). Both spectra are disjoint, hence independent, and the joint model is still log-linear, so
whatever fits one fits the other. Failing events of the signal region are not used: a signal may fail too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats.families import Function, merged, on_range
from resonaut.stats.loglinear import LogLinear


@dataclass(frozen=True)
class WindowModel:
    """Model of one window.

    Attributes:
        model: side-band bins, those of failing events first if they are used, and last the signal region of
            selected events as one bin.
        selected: the selected spectrum in the bins of the scan, with the same parameters.
        groups: (n_bins of `model`, 2 B) which of the failing and the selected bins each bin adds up.
    """

    model: LogLinear
    selected: LogLinear
    groups: np.ndarray

    def arrange(self, selected: np.ndarray, failing: np.ndarray) -> np.ndarray:
        """Counts in the bins of `model` from those (..., B) in the bins of the scan."""
        return np.concatenate([failing, selected], axis=-1) @ self.groups.T

    @property
    def sidebands(self) -> LogLinear:
        """`model` without the signal region."""
        return self.model.regrouped(np.eye(self.model.n_bins)[:-1])


def transfer_terms(n_transfer: int, efficiency: float) -> int:
    """Terms of the ratio at a selection efficiency: none where no event fails."""
    return 0 if efficiency == 1 else n_transfer


def window_model(
    spectrum: LogLinear | Function, edges: np.ndarray, inside: np.ndarray, fitted: np.ndarray, n_transfer: int
) -> WindowModel:
    """Build the model of one window.

    Args:
        spectrum: smooth function over the bins of the scan; or the function of edges itself, which then gets
            the range from the first to the last bin that is used (`families.on_range`).
        edges: (B + 1,) GeV.
        inside: (B,) boolean, bins of the signal region.
        fitted: (B,) boolean, bins outside of it that are fitted.
        n_transfer: terms of the ratio; 0 fits `spectrum` to the selected events alone.
    """
    if not isinstance(spectrum, LogLinear):
        spectrum = on_range(spectrum, edges, inside | fitted)
    joint = _joint(spectrum, np.sqrt(edges[0] * edges[-1]), n_transfer)
    n_bins = len(inside)
    side = np.eye(n_bins, dtype=bool)[fitted & ~inside]
    failing = side if n_transfer else side[:0]
    groups = np.block(
        [
            [failing, np.zeros_like(failing)],
            [np.zeros_like(side), side],
            [np.zeros((1, n_bins), bool), inside[None, :]],
        ]
    )
    selected = joint.regrouped(np.eye(2 * n_bins, dtype=bool)[n_bins:])
    return WindowModel(joint.regrouped(groups), selected, groups)


def _joint(spectrum: LogLinear, centre: float, n_transfer: int) -> LogLinear:
    """Failing bins, then selected bins, over the parameters of `spectrum` and of the ratio."""
    if n_transfer:
        ratio = np.log(spectrum.masses / centre)[:, None] ** np.arange(n_transfer)
    else:
        spectrum = merged(spectrum)
        ratio = np.zeros((len(spectrum.nodes), 0))
    nothing = np.zeros_like(ratio)
    penalty = None if spectrum.penalty is None else np.pad(spectrum.penalty, (0, n_transfer))
    empty = np.zeros_like(spectrum.weights)
    return LogLinear(
        np.block([[spectrum.nodes, nothing], [spectrum.nodes, ratio]]),
        np.block([[spectrum.weights, empty], [empty, spectrum.weights]]),
        penalty,
    )
