"""Conditions that rows are drawn for: of given rows, of a file, or numbers, lists and ranges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.generate import columns
from resonaut.generate.learnt import Learnt
from resonaut.generate.networks import Trained
from resonaut.generate.settings import CLASS
from resonaut.hdf5 import open_h5
from resonaut.seeds import generator

_N_SHOWN = 3


@dataclass(frozen=True)
class Spread:
    """Values that are drawn anew for each row, from low to high.

    Attributes:
        logarithmic: uniform in the logarithm.
    """

    low: float
    high: float
    logarithmic: bool = False

    def draw(self, random: np.random.Generator, n: int) -> np.ndarray:
        """(n,) float64."""
        if self.logarithmic:
            return np.exp(random.uniform(np.log(self.low), np.log(self.high), n))
        return random.uniform(self.low, self.high, n)


@dataclass(frozen=True)
class Conditions:
    """An endless list of conditions: given rows, again and again, with some columns drawn anew.

    Attributes:
        values: (m, k) float32 given rows; m >= 1.
        spreads: of the columns that are drawn, by their number.
        columns: (m,) each, what else goes along with the given rows, by `group/name`.
    """

    values: np.ndarray
    spreads: Mapping[int, Spread] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def rows(self, start: int, n: int) -> np.ndarray:
        """Numbers of the given rows that the rows `start` to `start + n` of the list are, (n,)."""
        return np.arange(start, start + n) % len(self.values)

    def block(self, start: int, n: int, seed: int) -> np.ndarray:
        """Rows `start` to `start + n` of the list, (n, k) float32; `seed` is that of this block."""
        found = self.values[self.rows(start, n)]
        random = generator(seed, "conditions")
        for number, spread in sorted(self.spreads.items()):
            found[:, number] = spread.draw(random, n)
        return found


def of_rows(rows: Learnt) -> Conditions:
    """Conditions of given rows, in their order."""
    return Conditions(rows.conditions, columns=rows.carried)


def from_words(words: Sequence[str], trained: Trained) -> Conditions:
    """Conditions of a command line: a file, or `name=value` each.

    Args:
        words: `FILE.h5`, or names with a number (`incident_energy=50`), several (`incident_energy=20,50`) or
            a range (`incident_energy=10:100`); `class=qcd`.

    Raises:
        ConfigError, InputError: see `from_mapping` and `from_file`.
    """
    if len(words) == 1 and "=" not in words[0]:
        return from_file(Path(words[0]), trained)
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ConfigError(f"--conditions: '{word}': name=value is expected, or one HDF5 file.")
        low, colon, high = text.partition(":")
        given[name] = {"low": low, "high": high} if colon else text.split(",")
    return from_mapping(given, trained, "--conditions")


def from_mapping(given: Mapping[str, Any], trained: Trained, where: str) -> Conditions:
    """Conditions of numbers, lists (all combinations, in turn) and ranges.

    Args:
        given: by name: a number, a list of numbers, or {"low", "high", "spacing": "flat" or "log"}; `class`
            is the name of a dataset, or a list of names.
        trained: the generator, which must know each name and needs all of its conditions.
        where: key or option, for the messages.

    Raises:
        ConfigError: a name is unknown or absent, or a value is no number.
    """
    wanted = trained.settings.conditions
    for name in given:
        if name not in wanted:
            raise ConfigError(f"{where}: {trained.where} has no condition '{name}'. {nearest(name, wanted)}")
    absent = [name for name in wanted if name not in given]
    if absent:
        raise ConfigError(
            f"{where}: {', '.join(absent)} is not given; {trained.where} needs {', '.join(wanted)}."
        )
    lists: list[list[list[float]]] = []
    spreads, number = {}, 0
    for name in wanted:
        if name == CLASS:
            lists.append(_one_hot(given[name], trained, where))
            number += len(trained.settings.datasets)
            continue
        value = given[name]
        if isinstance(value, Mapping):
            spreads[number] = _spread(value, f"{where}.{name}")
            value = spreads[number].low
        several = value if isinstance(value, list | tuple) else [value]
        lists.append([[_number(one, f"{where}.{name}")] for one in several])
        number += 1
    rows = [list(itertools.chain(*row)) for row in itertools.product(*lists)]
    return Conditions(np.array(rows, np.float32).reshape(len(rows), number), spreads)


def _one_hot(value: Any, trained: Trained, where: str) -> list[list[float]]:
    known, found = trained.settings.datasets, []
    for name in value if isinstance(value, list | tuple) else [value]:
        if name not in known:
            raise ConfigError(f"{where}.{CLASS}: no dataset '{name}'. {nearest(name, known)}")
        found.append([float(name == one) for one in known])
    return found


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise ConfigError(f"{where}: a number is expected, got '{value}'.")
    return number


def _spread(value: Mapping[str, Any], where: str) -> Spread:
    for key in ("low", "high"):
        if key not in value:
            raise ConfigError(f"{where}: low and high are required, {key} is absent.")
    low, high = (_number(value[key], where) for key in ("low", "high"))
    logarithmic = value.get("spacing", "flat") == "log"
    if low > high or (logarithmic and low <= 0):
        raise ConfigError(f"{where}: low <= high is expected (0 < low for 'log'), got {low}, {high}.")
    return Spread(low, high, logarithmic)


def from_file(path: Path, trained: Trained) -> Conditions:
    """Conditions that stand in a file, `events/<name>` or `jets/<name>`, row by row.

    Args:
        path: HDF5: a chunk of a representation, samples of a generator, or columns alone. Its attribute
            `dataset` is the class.

    Raises:
        MissingFileError, CorruptFileError: the file cannot be read.
        MissingBranchError: a condition is absent.
        InputError: columns of different lengths, or an unknown class.
        EmptyFileError: it holds no rows.
    """
    found = []
    with open_h5(path) as file:
        for name, place in zip(trained.shape.conditions, trained.description["places"], strict=True):
            if place:
                group, column, *jet = place.split("/")
                what = f"{trained.where}.conditions ({name})"
                values = columns.dataset(file, group, column, path, what)[:]
                found.append(values[:, int(jet[0])] if jet else values.ravel())
        dataset = str(file.attrs.get("dataset", ""))
    sizes = {len(values) for values in found}
    if len(sizes) > 1:
        raise InputError(f"{path}: conditions of {sorted(sizes)} rows; one number of rows is expected.")
    n_rows = sizes.pop() if sizes else 1
    if not n_rows:
        raise EmptyFileError(f"{path}: no rows, so no conditions to draw for.")
    rows = np.zeros((n_rows, len(trained.shape.conditions)), np.float32)
    one_hot = trained.one_hot()
    if one_hot:
        if dataset not in trained.settings.datasets:
            known = nearest(dataset, trained.settings.datasets)
            raise InputError(f"{path}: its dataset '{dataset}' is no class of {trained.where}. {known}")
        rows[:, one_hot[trained.settings.datasets.index(dataset)]] = 1
    others = [number for number in range(rows.shape[1]) if number not in one_hot]
    for number, values in zip(others, found, strict=True):
        rows[:, number] = values
    bad = ~np.isfinite(rows)
    if bad.any():
        row, number = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{path}: {trained.shape.conditions[number]} is {rows[row, number]} in row {row}; finite values "
            "are expected."
        )
    return Conditions(rows)


def require_inside(conditions: Conditions, trained: Trained, extrapolate: bool, where: str) -> None:
    """Refuse conditions outside of the training, unless that is asked for.

    Raises:
        ConfigError: names the condition, the value and the trained range.
    """
    if extrapolate:
        return
    tested = conditions.values
    for number, spread in conditions.spreads.items():
        ends = np.repeat(tested[:1], 2, axis=0)
        ends[:, number] = spread.low, spread.high
        tested = np.concatenate([tested, ends])
    outside = trained.outside(tested)
    if outside.any():
        lines = []
        for number in np.flatnonzero(outside.any(axis=0))[:_N_SHOWN]:
            value = tested[outside[:, number], number][0]
            low, high = trained.ranges[number]
            lines.append(f"{trained.shape.conditions[number]} is {value:g}, trained from {low:g} to {high:g}")
        raise ConfigError(
            f"{where}: {trained.where} would extrapolate: {'; '.join(lines)}. Ask for conditions inside, or "
            "take --extrapolate (in a study: evaluate.extrapolate, or extrapolate of the dataset), which "
            "marks such rows."
        )
