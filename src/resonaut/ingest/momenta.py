"""Columns of objects as the store has them: pt, eta, phi, mass in GeV, phi in (-pi, pi], lengths in mm."""

from __future__ import annotations

import numpy as np

from resonaut.errors import BadValueError
from resonaut.events import UNMEASURED, Columns
from resonaut.ingest.batch import PHI_MAX
from resonaut.ingest.mapping import has_energy_unit
from resonaut.ingest.pdg import charge_of, pdg_class

_GEV_PER_MEV = 1e-3
_MM_PER_CM = 10.0


def canonical(columns: Columns, unit: str = "GeV", length: str = "mm", mass: float | None = None) -> Columns:
    """Convert the columns of some objects, (n_objects,) each, from the units and the form of the file.

    Args:
        columns: pt, eta, phi or px, py, pz; mass or energy; and more.
        unit: of energies, GeV or MeV.
        length: unit of d0 and dz, mm or cm.
        mass: of all objects, GeV, where no column tells.

    Returns:
        pt, eta, phi, mass and the other columns. The mass is 0 where rounding leaves an energy below the
        momentum, and NaN where the energy is negative.

    Raises:
        BadValueError: charges, classes or flavours are no whole numbers.
    """
    columns = {name: _number(name, values) for name, values in columns.items()}
    for name in filter(has_energy_unit, columns if unit == "MeV" else ()):
        columns[name] = columns[name] * _GEV_PER_MEV
    for name in columns.keys() & set(UNMEASURED) if length == "cm" else ():
        columns[name] = columns[name] * _MM_PER_CM
    found = dict(zip(("pt", "eta", "phi"), _direction(columns), strict=True))
    found["phi"] = wrapped(found["phi"])
    if "energy" in columns:
        found["mass"] = mass_from_energy(found["pt"], found["eta"], columns.pop("energy"))
    elif mass is not None:
        found["mass"] = np.full_like(found["pt"], mass)
    found |= {name: values for name, values in columns.items() if name not in found}
    if "pdg_id" in found:
        pdg_id = found.pop("pdg_id")
        found.setdefault("charge", charge_of(pdg_id))
        found.setdefault("pdg_class", pdg_class(pdg_id, found["charge"]))
    for name in found.keys() & set(UNMEASURED) if "charge" in found else ():
        found[name] = np.where(found["charge"] != 0, found[name], np.float32(np.nan))
    return found


def wrapped(phi: np.ndarray) -> np.ndarray:
    """`phi` in (-pi, pi]; values that are there already keep every bit.

    What no measurement gives (`batch.PHI_MAX`) stays as it is, so that it is seen as a fault.
    """
    pi = phi.dtype.type(np.pi)
    outside = ((phi > pi) | (phi <= -pi)) & (np.abs(phi) <= PHI_MAX)
    if not outside.any():
        return phi
    with np.errstate(invalid="ignore"):
        return np.where(outside, phi - 2 * pi * np.ceil((phi - pi) / (2 * pi)), phi)


def _number(name: str, values: np.ndarray) -> np.ndarray:
    """Truth values as 0 and 1, kinematics with a fraction, charges and classes without one."""
    if name in ("charge", "pdg_class", "pdg_id", "flavour"):
        _check_whole(name, values)
        return values.astype(np.int32)
    if values.dtype.kind == "b":
        return values.astype(np.int32)
    if values.dtype.kind in "iu" and (has_energy_unit(name) or name in ("eta", "phi")):
        return values.astype(np.float64)
    return values


def _check_whole(name: str, values: np.ndarray) -> None:
    broken = np.isfinite(values) & (values != np.rint(values)) if values.dtype.kind == "f" else np.zeros(0)
    if broken.any():
        raise BadValueError(
            f"the column '{name}' holds {values[np.argmax(broken)]}, whole numbers are expected. Name the "
            "column otherwise (jet_charge, ...) if it is another quantity."
        )


def _direction(columns: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pt, eta and phi, taken out of the columns. Without pt there is no direction: eta is then 0."""
    if "pt" in columns:
        return columns.pop("pt"), columns.pop("eta"), columns.pop("phi")
    px, py, pz = (columns.pop(name).astype(np.float64) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pt), where=pt != 0))
    return pt, eta, np.arctan2(py, px)


def mass_from_energy(pt: np.ndarray, eta: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """(n,) float64 masses, GeV; 0 where rounding leaves less energy than momentum, NaN of energies < 0."""
    energy = energy.astype(np.float64)
    momentum = pt.astype(np.float64) * np.cosh(eta.astype(np.float64))
    squared = (energy - momentum) * (energy + momentum)
    return np.sqrt(np.where(energy < 0, np.nan, np.maximum(squared, 0.0)))
