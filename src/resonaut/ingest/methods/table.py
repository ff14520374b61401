"""Reader of any rectangular table of features: npy, CSV, Parquet, HDF5, flat TTree or RNTuple."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.errors import BadValueError, ConfigError, nearest
from resonaut.events import Columns
from resonaut.filelist import is_remote
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents, opened
from resonaut.ingest.remote import RemoteSettings

KINDS = ("npy", "csv", "parquet", "hdf5", "root")
LEVEL = "table"
NUMBERED = False
RESERVED = ("run", "lumi", "event", "gen_weight", "mass", "label")
"""Columns that every store has besides the features."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_GEV = {"MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}
_SLICE = 100_000


class Settings(base.Settings):
    """Which column is what. Columns are named as in the file."""

    mass: str = Field(description="Column of the resonant variable.")
    label_column: str | None = Field(
        None, description="Column of the truth class: a whole number that counts `label_names`."
    )
    label_names: tuple[str, ...] = Field((), description="Classes, [background, signal].")
    weight: str | None = Field(None, description="Column of the weights; 1 if absent.")
    features: tuple[str, ...] | None = Field(None, description="Columns that are kept; all others if absent.")
    columns: tuple[str, ...] = Field(
        (), description="Names of the columns where the file has none, in order."
    )
    rename: dict[str, str] = Field({}, description="Other names of features: {mJ2-mJ1: delta_m}.")
    unit: Literal["MeV", "GeV", "TeV"] = Field("GeV", description="Unit of the mass and of `energies`.")
    energies: tuple[str, ...] = Field((), description="Features in this unit; they become GeV.")
    scale: dict[str, float] = Field({}, description="Factors of other features: {angle_deg: 0.01745}.")
    key: str | None = Field(
        None,
        description="Tree, or dataset, group or frame of HDF5; may be left out where there is one table.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if bool(self.label_column) != bool(self.label_names):
            raise ValueError("'label_column' and 'label_names' go together")
        twice = sorted({self.mass, *self.energies} & self.scale.keys())
        if twice:
            raise ValueError(f"'{twice[0]}' is scaled by 'scale' and by 'unit'; leave one out")
        for what, names in (("columns", self.columns), ("features", self.features or ())):
            again = [name for name in names if names.count(name) > 1]
            if again:
                raise ValueError(f"'{what}' names '{again[0]}' {names.count(again[0])} times")
        return self


def matches(contents: Contents) -> bool:
    """Whether the file holds one table, and nothing else that another reader knows."""
    return contents.kind in ("npy", "csv", "parquet")


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the options with the columns of a local file.

    Raises:
        ConfigError: a column is absent or its name cannot be used; key, file and nearest column are named.
        CorruptFileError, EmptyFileError: the file is damaged or holds no rows.
    """
    from resonaut.ingest.tables import open_table

    if is_remote(contents.path):
        return
    with opened(contents.path, contents.kind, RemoteSettings()) as file:
        table = open_table(file, contents.path, settings.key, settings.columns)
        feature_names(contents.path, settings, table.names)


def build(settings: Settings) -> TableReader:
    """Build the reader."""
    return TableReader(settings)


class TableReader:
    """Rows are events, named by their number in the file; there are no jets and no collections."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def info(self, file: Any, path: str) -> SourceInfo:
        """Number of rows and sum of weights. One column is read."""
        table = self._table(file, path)
        column = self.settings.weight or self.settings.mass
        n_rows, total = 0, 0.0
        for part in table.slices([column], _SLICE):
            n_rows += len(part[column])
            total += float(part[column].sum(dtype=np.float64)) if self.settings.weight else len(part[column])
        return SourceInfo(n_rows, total, None, "", self.settings.label_names)

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the columns that are in use."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': a table has no jets. Leave "
                "'ingest.collection' out."
            )
        settings = self.settings
        table = self._table(file, path)
        features = feature_names(path, settings, table.names)
        named = (settings.mass, settings.label_column, settings.weight)
        wanted = list(dict.fromkeys([*filter(None, named), *features]))
        start = 0
        for part in table.slices(wanted, step):
            yield Batch(self._events(path, part, start), start, features=self._features(part, features))
            start += len(part[settings.mass])

    def _table(self, file: Any, path: str) -> Any:
        from resonaut.ingest.tables import open_table

        table = open_table(file, path, self.settings.key, self.settings.columns)
        feature_names(path, self.settings, table.names)
        return table

    def _events(self, path: str, part: Columns, start: int) -> Columns:
        settings = self.settings
        mass = part[settings.mass].astype(np.float64) * _IN_GEV[settings.unit]
        events: Columns = {
            "run": np.ones(len(mass), np.int64),
            "lumi": np.zeros(len(mass), np.int64),
            "event": np.arange(start, start + len(mass)),
            "gen_weight": np.ones(len(mass)),
            "mass": mass,
        }
        if settings.weight is not None:
            events["gen_weight"] = part[settings.weight].astype(np.float64)
        if settings.label_column is not None:
            values = part[settings.label_column]
            wrong = ~np.isin(values, np.arange(len(settings.label_names)))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise BadValueError(
                    f"{path}: the label '{settings.label_column}' is {values[row]} in row {start + row}; "
                    f"whole numbers from 0 to {len(settings.label_names) - 1} are expected, since "
                    f"'options.label_names' has {len(settings.label_names)} names."
                )
            events["label"] = values.astype(np.int32)
        return events

    def _features(self, part: Columns, features: dict[str, str]) -> Columns:
        settings = self.settings
        factors = settings.scale | dict.fromkeys((*settings.energies, settings.mass), _IN_GEV[settings.unit])
        return {name: _floats(part[column]) * factors.get(column, 1.0) for column, name in features.items()}


