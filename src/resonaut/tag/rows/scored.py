"""Scores of trained taggers as inputs of another one: columns `taggers/<name>` beside the features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import ConfigError, InputError, MismatchError, nearest
from resonaut.store import open_h5

GROUP = "taggers"
_ID = ("run", "lumi", "event")
_EDGE = 1e-6


def log_odds(score: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)) of probabilities, float32; beyond 1e-6 of 0 and 1 it stays at +-13.8."""
    inside = np.clip(score.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside)).astype(np.float32)


class WithScores:
    """A chunk of features that has the group `taggers` besides; reads like an open file.

    Args:
        file: the open chunk.
        scores: (n_events, n_jets) log odds by tagger.
    """

    def __init__(self, file: h5py.File, scores: Mapping[str, np.ndarray]) -> None:
        self._file, self._scores = file, dict(scores)

    def __contains__(self, name: str) -> bool:
        return name == GROUP or name in self._file

    def __iter__(self) -> Iterator[str]:
        return iter([*self._file, GROUP])

    def __getitem__(self, name: str) -> Any:
        group, _, column = name.partition("/")
        if group != GROUP:
            return self._file[name]
        return self._scores[column] if column else self._scores

    def get(self, name: str, default: Any) -> Any:
        """As of an open file."""
        return self[name] if self.__contains__(name) else default


class ScoreFiles:
    """Files of `tag score` that the inputs of a tagger name.

    Args:
        files: by `tagger/dataset`.
        taggers: names of the taggers among the inputs.
        where: key of the configuration, for the messages.
    """

    def __init__(self, files: Mapping[str, Path], taggers: Sequence[str], where: str) -> None:
        self._files, self._taggers, self._where = dict(files), list(taggers), where
        self._read = cache(_read)

    def of_chunk(self, dataset: str, first: int, path: Path) -> dict[str, np.ndarray]:
        """Log odds of the jets of one chunk, (n_events, n_jets) by tagger; empty where none are inputs.

        Args:
            dataset: of the chunk.
            first: number of the chunk's first event in its dataset.
            path: of the chunk.

        Raises:
            ConfigError: no scores are given of this dataset.
            InputError: a file holds no scores of signal and background.
            MismatchError: the scores are of other events.
        """
        if not self._taggers:
            return {}
        with open_h5(path) as file:
            ids = np.stack([file[f"events/{name}"][:] for name in _ID])
        found = {}
        for tagger in self._taggers:
            key = f"{tagger}/{dataset}"
            if key not in self._files:
                raise ConfigError(
                    f"{self._where}: no scores of '{dataset}' by '{tagger}' are given. Add --scored "
                    f"{key}=FILE of `resonaut tag score`. {nearest(key, self._files)}"
                )
            events, scores = self._read(self._files[key])
            part = slice(first, first + ids.shape[1])
            if not np.array_equal(events[:, part], ids):
                raise MismatchError(
                    f"{self._files[key]}: the scores are of other events than {path}. Score again, from a "
                    "representation with the same represent.selection."
                )
            found[tagger] = scores[part]
        return found


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Ids (3, n_events) and log odds (n_events, n_jets) of a file of `tag score`."""
    with open_h5(path) as file:
        if file.attrs.get("kind") != "tag_scores" or "jets/score" not in file or "events" not in file:
            raise InputError(
                f"{path}: scores of signal against background are expected, that `resonaut tag score` wrote."
            )
        ids = np.stack([file[f"events/{name}"][:] for name in _ID])
        return ids, log_odds(file["jets/score"][:])
