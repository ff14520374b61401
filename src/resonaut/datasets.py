"""Sources of events: what stands under `datasets:` in a configuration."""

from __future__ import annotations

import glob
import os
from functools import cache, cached_property
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, StringConstraints, model_validator

from resonaut import registry
from resonaut.errors import ConfigError, MissingFileError, nearest
from resonaut.filelist import InputFile, is_remote, is_remote_pattern
from resonaut.filelist import read as read_file_list
from resonaut.generated import PREFIX, GeneratedDataset, generator_of
from resonaut.settings import Count, Settings, validate

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Representation = Literal["features", "images", "clouds", "showers"]
REPRESENTATIONS: tuple[Representation, ...] = ("features", "images", "clouds", "showers")
OF_LEVEL: dict[str, tuple[Representation, ...]] = {
    "jets": ("features", "images", "clouds"),
    "table": ("features",),
    "showers": ("features", "showers"),
    "images": ("images",),
}
"""What can be made of the events of a level (see `resonaut.store`)."""


class FileDataset(Settings):
    """Events that exist already, in files."""

    files: tuple[str, ...] = Field(
        (), description="Paths, globs of local files, or root://, https:// and s3:// addresses."
    )
    manifest: str | None = Field(
        None, description="Instead of `files`: a list with sizes and checksums (`resonaut files` writes it)."
    )
    reader: str = Field("auto", description="A file of ingest/methods/, or 'auto': found from the file.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of the reader.")
    classes: tuple[str, ...] = Field((), description="Truth classes of the file that are kept; all if empty.")
    cross_section: float | None = Field(None, gt=0, description="Cross-section, pb; of the file if absent.")
    luminosity: float | None = Field(None, gt=0, description="Integrated luminosity of data, fb^-1.")
    files_per_chunk: Count = Field(1, ge=1, description="Files that one job ingests.")
    on_bad_file: Literal["fail", "skip"] = Field(
        "fail", description="A missing, changed or broken file stops the study, or is left out and listed."
    )
    verify: Literal["checksum", "size", "none"] = Field(
        "checksum", description="What of the manifest's entries is compared with the files."
    )
    represent: tuple[Representation, ...] = Field(
        REPRESENTATIONS,
        description="What is made of the events, as far as there is such of them: jets have features, images "
        "and clouds ([features] where they have no constituents), showers have features and showers.",
    )

    @model_validator(mode="after")
    def _one_list(self) -> FileDataset:
        if bool(self.files) == (self.manifest is not None):
            raise ValueError("one of the keys 'files' and 'manifest' is required")
        for pattern in self.files:
            if is_remote(pattern) and is_remote_pattern(pattern):
                raise ValueError(
                    f"files: '{pattern}': patterns of remote files are not expanded while a study is "
                    f"planned; list them once with `resonaut files '{pattern}' --output files.json` and give "
                    "'manifest: files.json'"
                )
        if self.reader != "auto":
            module = registry.load("ingest", self.reader, "reader")
            validate(module.Settings, self.options, "options")
        return self

    @property
    def level(self) -> str:
        """What the events are: jets, table, showers or images."""
        return "jets" if self.reader == "auto" else registry.load("ingest", self.reader).LEVEL

    @cached_property
    def listed(self) -> tuple[InputFile, ...]:
        """The files, globs expanded; looked up once, since a plan asks for each of its chunks.

        Raises:
            MissingFileError: a path or glob matches nothing, or there is no manifest.
        """
        if self.manifest is not None:
            return _manifest(self.manifest).files
        found: list[InputFile] = []
        for pattern in self.files:
            named = is_remote(pattern) or os.path.exists(pattern)
            matches = [pattern] if named else sorted(glob.glob(pattern, recursive=True))
            if not matches and self.on_bad_file == "skip" and not glob.has_magic(pattern):
                matches = [pattern]
            if not matches:
                raise MissingFileError(f"'{pattern}' matches no file; paths start at the folder of the run.")
            found += map(InputFile, matches)
        return tuple(found)

    def luminosity_fb(self) -> float | None:
        """Integrated luminosity, fb^-1: of the configuration, or else of the manifest."""
        if self.luminosity is None and self.manifest is not None:
            return _manifest(self.manifest).luminosity_fb
        return self.luminosity

    @cached_property
    def chunk_files(self) -> tuple[tuple[InputFile, ...], ...]:
        """The files of each chunk."""
        size = self.files_per_chunk
        return tuple(self.listed[start : start + size] for start in range(0, len(self.listed), size))

    def local_paths(self, chunk: int) -> list[str]:
        """Paths of a chunk that a job depends on: local files, but for absent ones that may be left out."""
        paths = [entry.path for entry in self.chunk_files[chunk] if not is_remote(entry.path)]
        return [path for path in paths if self.on_bad_file == "fail" or os.path.exists(path)]


