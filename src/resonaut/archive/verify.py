"""Check an archive: every rule of `archive.layout`, one outcome per rule, each failure with what to do.

The archive is unpacked into a scratch folder by `unpacking`, which refuses links, bombs and paths that leave
it; nothing of it is run. Checks that need a file that is not there fail with that reason, they do not raise.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from resonaut import unpacking
from resonaut.archive import layout
from resonaut.config import read_yaml
from resonaut.errors import InputError, ResonautError
from resonaut.files import read_json

OK, WARNING, WRONG = "ok", "warning", "wrong"
_MADE_AGAIN = "make the archive again with `resonaut archive`"
_SHOWN = 3


@dataclass(frozen=True)
class Contents:
    """An unpacked archive.

    Attributes:
        folder: where it is.
        names: of its files, sorted.
    """

    folder: Path
    names: tuple[str, ...]

    def path(self, name: str) -> Path:
        """Where a file of the archive is."""
        return self.folder / name

    def json(self, name: str) -> Any:
        """A JSON file of the archive.

        Raises:
            MissingFileError, InputError: it is not there, or no JSON.
        """
        return read_json(self.path(name))

    def text(self, name: str) -> str:
        """A text file of the archive.

        Raises:
            InputError: it is not there, or not UTF-8.
        """
        try:
            return self.path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{name}: cannot be read as text ({error}).") from None

    def below(self, folder: str) -> dict[str, Path]:
        """Files of a folder of the archive, by their names below it."""
        start = f"{folder}/"
        return {name.removeprefix(start): self.path(name) for name in self.names if name.startswith(start)}

    @cached_property
    def configuration(self) -> Any:
        """The merged configuration as it stands in the archive."""
        return read_yaml(self.path(layout.CONFIGURATION))

    @cached_property
    def study(self) -> str:
        """Name of the study.

        Raises:
            InputError: the configuration names none.
        """
        name = self.configuration.get("study") if isinstance(self.configuration, dict) else None
        if not isinstance(name, str):
            raise InputError(f"{layout.CONFIGURATION}: the key 'study' is missing.")
        return name

    def results(self) -> dict[str, Path]:
        """Results by their path below `results/<study>` in the workflow."""
        found = self.below(f"{layout.RESULTS}/{self.study}")
        return {layout.study_path(name): path for name, path in found.items()}


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        name: of the check.
        state: `OK`, `WARNING` or `WRONG`.
        detail: what was looked at, or what is wrong.
        fix: what to do; empty where nothing is wrong.
    """

    name: str
    state: str
    detail: str
    fix: str = ""

    def line(self) -> str:
        """One line for the terminal."""
        return f"{self.state:<8}{self.name}: {self.detail}{f' -> {self.fix}' if self.fix else ''}"


@dataclass
class Findings:
    """What a check collects: problems, and in words what it looked at.

    Attributes:
        looked: for example "123 files".
        problems: what is wrong, one phrase each.
        doubts: what a reviewer should know and what does not make the archive wrong.
        fix: what to do about problems.
    """

    looked: str = ""
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    fix: str = _MADE_AGAIN

    def require(self, true: Any, problem: str) -> None:
        """Note a problem unless something is true."""
        if not true:
            self.problems.append(problem)

    def outcome(self, name: str) -> Outcome:
        """The outcome of the check of this name."""
        if self.problems:
            return Outcome(name, WRONG, listed(self.problems), self.fix)
        if self.doubts:
            return Outcome(name, WARNING, listed(self.doubts))
        return Outcome(name, OK, self.looked)


Check = Callable[[Contents], Findings]


def listed(items: Iterable[str]) -> str:
    """The first of some phrases, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(" ".join(item.split()) for item in items[:_SHOWN]) + more


def checks() -> dict[str, Check]:
    """All checks of an unpacked archive by name, in their order."""
    from resonaut.archive import verify_contents, verify_files, verify_papers

    return {**verify_files.CHECKS, **verify_contents.CHECKS, **verify_papers.CHECKS}


def verify(path: str | Path, **limits: Any) -> Iterator[Outcome]:
    """Check an archive.

    Args:
        path: of the zip file.
        limits: `max_bytes`, `max_files`, `max_ratio` of `unpacking.unpack_zip`.

    Yields:
        One outcome per check; a single one if the archive cannot be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="resonaut-verify-") as scratch:
        folder = Path(scratch) / "archive"
        try:
            names = unpacking.unpack_zip(path, folder, **limits)
        except ResonautError as error:
            text = f"{type(error).__name__}: {error}"
            yield Outcome("unpacking", WRONG, text, "get the archive again from where it came")
            return
        yield Outcome("unpacking", OK, f"{len(names)} files, none leaves its folder")
        yield _packing(Path(path)).outcome("packing")
        contents = Contents(folder, tuple(names))
        for name, check in checks().items():
            yield _checked(name, check, contents)


def _checked(name: str, check: Check, contents: Contents) -> Outcome:
    try:
        return check(contents).outcome(name)
    except ResonautError as error:
        text = str(error).replace(f"{contents.folder}/", "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A file of a stranger may hold anything; a check is no place to write a schema of each.
        text = f"not of the form that {layout.__name__} says ({type(error).__name__}: {error})"
    return Outcome(name, WRONG, " ".join(text.split()), _MADE_AGAIN)


def _packing(path: Path) -> Findings:
    """Names in order, one time, one mode: what makes two archives of the same results equal."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    found = Findings(f"{len(names)} entries, sorted, without times")
    found.require(names == sorted(names), "entries are not sorted by name")
    for entry in entries:
        found.require(not entry.is_dir(), f"{entry.filename}: an entry for a folder")
        found.require(entry.date_time == layout.TIME, f"{entry.filename}: has a time")
        found.require(entry.external_attr >> 16 == layout.MODE, f"{entry.filename}: has another mode")
    return found
