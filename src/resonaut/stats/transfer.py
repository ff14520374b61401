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

from resonaut.stats.loglinear import LogLinear, integrate


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
    spectrum: LogLinear, edges: np.ndarray, inside: np.ndarray, fitted: np.ndarray, n_transfer: int
) -> WindowModel:
    """Build the model of one window.

    Args:
        spectrum: smooth function over the bins of the scan.
        edges: (B + 1,) GeV.
        inside: (B,) boolean, bins of the signal region.
        fitted: (B,) boolean, bins outside of it that are fitted.
        n_transfer: terms of the ratio; 0 fits `spectrum` to the selected events alone.
    """
    n_bins, n_nodes = spectrum.weights.shape
    centre = np.sqrt(edges[0] * edges[-1])
    ratio = integrate(lambda mass: np.log(mass / centre)[:, None] ** np.arange(n_transfer), edges).nodes
    nothing = np.zeros((n_nodes, n_transfer))
    nodes = np.block([[spectrum.nodes, nothing], [spectrum.nodes, ratio]])
    empty = np.zeros_like(spectrum.weights)
    joint = LogLinear(nodes, np.block([[spectrum.weights, empty], [empty, spectrum.weights]]))
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
