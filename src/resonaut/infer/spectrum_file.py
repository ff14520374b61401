"""A histogram of any origin as a spectrum of counts in bins of mass (GeV), and words for what was taken.

Counts are whole numbers of events, Poisson distributed. Where they are not, because events carry weights,
they are scaled to effective entries (`stats.weighted`), and limits are divided by the factor again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.errors import BadValueError, ConfigError, EmptyFileError, MissingBranchError, nearest
from resonaut.infer.spectrum_readers import read_table
from resonaut.infer.spectrum_table import Column, Table, energy_unit, words
from resonaut.stats.weighted import effective_counts

COUNTS = (
    {"count", "counts"},
    {"event", "events", "entries", "n"},
    {"observed", "obs", "data"},
    {"y", "content", "contents", "value", "yield"},
)
"""Words that name a column of counts, the surest first."""
FIT = {"fit", "fitted", "background", "bkg", "expected", "prediction", "predicted", "postfit"}
DENSITY = {"dsigma", "sigma", "dn", "per"}
WEIGHTED_ABOVE = 0.1
"""Errors whose squares sum to this much more or less than the counts are those of weighted events."""
_CLOSE = 1e-6


@dataclass(frozen=True)
class SpectrumFile:
    """A spectrum.

    Attributes:
        path: of the file.
        edges: (n_bins + 1,) GeV.
        counts: (n_bins,) events, or effective entries where `scale` is not 1.
        expected: (n_bins,) of a fit that the file brings with it; None where there is none.
        sqrt_s: centre-of-mass energy that the file gives, GeV; None where it gives none.
        scale: effective entries per unit of the file.
        notes: what was taken from the file, one sentence each.
    """

    path: str
    edges: np.ndarray
    counts: np.ndarray
    expected: np.ndarray | None
    sqrt_s: float | None
    scale: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Taking:
    """What to take from a file; None: what its names say.

    Attributes:
        column: name of the column of counts.
        unit: "GeV" or "TeV" of the edges.
        mass_min, mass_max: bins that reach beyond are left out, GeV.
    """

    column: str | None = None
    unit: str | None = None
    mass_min: float | None = None
    mass_max: float | None = None


def read_spectrum(name: str, taking: Taking | None = None) -> SpectrumFile:
    """Read a spectrum.

    Args:
        name: of a CSV, YAML or ROOT file, `file.root:histogram` for one of several.
        taking: what to take from it.

    Raises:
        InputError: no such file or column, bins that are not consecutive, or counts that cannot be used.
        ConfigError: no bin lies in the range.
    """
    taking = taking or Taking()
    table = read_table(name)
    column = counts_column(table, taking.column)
    unit = {"GeV": 1.0, "TeV": 1000.0}.get(taking.unit or "") or energy_unit(table.mass)
    taken = f"counts: '{column.name}'; mass: '{table.mass}'"
    stated = taking.unit or {1.0: "GeV", 1000.0: "TeV", 0.001: "MeV"}.get(unit or 0.0)
    notes = [taken, f"edges in {stated}" if stated else "no unit in the header: GeV assumed", *table.notes]
    to_gev = unit or 1.0
    low, high = to_gev * table.low, to_gev * table.high
    kept = _in_range(table, low, high, taking)
    if not kept.all():
        notes.append(f"{int((~kept).sum())} of {len(kept)} bins outside of the range are left out")
    rows = [row for row, keep in zip(table.rows, kept, strict=True) if keep]
    edges = consecutive_edges(table.path, low[kept], high[kept], rows)
    errors = None if column.errors is None else column.errors[kept]
    counts, scale, treatment = _usable(table.path, column.values[kept], errors, rows)
    fit = _fit_column(table, column)
    expected = None
    if fit is not None and np.isfinite(fit.values[kept]).all() and (fit.values[kept] > 0).all():
        expected = scale * fit.values[kept]
        notes.append(f"fit of the file: '{fit.name}'")
    return SpectrumFile(table.path, edges, counts, expected, table.sqrt_s, scale, (*notes, treatment))


def _is_density(column: Column) -> bool:
    name = column.name.lower().replace(" ", "")
    return bool(words(name) & DENSITY) or "/gev" in name or "/tev" in name


def counts_column(table: Table, wanted: str | None) -> Column:
    """The column of counts: the one that is wanted, or that whose name says so.

    Raises:
        MissingBranchError: no such column, none, or several.
    """
    names = [column.name for column in table.columns]
    if wanted is not None:
        if wanted not in names:
            raise MissingBranchError(f"{table.path}: no column '{wanted}'. {nearest(wanted, names)}")
        return table.columns[names.index(wanted)]
    usable = [column for column in table.columns if not words(column.name) & FIT and not _is_density(column)]
    for known in COUNTS:
        found = [column for column in usable if words(column.name) & known]
        if len(found) == 1:
            return found[0]
        if found:
            raise MissingBranchError(
                f"{table.path}: several columns may be the counts: "
                f"{', '.join(repr(column.name) for column in found)}. Name one with --column."
            )
    if len(usable) == 1 and len(table.columns) == 1:
        return usable[0]
    listed = ", ".join(map(repr, names)) or "nothing but edges"
    raise MissingBranchError(
        f"{table.path}: no column of counts among {listed}. Name it 'count', or name the one that is meant "
        "with --column. Densities are no counts: multiply by the bin's width and the luminosity first."
    )


def _fit_column(table: Table, counts: Column) -> Column | None:
    found = [
        column
        for column in table.columns
        if words(column.name) & FIT and column.name != counts.name and not _is_density(column)
    ]
    return found[0] if len(found) == 1 else None


def _in_range(table: Table, low: np.ndarray, high: np.ndarray, taking: Taking) -> np.ndarray:
    """(n_rows,) boolean: rows that lie inside the range."""
    for row, *pair in zip(table.rows, low, high, strict=True):
        if not np.isfinite(pair).all() or pair[1] <= pair[0]:
            raise BadValueError(
                f"{table.path}: {row} has the edges {pair[0]:g} and {pair[1]:g} GeV; a lower edge below the "
                "upper one is expected. Correct the row."
            )
    minimum = -np.inf if taking.mass_min is None else taking.mass_min
    maximum = np.inf if taking.mass_max is None else taking.mass_max
    kept = (low >= minimum * (1 - _CLOSE)) & (high <= maximum * (1 + _CLOSE))
    if not kept.any():
        raise ConfigError(
            f"mass_min, mass_max: no bin of {table.path} lies in {minimum:g}-{maximum:g} GeV; its bins cover "
            f"{low.min():g}-{high.max():g} GeV. Correct the range, or the unit with --unit."
        )
    return kept


def consecutive_edges(path: str, low: np.ndarray, high: np.ndarray, rows: Sequence[str]) -> np.ndarray:
    """(n_bins + 1,) edges of consecutive bins.

    Raises:
        BadValueError: a gap, an overlap, or bins that do not increase.
    """
    step = low[1:] - high[:-1]
    wrong = np.flatnonzero(np.abs(step) > _CLOSE * high[:-1])
    if len(wrong):
        place = int(wrong[0])
        order = low[place + 1] <= low[place]
        what = "the edges do not increase" if order else "a gap" if step[place] > 0 else "bins overlap"
        raise BadValueError(
            f"{path}: {rows[place + 1]} begins at {low[place + 1]:g} GeV, {rows[place]} ends at "
            f"{high[place]:g} GeV: {what}. Consecutive bins are expected: sort or complete the rows, or cut "
            "the range with --mass-min and --mass-max."
        )
    return np.append(low, high[-1])


def _usable(
    path: str, counts: np.ndarray, errors: np.ndarray | None, rows: Sequence[str]
) -> tuple[np.ndarray, float, str]:
    """Counts that a Poisson likelihood can use, effective entries per unit of the file, and words for it."""
    missing = np.flatnonzero(~np.isfinite(counts))
    if len(missing):
        raise BadValueError(
            f"{path}: {rows[missing[0]]} has no count. Write 0 for an empty bin, or cut the range with "
            "--mass-min and --mass-max."
        )
    total = float(counts.sum())
    odd = np.flatnonzero((counts < 0) | (np.abs(counts - np.round(counts)) > _CLOSE * np.maximum(counts, 1)))
    squares = None if errors is None else float(np.nansum(errors**2))
    if total <= 0 and not (counts < 0).any():
        raise EmptyFileError(f"{path}: no events in {len(counts)} bins. Check --column and the range.")
    heavy = squares is not None and abs(squares / total - 1) > WEIGHTED_ABOVE if total > 0 else False
    if not len(odd) and not heavy:
        n_empty = int((counts == 0).sum())
        return np.round(counts), 1.0, f"{total:.0f} events in {len(counts)} bins, {n_empty} of them empty"
    first = odd[0] if len(odd) else 0
    if squares is None or squares <= 0:
        raise BadValueError(
            f"{path}: {rows[first]} holds {counts[first]:g} events, not a whole number; weighted events need "
            "their errors. Give counts, or add a column 'error' with sqrt(sum of squared weights)."
        )
    negative = np.flatnonzero(counts < 0)
    if len(negative) or total <= 0:
        raise BadValueError(
            f"{path}: {rows[first]} holds {counts[first]:g} events: a likelihood of counts has no place for "
            "negative ones. Merge it with a neighbouring bin, or cut the range with --mass-min and "
            "--mass-max."
        )
    effective = effective_counts(counts, np.nan_to_num(errors) ** 2, path)
    scale = float(effective.factor)
    return (
        effective.counts,
        scale,
        f"weighted events: {total:g} in {len(counts)} bins, used as {scale * total:.1f} effective entries "
        f"(sum w)^2 / sum w^2, a factor of {scale:.4g}; variances of single bins differ from that by up to a "
        f"factor {float(effective.worst_ratio):.3g}",
    )
