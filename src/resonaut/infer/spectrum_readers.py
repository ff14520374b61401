"""Binned spectra as HEPData YAML and as ROOT histograms, and the reader of each kind of file.

Nothing is chosen here: `spectrum_file` says which column is what.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import limits
from resonaut.errors import CorruptFileError, InputError, MissingFileError, nearest
from resonaut.infer.spectrum_csv import read_csv
from resonaut.infer.spectrum_table import ENERGY, Column, Table, energy_unit, number, read_text


def _title(header: Any) -> str:
    header = header if isinstance(header, dict) else {}
    unit = f" [{header['units']}]" if header.get("units") else ""
    return f"{header.get('name', '')}{unit}"


def _error(entry: Any) -> float:
    """Quadratic sum of the errors of one value of HEPData; NaN where there is none."""
    squares = []
    for error in entry.get("errors") or []:
        if "symerror" in error:
            squares.append(number(error["symerror"]) ** 2)
        else:
            both = error.get("asymerror") or {}
            squares.append((number(both.get("plus")) ** 2 + number(both.get("minus")) ** 2) / 2)
    return math.sqrt(sum(squares)) if squares else math.nan


def read_yaml(path: Path) -> Table:
    """Read a table of HEPData (independent_variables, dependent_variables).

    Raises:
        InputError: not YAML, not such a table, or no variable with low and high.
    """
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise CorruptFileError(f"{path}: not valid YAML ({error}).") from None
    limits.check_tree(content, str(path), CorruptFileError)
    for key in ("independent_variables", "dependent_variables"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list) or not content[key]:
            raise InputError(
                f"{path}: a table of HEPData with the list '{key}' is expected. Download the table, not "
                "submission.yaml."
            )
    binned = [
        variable
        for variable in content["independent_variables"]
        if all(isinstance(value, dict) and {"low", "high"} <= set(value) for value in variable["values"])
    ]
    if len(binned) != 1:
        raise InputError(
            f"{path}: one independent variable with 'low' and 'high' of each bin is expected, found "
            f"{len(binned)}. Only one-dimensional histograms can be fitted."
        )
    values = binned[0]["values"]
    columns, sqrt_s = [], None
    for variable in content["dependent_variables"]:
        entries = variable["values"]
        if len(entries) != len(values):
            raise InputError(
                f"{path}: '{_title(variable.get('header'))}' has {len(entries)} values for "
                f"{len(values)} bins."
            )
        errors = np.array([_error(entry) for entry in entries])
        columns.append(
            Column(
                _title(variable.get("header")),
                np.array([number(entry.get("value")) for entry in entries]),
                None if np.isnan(errors).all() else errors,
            )
        )
        for qualifier in variable.get("qualifiers") or []:
            if ENERGY.search(str(qualifier.get("name"))):
                scale = energy_unit(f"{qualifier['name']} {qualifier.get('units', '')}") or 1.0
                sqrt_s = scale * number(qualifier.get("value"))
    low, high = (np.array([number(value[side]) for value in values]) for side in ("low", "high"))
    labels = tuple(f"bin {place}" for place in range(1, len(values) + 1))
    mass = _title(binned[0].get("header"))
    return Table(str(path), low, high, mass, tuple(columns), labels, sqrt_s)


def read_root(path: Path, name: str | None) -> Table:
    """Read a one-dimensional histogram of a ROOT file.

    Args:
        name: of the histogram in the file; the only one if left out.

    Raises:
        InputError: no such histogram, or several and no name.
    """
    import uproot

    try:
        with uproot.open(path) as file:
            classes = file.classnames(cycle=False)
            known = [key for key, kind in classes.items() if re.fullmatch(r"TH1[CSIFDL]", kind)]
            if name is None and len(known) != 1:
                raise InputError(
                    f"{path}: one histogram (TH1) is expected, found {', '.join(known) or 'none'}. "
                    f"Name one: {path}:{known[0] if known else 'NAME'}."
                )
            name = known[0] if name is None else name.partition(";")[0]
            if name not in known:
                raise InputError(f"{path}: no histogram (TH1) '{name}'. {nearest(name, known)}")
            histogram = file[name]
            edges, counts = histogram.axis().edges(), histogram.values()
            variances = histogram.variances()
            outside = float(histogram.values(flow=True)[[0, -1]].sum())
            mass = histogram.member("fXaxis").member("fTitle") or "x"
    except (OSError, ValueError, uproot.deserialization.DeserializationError) as error:
        raise CorruptFileError(f"{path}: cannot be read as a ROOT file ({error}).") from None
    column = Column(
        "count", np.asarray(counts, float), None if variances is None else np.sqrt(np.asarray(variances))
    )
    labels = tuple(f"bin {place}" for place in range(1, len(counts) + 1))
    notes = (f"under- and overflow ({outside:g} events) are left out",) if outside else ()
    edges = np.asarray(edges, float)
    return Table(f"{path}:{name}", edges[:-1], edges[1:], mass, (column,), labels, None, notes)


READERS: dict[str, Callable[..., Table]] = {
    ".csv": read_csv,
    ".txt": read_csv,
    ".tsv": read_csv,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".root": read_root,
}


def file_of(name: str) -> tuple[Path, str | None]:
    """Path, and what stands after `.root:`."""
    found = re.fullmatch(r"(.*\.root):(.+)", name)
    return (Path(found[1]), found[2]) if found else (Path(name), None)


def read_table(name: str) -> Table:
    """Read a table of any known kind, by the ending of the file's name.

    Raises:
        InputError: of another kind, absent, or not readable.
    """
    path, histogram = file_of(name)
    if path.suffix.lower() not in READERS:
        raise InputError(
            f"{path}: files ending in {', '.join(READERS)} are known, this one ends in "
            f"'{path.suffix}'. Convert it to CSV with the columns low, high and count."
        )
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file.")
    reader = READERS[path.suffix.lower()]
    return reader(path, histogram) if reader is read_root else reader(path)
