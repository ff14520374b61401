"""The configuration of a study: the only definition of its keys.

`load(path)` reads and validates a file; `Study.slice(...)` gives the part that one rule uses, as key-sorted
JSON. Settings of methods stand in the files of the methods and are found through the registry.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from resonaut import generated, limits, pseudo_settings, references, registry
from resonaut.datasets import Dataset, FileDataset, Name
from resonaut.errors import ConfigError, MissingFileError, nearest
from resonaut.files import canonical_json
from resonaut.mixture_settings import Mixture, MixtureName
from resonaut.pseudo_settings import PseudoExperiments
from resonaut.scan import ScanSettings, Window
from resonaut.sections import METHOD_STAGES, SECTIONS, TASKS, entry_model, section_model
from resonaut.settings import Count, Settings, validate
from resonaut.slices import SLICES

MAX_SLICE_BYTES = 64_000
NOMINAL = "nominal"


class Study(Settings):
    """A study: the whole configuration."""

    study: Name = Field(description="Name; everything is written below results/<study>/.")
    seed: Count = Field(1, ge=0, description="The one seed that all others are derived from.")
    datasets: dict[Name, Dataset] = Field(description="May be empty where there is `amplification`.")
    ingest: SerializeAsAny[Settings] = Field(default_factory=lambda: section_model("ingest")())
    represent: SerializeAsAny[Settings] = Field(default_factory=lambda: section_model("represent")())
    mixtures: dict[MixtureName, Mixture] = Field(default_factory=dict)
    pseudo_experiments: dict[Name, PseudoExperiments] = Field(default_factory=dict)
    scan: ScanSettings | None = None
    tag: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    tune: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    cluster: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    variations: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    response: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    decorrelation: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    uncertainty: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    explain: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    stability: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    weak: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    trigger: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    monitor: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    generate: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    amplification: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    detect: dict[Name, SerializeAsAny[Settings]] = Field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = Field(default_factory=dict, exclude=True)
    hunt: SerializeAsAny[Settings] = Field(default_factory=lambda: section_model("hunt")())
    infer: SerializeAsAny[Settings] = Field(default_factory=lambda: section_model("infer")())
    review: SerializeAsAny[Settings] = Field(default_factory=lambda: section_model("review")())

    @field_validator("mixtures")
    @classmethod
    def _injections(cls, value: dict[str, Mixture]) -> dict[str, Mixture]:
        found: dict[str, Mixture] = {}
        for name, mixture in value.items():
            expanded = mixture.expanded(name)
            for twice in sorted(set(found) & set(expanded)):
                raise ValueError(f"{name}: it stands for a mixture '{twice}', and so does another entry")
            found |= expanded
        return found

    @model_validator(mode="after")
    def _references(self) -> Study:
        references.check(self)
        return self

    # -- what the workflow asks ------------------------------------------------------------------

    def data_folder(self, dataset: str) -> str:
        """Folder of a simulated dataset, shared by all studies with the same settings for it."""
        digest = hashlib.sha256(self.slice("simulate", dataset=dataset).encode()).hexdigest()[:8]
        return f"results/_data/{dataset}-{digest}"

    def is_simulated(self, dataset: str) -> bool:
        """Whether the workflow simulates this dataset."""
        return self.datasets[dataset].is_simulated

    def chunks(self, dataset: str) -> list[str]:
        """Names of the chunks, `<shard>/<number>`: at most 1000 files stand in one folder."""
        if dataset in pseudo_settings.generated(self):
            return ["000/000000"]
        settings = self.datasets[dataset].settings
        parts = settings.chunk_files if isinstance(settings, FileDataset) else settings.chunk_sizes()
        number = len(parts)
        return [f"{index // 1000:03d}/{index:06d}" for index in range(number)]

    def searches(self) -> list[tuple[str, str]]:
        """(mixture, method) pairs, sorted."""
        return sorted(
            (name, method) for name, mixture in self.mixtures.items() for method in set(mixture.methods)
        )

    def parts(self, method: str) -> dict[str, tuple[Window, ...]]:
        """Windows that one job of a detector trains, by the name of the part: `2900-3300+1` for two."""
        windows = self.scan.windows
        size = getattr(self.detect[method], "windows_per_job", None) or len(windows)
        groups = [windows[start : start + size] for start in range(0, len(windows), size)]
        return {f"{group[0].name}+{len(group) - 1}": group for group in groups}

    def slice(self, stage: str, **names: str) -> str:
        """The part of the configuration that one rule uses, as key-sorted JSON.

        Args:
            stage: a key of `slices.SLICES`.
            names: wildcards: dataset, mixture, method, windows.

        Raises:
            ConfigError: the slice exceeds 64 kB.
        """
        text = canonical_json(SLICES[stage](self, **names))
        if len(text) > MAX_SLICE_BYTES:
            raise ConfigError(
                f"{stage} {names}: the settings take {len(text)} bytes, at most "
                f"{MAX_SLICE_BYTES} are allowed. Put long lists into a file and name the file."
            )
        return text


def _resolve(raw: dict[str, Any]) -> dict[str, Any]:
    """Replace sections by instances of the settings classes that the registry finds."""
    value = dict(raw)
    for stage in SECTIONS:
        if stage in value:
            value[stage] = validate(section_model(stage), value[stage], stage)
    kinds: dict[str, dict[str, str]] = {}
    for stage in METHOD_STAGES:
        section = value.get(stage) or {}
        if not isinstance(section, dict):
            raise ConfigError(f"{stage}: a mapping of method names to settings is expected.")
        kinds[stage], value[stage] = {}, {}
        for name, settings in section.items():
            if not isinstance(settings, dict | None):
                raise ConfigError(f"{stage}.{name}: a mapping of settings is expected, got {settings!r}.")
            settings = dict(settings or {})
            kind = str(settings.pop("kind", name))
            model = registry.load(stage, kind, f"{stage}.{name}").Settings
            kinds[stage][name] = kind
            value[stage][name] = validate(model, settings, f"{stage}.{name}")
    for key in TASKS:
        entries = value.get(key) or {}
        if not isinstance(entries, dict):
            raise ConfigError(f"{key}: a mapping of names to settings is expected.")
        value[key] = {n: validate(entry_model(key), entry, f"{key}.{n}") for n, entry in entries.items()}
    datasets = value.get("datasets")
    if isinstance(datasets, dict):
        value["datasets"] = {
            name: generated.resolved(name, _dataset(name, entry), value["generate"])
            for name, entry in datasets.items()
        }
    value["kinds"] = kinds
    return value


def _dataset(name: str, entry: Any) -> Dataset:
    where = f"datasets.{name}"
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: a mapping with the key 'source' is expected.")
    try:
        return validate(Dataset, entry, where)
    except ConfigError as error:
        text = str(error)
        lines = [line if line.startswith(where) else f"{where}.{line}" for line in text.splitlines()]
        lines = [line.replace(f"{where}.(top level): ", f"{where}: ", 1) for line in lines]
        raise ConfigError("\n".join(lines)) from None


def parse(raw: Any, where: str = "configuration") -> Study:
    """Validate a configuration that was read from YAML or given by Snakemake.

    Raises:
        ConfigError: with one line per wrong key.
    """
    if not isinstance(raw, dict) or not raw:
        raise ConfigError(f"{where}: a mapping of sections is expected, for example 'study: demo'.")
    limits.check_tree(raw, where)
    if "kinds" in raw:
        raise ConfigError(f"{where}: kinds: unknown key. {nearest('kinds', Study.model_fields)}")
    try:
        return validate(Study, _resolve(raw))
    except ConfigError as error:
        lines = [f"{where}: {line}" for line in re.sub(r"\(top level\): ", "", str(error)).splitlines()]
        raise ConfigError("\n".join(lines)) from None


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises:
        MissingFileError: no such file.
        ConfigError: not YAML, or more than `limits` allow.
        InputError: larger than `limits.YAML_BYTES`.
    """
    try:
        value = yaml.safe_load(limits.read_text(path, limits.YAML_BYTES))
    except MissingFileError:
        raise MissingFileError(f"{path}: no such configuration file.") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid YAML: lists or mappings are nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    limits.check_tree(value, str(path))
    return value


def load(path: str | Path) -> Study:
    """Read and validate a study's configuration."""
    return parse(read_yaml(path), str(path))
