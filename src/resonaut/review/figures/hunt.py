"""Selected spectra with their background fits: the window of the largest excess, and all windows.

Of a blind hunt the first window is drawn large, and no point in any signal region.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.intervals import poisson_residuals
from resonaut.plot.spectrum import Spectrum, draw_spectrum
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import attribute, column, find_key, open_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_SMALL_MAX = 20
"""Small panels that one figure can hold."""
_DATASETS = (
    *("edges", "efficiencies", "counts", "expected", "observed", "background"),
    *("background_log_error", "deviance", "degrees_of_freedom"),
)


@dataclass(frozen=True)
class Spectra:
    """Spectra of the first pseudo-experiment; W windows, E efficiencies, B bins.

    Attributes:
        edges: (B + 1,) GeV.
        efficiencies: (E,).
        counts, expected: (W, E, B); `expected` is NaN outside of the fit, `counts` where they are closed.
        observed, background, background_log_error, deviance, degrees_of_freedom: (W, E); `observed` is NaN if
            `blind`.
        blind: the signal regions are closed.
    """

    windows: list[dict[str, float]]
    method: str
    mixture: str
    sqrt_s: float | None
    blind: bool
    edges: np.ndarray
    efficiencies: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    observed: np.ndarray
    background: np.ndarray
    background_log_error: np.ndarray
    deviance: np.ndarray
    degrees_of_freedom: np.ndarray

    def spectrum(self, window: int, efficiency: int) -> Spectrum:
        """One spectrum."""
        place = self.windows[window]
        return Spectrum(
            self.edges,
            self.counts[window, efficiency],
            self.expected[window, efficiency],
            place["low"],
            place["high"],
        )

    def title(self, window: int) -> str:
        """The window in words."""
        return f"{self.windows[window]['low']:g}-{self.windows[window]['high']:g} GeV"


def excess(observed: np.ndarray, background: np.ndarray, log_error: np.ndarray) -> np.ndarray:
    """Approximate local significance, used only to choose what is drawn: infer gives the real one.

    The Poisson residual over the root of one plus the relative variance that the background's error adds.

    Args:
        observed, background, log_error: (...).
    """
    return poisson_residuals(observed, background) / np.sqrt(1 + background * log_error**2)


def read(path: Path) -> Spectra:
    """Read the file of the stage hunt.

    Raises:
        InputError: not such a file.
        EmptyFileError: no fit converged.
    """
    with open_kind(path, "spectra") as file:
        arrays = {name: column(file, name) for name in _DATASETS}
        blind = bool(file.attrs.get("blind", False))
        windows, provenance = attribute(file, "windows"), attribute(file, "provenance")
        names = {name: str(file.attrs.get(name, "")) for name in ("method", "mixture")}
    shared = ("edges", "efficiencies")
    arrays = {name: values if name in shared else values[0] for name, values in arrays.items()}
    if not np.isfinite(arrays["background"]).any():
        raise EmptyFileError(f"{path}: no background fit of the first pseudo-experiment converged.")
    for name in ("counts", "observed"):
        arrays[name] = np.where(arrays[name] < 0, np.nan, arrays[name])
    return Spectra(windows=windows, blind=blind, sqrt_s=find_key(provenance, "sqrt_s"), **names, **arrays)


def _notes(spectra: Spectra, window: int, efficiency: int) -> str:
    background = spectra.background[window, efficiency]
    error = background * spectra.background_log_error[window, efficiency]
    deviance = spectra.deviance[window, efficiency]
    closed = "\nEvents of all signal regions are hidden" if spectra.blind else ""
    seen = "Blind" if spectra.blind else f"{int(spectra.observed[window, efficiency])} events"
    if not np.isfinite(background):
        return (
            f"{100 * spectra.efficiencies[efficiency]:.3g} % of the side bands selected\n"
            f"{seen}; the fit did not converge{closed}"
        )
    return (
        f"{100 * spectra.efficiencies[efficiency]:.3g} % of the side bands selected\n"
        f"{seen}, {background:.3g} $\\pm$ {error:.2g} expected\n"
        f"Fit: deviance {deviance:.1f} / {spectra.degrees_of_freedom[window, efficiency]}{closed}"
    )


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw one large panel per efficiency in the window of the largest excess, and all windows small."""
    spectra = read(inputs["spectra"])
    n_windows, n_efficiencies = spectra.observed.shape
    significance = np.nan_to_num(
        excess(spectra.observed, spectra.background, spectra.background_log_error), nan=-np.inf
    )
    best = int(significance.max(1).argmax())
    rows = [Row((True,) * n_efficiencies, height=6.2)]
    small = n_windows if n_windows > 1 and n_windows * n_efficiencies <= N_SMALL_MAX else 0
    rows += [Row((True,) * n_windows, height=3.4)] * (n_efficiencies if small else 0)
    # Wide enough for small panels of 3.3 inches and for large ones of 6.4.
    width = max(3.3, 7.9 * n_efficiencies / small - 1.5) if small else 6.4
    figure, (large, *others) = panels(rows, width)
    energy = "" if spectra.sqrt_s is None else f", {spectra.sqrt_s / 1000:g} TeV"
    for number, panel in enumerate(large):
        notes = _notes(spectra, best, number)
        draw_spectrum(panel, spectra.spectrum(best, number), notes=notes)
        add_title(panel.main, f"{spectra.method} in {spectra.mixture}, {spectra.title(best)}{energy}")
    add_label(large[0].main, look)
    for number, row in enumerate(others):
        for window, panel in enumerate(row):
            draw_spectrum(panel, spectra.spectrum(window, number), compact=True)
            add_title(panel.main, f"{100 * spectra.efficiencies[number]:.3g} %, {spectra.title(window)}")
    return figure