def _manifest(path: str) -> Any:
    try:
        return _cached_manifest(path, os.stat(path).st_mtime_ns)
    except FileNotFoundError:
        raise MissingFileError(
            f"manifest: '{path}': no such file; paths start at the folder of the run. Write it with "
            "`resonaut files`."
        ) from None


@cache
def _cached_manifest(path: str, _modified: int) -> Any:
    return read_file_list(path)


class Dataset(Settings):
    """One source of events."""

    source: str = Field(
        description="'files', 'table', 'generator:<name>', or a file of simulate/methods/ (pythia)."
    )
    label: Name | None = Field(None, description="Truth class; absent for data.")
    settings: SerializeAsAny[Settings]

    @model_validator(mode="before")
    @classmethod
    def _by_source(cls, value: Any) -> Any:
        if not isinstance(value, dict) or isinstance(value.get("settings"), Settings):
            return value
        rest = dict(value)
        source = rest.pop("source", None)
        label = rest.pop("label", None)
        known = ["files", "table", f"{PREFIX}<name>", *registry.names("simulate")]
        if source is None:
            raise ValueError(f"the key 'source' is required. Known: {', '.join(known)}")
        if generator_of(str(source)):
            return {"source": source, "label": label, "settings": validate(GeneratedDataset, rest)}
        if source not in known or source.startswith(PREFIX):
            raise ValueError(f"unknown source '{source}'. {nearest(str(source), known)}")
        if source == "table":
            rest = _table(rest)
        in_files = source in ("files", "table")
        model = FileDataset if in_files else registry.load("simulate", source).Settings
        return {"source": source, "label": label, "settings": validate(model, rest)}

    @property
    def is_simulated(self) -> bool:
        """Whether the workflow simulates the events."""
        return not isinstance(self.settings, FileDataset | GeneratedDataset)

    @property
    def is_generated(self) -> bool:
        """Whether a generator of the study makes the events, as a representation."""
        return isinstance(self.settings, GeneratedDataset)

    @property
    def level(self) -> str:
        """What the events are: jets, table, showers or images; of a generator what it makes."""
        if isinstance(self.settings, FileDataset):
            return self.settings.level
        if isinstance(self.settings, GeneratedDataset):
            return self.settings.kind
        return self.source_module.LEVEL

    @property
    def overlaid_only(self) -> bool:
        """Whether the events are pile-up for others, and neither stored nor represented themselves."""
        return getattr(self.settings, "overlaid_only", False)

    @property
    def source_module(self) -> ModuleType:
        """What simulates the events; it says their LEVEL, the READER of its files and their SUFFIX."""
        return registry.load("simulate", self.source)

    def require_mass(self, name: str, where: str) -> None:
        """Refuse events that a search for a resonance cannot scan.

        Raises:
            ValueError: they are showers.
        """
        if self.level == "showers":
            raise ValueError(f"{where}: dataset '{name}' holds showers, which have no mass to scan")

    @property
    def representations(self) -> tuple[Representation, ...]:
        """What is made of the events."""
        if isinstance(self.settings, GeneratedDataset):
            kind = self.settings.kind
            return OF_LEVEL["showers"] if kind == "showers" else (kind,)
        if not isinstance(self.settings, FileDataset):
            return () if self.overlaid_only else OF_LEVEL[self.level]
        return tuple(kind for kind in OF_LEVEL[self.settings.level] if kind in self.settings.represent)


def _table(raw: dict[str, Any]) -> dict[str, Any]:
    """A dataset of `source: table` as one of files that the reader `table` reads."""
    for key in ("reader", "options"):
        if key in raw:
            raise ConfigError(f"{key}: not a key of 'source: table'; its columns are named in the dataset.")
    model = registry.load("ingest", "table").Settings
    of_files = FileDataset.model_fields.keys() - {"reader", "options"}
    rest = {key: value for key, value in raw.items() if key in of_files}
    options = {key: value for key, value in raw.items() if key not in of_files}
    for key in options:
        if key not in model.model_fields:
            raise ConfigError(f"{key}: unknown key. {nearest(key, {*of_files, *model.model_fields})}")
    validate(model, options)
    return {**rest, "reader": "table", "options": options}
