"""Observables of rows of any kind, the words for them, and rows as points for distances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonaut.generate.evaluation import showers
from resonaut.generate.evaluation.coverage import Scale
from resonaut.generate.evaluation.jet_observables import jet_observables
from resonaut.generate.learnt import Learnt
from resonaut.shower_observables import OBSERVABLES

_JETS = {
    "mass_over_pt": ("Jet mass / $p_T$", ""),
    "girth": ("Girth", ""),
    "active_pixels": ("Active pixels", ""),
    "leading_pixel_fraction": ("Leading pixel's share", ""),
    "multiplicity": ("Multiplicity", ""),
    "pt_fraction": ("Sum of particles' $p_T$ / jet $p_T$", ""),
    "leading_fraction": ("Leading particle's share", ""),
    "tau21": (r"$\tau_{21}$", ""),
    "mass": ("Jet mass", "GeV"),
    "pt": ("Jet $p_T$", "GeV"),
}


_FEATURES = {
    "mass": ("Resonant mass", "GeV"),
    "mjj": (r"$m_{jj}$", "GeV"),
    "mj1": (r"$m_{J1}$", "GeV"),
    "dmj": (r"$m_{J2} - m_{J1}$", "GeV"),
    "delta_eta": (r"$|\Delta\eta_{jj}|$", ""),
    "tau21_j1": (r"$\tau_{21}$ of J1", ""),
    "tau21_j2": (r"$\tau_{21}$ of J2", ""),
    "jets/pt": ("Jet $p_T$", "GeV"),
    "jets/eta": (r"Jet $\eta$", ""),
    "jets/phi": (r"Jet $\phi$", "rad"),
    "jets/mass": ("Jet mass", "GeV"),
    "jets/energy": ("Jet energy", "GeV"),
    "jets/multiplicity": ("Number of constituents", ""),
    "jets/tau21": (r"Jet $\tau_{21}$", ""),
    "jets/tau32": (r"Jet $\tau_{32}$", ""),
    "jets/soft_drop_mass": ("Soft-drop mass", "GeV"),
}
"""See `represent.features`."""


def of_rows(rows: Learnt) -> dict[str, np.ndarray]:
    """Observables, (n,) each: of `shower_observables` or of `jet_observables`; of features the columns."""
    return showers.observed(rows.showers()) if rows.kind == "showers" else jet_observables(rows)


def titles(rows: Learnt) -> dict[str, tuple[str, str]]:
    """Title and unit of observables; those without have their name for a title."""
    if rows.kind == "features":
        return {**OBSERVABLES, **_FEATURES}
    if rows.kind != "showers":
        return _JETS
    if rows.settings["geometry"]["kind"] == "cartesian":
        return OBSERVABLES
    return {name: (title, "mm" if unit == "cells" else unit) for name, (title, unit) in OBSERVABLES.items()}


def table(observables: Mapping[str, np.ndarray], rows: Learnt) -> np.ndarray:
    """What a classifier of observables is given, (n, n_columns) float64: observables, then conditions.

    Of showers also the response, visible over incident energy, before the conditions: a small bias of it
    hides in the correlation of two columns that vary much more.
    """
    columns = list(observables.values())
    incident = incident_energy(rows) if rows.kind == "showers" else None
    if incident is not None:
        columns.append(observables["visible_energy"] / np.where(incident > 0, incident, 1.0))
    return np.column_stack([*columns, rows.conditions]).astype(np.float64)


def incident_energy(rows: Learnt) -> np.ndarray | None:
    """(n,) incident energy, GeV, if it is a condition or else known of the showers."""
    if "incident_energy" in rows.condition_names:
        return rows.conditions[:, rows.condition_names.index("incident_energy")].astype(np.float64)
    carried = rows.carried.get("events/incident_energy")
    return None if carried is None else np.asarray(carried, np.float64)


def points(observables: Mapping[str, np.ndarray], rows: Learnt) -> np.ndarray:
    """Rows as points: observables, and of showers the share of each layer, of images the roots of pixels."""
    columns = [np.stack(list(observables.values()), axis=1)]
    if rows.kind == "showers":
        by_layer = showers.layers(rows.showers())
        total = by_layer.sum(1, keepdims=True)
        columns.append(by_layer / np.where(total > 0, total, 1))
    elif rows.kind == "images":
        columns.append(np.sqrt(np.maximum(rows.values.reshape(len(rows), -1), 0)))
    return np.concatenate(columns, axis=1)


def scaled(real: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """All arrays (n_i, d) in units of the deviations of the first."""
    scale = Scale.of(real)
    return [scale(values) for values in (real, *others)]
