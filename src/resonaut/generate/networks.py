"""Trained generators in files: the networks of all restarts, and what is needed to draw from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import nn

from resonaut import registry
from resonaut.errors import ConfigError, InputError
from resonaut.generate.interface import Generator, Shape
from resonaut.generate.settings import CLASS, GeneratorSettings
from resonaut.nn import checkpoint

_OF_SLICE = ("method", "kind", "settings", "seed")
_DESCRIBED = {*_OF_SLICE, "shape", "representation", "ranges", "rows_per_event", "places", "n_restarts"}


@dataclass(frozen=True)
class Trained:
    """A trained generator.

    Attributes:
        path: of the weights.
        networks: one per restart, on the CPU, in evaluation mode.
        shape: what they were made for.
        ranges: (k, 2) least and largest value of each condition in the training.
        where: key of the configuration that it belongs to.
        description: method, kind, settings, seed and more, see `save`.
    """

    path: str
    networks: tuple[nn.Module, ...]
    generator: Generator
    settings: GeneratorSettings
    shape: Shape
    ranges: np.ndarray
    where: str
    description: dict[str, Any]

    def outside(self, conditions: np.ndarray) -> np.ndarray:
        """Which conditions (n, k) leave the range of the training, (n, k) bool.

        Events are finite: what a hundredth of the range lies beyond its end is let through.
        """
        slack = 0.01 * (self.ranges[:, 1] - self.ranges[:, 0])
        return (conditions < self.ranges[:, 0] - slack) | (conditions > self.ranges[:, 1] + slack)

    def one_hot(self) -> list[int]:
        """Columns of the conditions that stand for the datasets."""
        names = [f"{CLASS}_{name}" for name in self.settings.datasets]
        if CLASS not in self.settings.conditions:
            return []
        return [self.shape.conditions.index(name) for name in names]


def save(
    path: str | os.PathLike,
    networks: Sequence[nn.Module],
    slice_: dict[str, Any],
    shape: Shape,
    ranges: np.ndarray,
    n_rows: int,
    places: Sequence[str],
) -> None:
    """Write the weights of all restarts, `<restart>.<name>`, and their description, whole or not at all.

    Args:
        slice_: method, kind, settings, seed.
        ranges: (k, 2) of the conditions.
        n_rows: rows of each event of the datasets.
        places: of the conditions, see `Learnt`.
    """
    tensors = {
        f"{number}.{name}": tensor
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    description = {
        **{key: slice_[key] for key in _OF_SLICE},
        "shape": {key: value for key, value in asdict(shape).items() if key != "settings"},
        "representation": shape.settings,
        "ranges": ranges.tolist(),
        "rows_per_event": n_rows,
        "places": list(places),
        "n_restarts": len(networks),
    }
    checkpoint.write(path, tensors, description)


def load(path: str | os.PathLike) -> Trained:
    """Read a trained generator.

    Raises:
        MissingFileError, CorruptFileError: no such file, or not one of `resonaut generate train`.
        InputError: the weights are of something else, or do not fit the network.
    """
    tensors, description = checkpoint.read(path)
    if "shape" not in description:
        what = description.get("task") or description.get("method") or "something else"
        raise InputError(
            f"{path}: weights of a generator are expected, that `resonaut generate train` wrote; these are "
            f"of '{what}'. Name the right file, or train again."
        )
    absent = sorted(_DESCRIBED - set(description))
    if absent:
        raise InputError(
            f"{path}: these weights are of another version, their description lacks {', '.join(absent)}. "
            "Train again."
        )
    try:
        settings, generator, where = registry.from_slice("generate", description)
    except ConfigError as error:
        raise InputError(
            f"{path}: these weights are of another version, whose settings cannot be read: {error} "
            "Train again."
        ) from None
    raw = description["shape"]
    names = {key: tuple(raw[key]) for key in ("dims", "columns", "conditions")}
    shape = Shape(raw["kind"], settings=description["representation"], **names)
    networks = []
    for number in range(int(description["n_restarts"])):
        prefix = f"{number}."
        own = {
            name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)
        }
        network = generator.network(shape)
        checkpoint.load_into(network, own, path)
        networks.append(network)
    ranges = np.array(description["ranges"], np.float64).reshape(-1, 2)
    return Trained(str(path), tuple(networks), generator, settings, shape, ranges, where, description)