def _floats(values: np.ndarray) -> np.ndarray:
    """Single precision stays, in the machine's order of bytes; all else becomes double precision."""
    return values.astype(np.float32 if values.dtype.char == "f" else np.float64)


def feature_names(path: str, settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """The columns that are kept as features, and the names that they get.

    Raises:
        ConfigError: a column that the options name is absent, or a feature has a name that cannot be used.
    """
    given = {
        "mass": [settings.mass],
        "label_column": [settings.label_column] if settings.label_column else [],
        "weight": [settings.weight] if settings.weight else [],
        "features": settings.features or (),
        "rename": settings.rename,
        "energies": settings.energies,
        "scale": settings.scale,
    }
    for key, columns in given.items():
        for column in columns:
            if column not in names:
                raise ConfigError(f"options.{key}: {path} has no column '{column}'. {nearest(column, names)}")
    used = {settings.mass, settings.label_column, settings.weight}
    kept = settings.features if settings.features is not None else [n for n in names if n not in used]
    features = {column: settings.rename.get(column, column) for column in kept}
    repeated = [name for name in [*used, *kept] if list(names).count(name) > 1]
    if repeated:
        raise ConfigError(f"options: {path} has {list(names).count(repeated[0])} columns '{repeated[0]}'.")
    for column, name in features.items():
        _check_name(path, column, name, list(features.values()))
    return features


def _check_name(path: str, column: str, name: str, all_names: list[str]) -> None:
    why = ""
    if not _NAME.fullmatch(name):
        why = "letters, digits and _ are expected, no digit first"
    elif name in RESERVED:
        why = f"{', '.join(RESERVED)} are other columns of the store"
    elif all_names.count(name) > 1:
        why = f"{all_names.count(name)} features have it"
    if why:
        suggested = re.sub(r"[^A-Za-z0-9_]+", "_", name) if not _NAME.fullmatch(name) else f"{name}_feature"
        raise ConfigError(
            f"options.rename: the column '{column}' of {path} cannot be a feature named '{name}': {why}. "
            f"Rename it: 'rename: {{{column}: {suggested}}}', or leave it out with 'features'."
        )
