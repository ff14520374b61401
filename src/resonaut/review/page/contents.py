"""What the page is made from: declared results and figures, and what runs left beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from resonaut.errors import MissingFileError
from resonaut.files import read_json, sha256
from resonaut.settings import Settings

Content = Mapping[str, Any]
ENDINGS = (".svg", ".png", ".pdf", ".json")


class Slice(Settings):
    """What the rule gives."""

    study: str
    seed: int
    label: str = ""
    unblind: bool = False
    asked: dict[str, Any]
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure and its files.

    Attributes:
        name: `represent`, `tag/pfn`, `infer/data/cwola`.
        folder: that of all figures.
    """

    name: str
    folder: Path

    @property
    def stage(self) -> str:
        """What is drawn: the first part of the name."""
        return self.name.split("/")[0]

    @property
    def of(self) -> list[str]:
        """Mixture and method, as far as there are any."""
        return self.name.split("/")[1:]

    def path(self, ending: str) -> Path:
        """One of its files."""
        return self.folder / f"{self.name}{ending}"


@dataclass(frozen=True)
class Contents:
    """Everything that the page shows.

    Attributes:
        folder: the study's, `results/<study>`.
        slice: the part of the configuration.
        figures: in the order of the stages.
        results: content of JSON results by their path in the folder, sorted.
    """

    folder: Path
    slice: Slice
    figures: tuple[Figure, ...] = ()
    results: Mapping[str, Content] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, slice_: Slice, figures: Sequence[str], results: Sequence[str]) -> Contents:
        """Read all results; files of figures are read when they are shown.

        Raises:
            MissingFileError: a result or a file of a figure is not there.
            InputError: a result is not JSON.
        """
        found = tuple(Figure(name, folder / "review") for name in figures)
        for path in (figure.path(ending) for figure in found for ending in ENDINGS):
            if not path.is_file():
                raise MissingFileError(f"{path}: no such file. Run `snakemake review` again.")
        return cls(folder, slice_, found, {name: read_json(folder / name) for name in sorted(results)})

    def matching(self, pattern: str) -> Iterator[tuple[list[str], Content]]:
        """Results whose path matches: what stands for each `*`, and the content, sorted by path.

        Args:
            pattern: for example `infer/*/*/significance.json`; a `*` stands for one part of the path.
        """
        parts = pattern.split("/")
        for name, content in self.results.items():
            own = name.split("/")
            if len(own) == len(parts) and all(map(fnmatchcase, own, parts)):
                yield [piece for piece, wanted in zip(own, parts, strict=True) if "*" in wanted], content

    def get(self, name: str) -> Content | None:
        """One result, None where the study has none such."""
        return self.results.get(name)

    def checksums(self) -> dict[str, str]:
        """SHA-256 of the results that the page quotes."""
        return {name: sha256(self.folder / name) for name in self.results}
