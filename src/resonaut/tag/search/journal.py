"""Finished trials of a search, on disk until its results are written: a killed search goes on after them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from resonaut.errors import OutputError
from resonaut.files import atomic, canonical_json
from resonaut.logs import log

FILE = "trials.jsonl"

State = Literal["completed", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """A training of the search that has ended.

    Attributes:
        number: from 1.
        state: completed; pruned, as it was worse than others or its settings do not fit each other; failed.
        parameters: value of each parameter, by its path, as Optuna holds it (a choice is its JSON).
        value: of the metric, where there is one: of a pruned training at its last epoch.
        epochs: metric after each epoch.
        reason: why it was pruned or failed.
        seconds: it took.
    """

    number: int
    state: State
    parameters: dict[str, Any]
    value: float | None
    epochs: tuple[float, ...]
    reason: str | None
    seconds: float


class Journal:
    """Trials in the order of their numbers, each a line of a file in a hidden folder.

    Args:
        folder: of the journal; without one nothing is kept on disk.
        key: what two searches must share to have equal trials; a journal of another key is left aside.
        where: key of the configuration, for the messages.
    """

    def __init__(self, folder: Path | None, key: Mapping[str, Any], where: str) -> None:
        self.trials: list[Trial] = []
        self._path = None if folder is None else folder / FILE
        if self._path is None:
            return
        if self._path.exists():
            self.trials = _read(self._path, dict(key), where)
        # Written anew: a line that a kill cut short would spoil the next one.
        lines = [{"key": dict(key)}, *map(asdict, self.trials)]
        with atomic(self._path) as part:
            part.write_text("".join(canonical_json(line) + "\n" for line in lines), encoding="utf-8")

    def add(self, trial: Trial) -> None:
        """Keep a trial that has ended.

        Raises:
            OutputError: the file cannot be written.
        """
        self.trials.append(trial)
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(canonical_json(asdict(trial)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written ({error.strerror}).") from error

    def forget(self) -> None:
        """Remove the file and its folder, once the results are written."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._path.parent.rmdir()


def _read(path: Path, key: dict[str, Any], where: str) -> list[Trial]:
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    found = lines[0].get("key") if lines else None
    if found != key:
        differ = sorted(name for name in {*(found or {}), *key} if (found or {}).get(name) != key.get(name))
        log.warning("%s: starts anew, as %s is of another search: %s", where, path, ", ".join(differ))
        return []
    trials = [Trial(**{**line, "epochs": tuple(line["epochs"])}) for line in lines[1:]]
    if trials:
        log.info("%s: goes on after %d trials of %s", where, len(trials), path)
    return trials


def folder_of(output: Path) -> Path:
    """Where the journal of a search stands: beside its best parameters.

    Snakemake removes what a failed job declared as its output, and knows nothing of this folder.
    """
    return output.parent / f".{output.stem}.tuning"
