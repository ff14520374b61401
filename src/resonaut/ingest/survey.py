"""A first look into a file: its reader, its columns, and where its masses lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError, EmptyFileError, InputError
from resonaut.events import Events
from resonaut.ingest.contents import contents_of, find_reader, kind_of, opened
from resonaut.ingest.preselect import preselect
from resonaut.ingest.settings import IngestSettings, IngestTask

N_EVENTS = 1000
"""Events that are read of a file; the others are counted where the file says their number."""


@dataclass(frozen=True)
class Survey:
    """What a file holds.

    Attributes:
        path: of the file.
        reader: the reader that knows the format; empty where none does.
        level: jets, table, showers or images; empty without reader.
        n_events: events of the file; None where nothing says it.
        classes: truth classes that the file knows.
        columns: of a table its columns; of other files without reader the names that it holds.
        mass_range: (2) GeV: between these lie 90 % of the masses of the events that were read; None where
            there are none.
        unit: of the masses of a table, guessed from their size.
        constituents: whether its jets have constituents.
        n_jets: mean number of jets of an event, above 200 GeV where they are clustered.
        mass: column of a table that is taken for the resonant variable.
        features: the other columns of a table that can be features.
        problem: why it cannot be used as it is; empty where it can.
    """

    path: str
    reader: str = ""
    level: str = ""
    n_events: int | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    mass_range: tuple[float, float] | None = None
    unit: str = "GeV"
    constituents: bool = False
    n_jets: float = 0.0
    mass: str | None = None
    features: tuple[str, ...] = ()
    problem: str = ""


_MASSES = ("mjj", "m_jj", "dijet_mass", "mass", "m", "mjjj", "mvv", "m_inv")
_WEIGHTS = ("weight", "is_signal")


def survey(path: str, options: Mapping[str, Any] | None = None) -> Survey:
    """Look into a file, at the first `N_EVENTS` events of it.

    Args:
        path: local or remote.
        options: `mass` and `columns` of tables; the mass is guessed from the names of the columns if absent.

    Returns:
        What was found. A format that no reader knows, or that needs options, is no error: `problem` says it.

    Raises:
        MissingFileError, CorruptFileError, EmptyFileError, UnreachableError: it cannot be read.
    """
    settings = IngestSettings()
    kind = kind_of(path, settings.remote)
    with opened(path, kind, settings.remote) as file:
        contents = contents_of(file, path, kind)
        names = sorted({name for group in contents.groups.values() for name in group})
        try:
            reader = find_reader(contents, "auto")
        except InputError as error:
            return Survey(path, columns=tuple(names), problem=str(error))
        found = Survey(path, reader, registry.load("ingest", reader).LEVEL)
        given: dict[str, Any] = {}
        if reader == "table":
            given = {key: value for key, value in (options or {}).items() if value}
            found = _of_table(file, found, given)
            if found.mass is None:
                return found
            given |= {"mass": found.mass, "features": found.features}
        return _read(file, found, given, settings)


def _of_table(file: Any, found: Survey, options: Mapping[str, Any]) -> Survey:
    """Columns of a table, and the one that is given as mass or looks like one."""
    from resonaut.ingest.tables import open_table

    try:
        columns = open_table(file, found.path, None, tuple(options.get("columns", ()))).names
    except ConfigError as error:
        return replace(found, problem=f"its columns have no names, or other ones ({error})")
    by_name = {name.lower(): name for name in reversed(columns)}
    mass = options.get("mass") or next((by_name[name] for name in _MASSES if name in by_name), None)
    problem = (
        "" if mass else f"which of the columns {', '.join(columns[:40])} is the mass? Name it with --mass"
    )
    taken = {*registry.load("ingest", "table").RESERVED, *_WEIGHTS, mass}
    features = [name for name in columns if name not in taken and name.isidentifier() and name.isascii()]
    return replace(found, columns=tuple(columns), mass=mass, features=tuple(features), problem=problem)


def _read(file: Any, found: Survey, options: dict[str, Any], settings: IngestSettings) -> Survey:
    try:
        reader = registry.build("ingest", found.reader, options)
        info = reader.info(file, found.path)
        batch = next(iter(reader.batches(file, found.path, settings.collection, N_EVENTS)), None)
    except (ConfigError, InputError) as error:
        if isinstance(error, EmptyFileError):
            raise
        return replace(found, problem=str(error))
    found = replace(found, n_events=info.n_generated, classes=tuple(info.label_names))
    if batch is None or len(batch) == 0:
        return replace(found, problem="it holds no events")
    loose = settings.model_copy(update={"preselection": type(settings.preselection)()})
    events = preselect(batch, IngestTask(dataset="survey", ingest=loose))[0]
    mass_range = _mass_range(events, found.level)
    if found.level == "table" and mass_range is not None:
        # No resonance of the LHC is lighter than 20 GeV, or heavier than 20 TeV.
        unit, factor = (
            ("TeV", 1e3) if mass_range[1] < 20 else ("MeV", 1e-3) if mass_range[1] > 2e4 else ("GeV", 1)
        )
        mass_range = (mass_range[0] * factor, mass_range[1] * factor)
        found = replace(found, unit=unit)
    return replace(
        found,
        mass_range=mass_range,
        constituents=bool(events.constituents),
        n_jets=round(float(np.diff(events.event_offsets).mean()), 2) if len(events) else 0.0,
    )


def _mass_range(events: Events, level: str) -> tuple[float, float] | None:
    """Quantiles of 5 and 95 % of the masses of events that have a mass."""
    mass = events.events.get("mass", np.zeros(0))
    if level == "jets":
        mass = mass[np.diff(events.event_offsets) >= 2]
    mass = mass[np.isfinite(mass) & (mass > 0)]
    if len(mass) == 0:
        return None
    low, high = np.quantile(mass, [0.05, 0.95])
    return float(low), float(high)
