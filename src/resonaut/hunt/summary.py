"""The summary of a hunt to read: the numbers of the first pseudo-experiment.

In a blind hunt `blind` is true and `observed` null. Without pseudo-experiments `windows` is empty. `order` of
a selection is the chosen number of parameters of the background function, null where `hunt.n_parameters` is a
number. Of a fit that did not converge `converged` is false and the numbers of the background are null.
"""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

SCHEMA_VERSION = 3


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if np.isfinite(value) else None


def summarise(file: h5py.File, windows: list[dict[str, Any]], provenance: dict[str, Any]) -> dict[str, Any]:
    """What `hunt.json` holds.

    Args:
        file: spectra, as written.
        windows: low, high and side bands of each window, GeV.
        provenance: of the spectra.
    """
    efficiencies = file["efficiencies"][:]
    return {
        "schema_version": SCHEMA_VERSION,
        "mixture": file.attrs["mixture"],
        "method": file.attrs["method"],
        "blind": bool(file.attrs["blind"]),
        "n_pseudo_experiments": int(file["counts"].shape[0]),
        "background_function": file.attrs["background_function"],
        "background_settings": json.loads(file.attrs["background_settings"]),
        "transfer_parameters": int(file.attrs["transfer_parameters"]),
        "edges": file["edges"][:].tolist(),
        "windows": [
            {
                **window,
                "sideband_events": int(file["sideband_events"][0, number]),
                "selections": [
                    _selection(file, (0, number, index), float(efficiency))
                    for index, efficiency in enumerate(efficiencies)
                ],
            }
            for number, window in enumerate(windows if file["counts"].shape[0] else ())
        ],
        "provenance": provenance,
    }


def _selection(file: h5py.File, at: tuple[int, int, int], efficiency: float) -> dict[str, Any]:
    background, log_error = float(file["background"][at]), float(file["background_log_error"][at])
    sideband, converged = int(file["sideband_selected"][at]), bool(file["converged"][at])
    return {
        "efficiency": efficiency,
        "sideband_selected": sideband,
        "sideband_efficiency": sideband / max(int(file["sideband_events"][at[:2]]), 1),
        "thresholds": [_number(value) for value in file["thresholds"][at]],
        "observed": None if file.attrs["blind"] else int(file["observed"][at]),
        "background": _number(background),
        "background_error": _number(background * log_error),
        "background_log_error": _number(log_error),
        "parameters": [_number(value) for value in file["parameters"][at]],
        "order": int(file["order"][at]) if "order" in file and converged else None,
        "deviance": _number(file["deviance"][at]),
        "degrees_of_freedom": int(file["degrees_of_freedom"][at]) if converged else None,
        "goodness_of_fit": _number(file["goodness_of_fit"][at]),
        "converged": converged,
    }
