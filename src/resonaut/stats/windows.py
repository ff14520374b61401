"""Bins of the spectrum and the roles they have for each window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.errors import ConfigError
from resonaut.scan import ScanSettings

_CLOSE = 1e-6


@dataclass(frozen=True)
class Bins:
    """Bins of the scan.

    Attributes:
        edges: (n_bins + 1,) GeV.
        inside: (n_windows, n_bins) boolean, bins of the signal region.
        fitted: (n_windows, n_bins) boolean, bins outside the signal region that the background is fitted to.
    """

    edges: np.ndarray
    inside: np.ndarray
    fitted: np.ndarray


def make_bins(scan: ScanSettings, bin_width: float, fit_region: str) -> Bins:
    """Bins of equal width over the scan.

    Args:
        scan: windows and side bands.
        bin_width: GeV.
        fit_region: "sidebands", or "range" for everything outside the signal region.

    Raises:
        ConfigError: an edge of the range, of a window or of a fitted side band does not lie on a bin's edge.
    """
    n_bins = round((scan.mass_max - scan.mass_min) / bin_width)
    if abs(scan.mass_min + n_bins * bin_width - scan.mass_max) > _CLOSE:
        raise ConfigError(
            f"hunt.bin_width: bins of {bin_width:g} GeV do not fill {scan.mass_min:g}-{scan.mass_max:g} GeV; "
            "choose a width that divides scan.mass_max - scan.mass_min."
        )
    edges = scan.mass_min + bin_width * np.arange(n_bins + 1)
    inside = np.zeros((len(scan.windows), n_bins), bool)
    fitted = np.zeros_like(inside)
    for number, window in enumerate(scan.windows):
        where = f"scan.windows[{number}]"
        low = _edge(edges, window.low, f"{where}.low")
        high = _edge(edges, window.high, f"{where}.high")
        # Events are assigned by the configured numbers; rounding of the edges must not move one.
        edges[low], edges[high] = window.low, window.high
        inside[number, low:high] = True
        fitted[number] = ~inside[number] if fit_region == "range" else _in_sidebands(edges, scan, number)
    return Bins(edges, inside, fitted)


def _in_sidebands(edges: np.ndarray, scan: ScanSettings, number: int) -> np.ndarray:
    """(n_bins,) boolean: bins of a window's side bands."""
    window = scan.windows[number]
    if window.sidebands is not None:
        key = f"scan.windows[{number}].sidebands"
    elif window.sideband_width is not None:
        key = f"scan.windows[{number}].sideband_width"
    else:
        key = "scan.sideband_width"
    result = np.zeros(len(edges) - 1, bool)
    for band, side in zip(scan.sidebands()[number], ("below", "above"), strict=True):
        first, last = (_edge(edges, edge, f"{key} ({side} window {window.name})") for edge in band)
        result[first:last] = True
    return result


def _edge(edges: np.ndarray, value: float, key: str) -> int:
    """Index of the edge at `value`."""
    index = int(np.abs(edges - value).argmin())
    if abs(edges[index] - value) > _CLOSE:
        raise ConfigError(
            f"{key}: {value:g} GeV is not an edge of a bin; the nearest edge is {edges[index]:g} GeV "
            f"(bins of hunt.bin_width = {edges[1] - edges[0]:g} GeV from scan.mass_min = {edges[0]:g} GeV). "
            "Move the window, or choose another bin width."
        )
    return index
