"""Draw rows from a trained generator, block by block: memory does not grow with their number.

A block has a fixed size and a seed of its own, and is always drawn whole. So the first rows are the same
however many are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resonaut import ragged
from resonaut.errors import TrainingError
from resonaut.generate.conditions import Conditions
from resonaut.generate.networks import Trained
from resonaut.nn.device import choose, seeded
from resonaut.nn.memory import give_memory_back
from resonaut.seeds import integer_seed

BLOCK = 256
"""Rows that are drawn at once; another number gives other rows."""


@dataclass(frozen=True)
class Drawn:
    """Generated rows.

    Attributes:
        start: number of the first.
        values: float32, (n, *dims); of clouds flat, (n_points, n_columns).
        offsets: (n + 1,) first point of each cloud.
        conditions: (n, k) float32.
    """

    start: int
    values: np.ndarray
    offsets: np.ndarray | None
    conditions: np.ndarray

    def __len__(self) -> int:
        return len(self.conditions)

    def first(self, n: int) -> Drawn:
        """The first n rows."""
        if self.offsets is None:
            return Drawn(self.start, self.values[:n], None, self.conditions[:n])
        offsets = self.offsets[: n + 1]
        return Drawn(self.start, self.values[: offsets[-1]], offsets, self.conditions[:n])


def blocks(
    trained: Trained,
    conditions: Conditions,
    number: int,
    seed: int,
    device: str = "auto",
    size: int = BLOCK,
) -> Iterator[Drawn]:
    """Draw rows for the first `number` conditions, evenly from all networks.

    Args:
        trained: the generator.
        conditions: of the rows.
        number: of rows.
        seed: another one gives other rows.
        device: auto, cuda, mps or cpu.
        size: rows of a block.

    Raises:
        TrainingError: a network gives values that are not finite, or negative where there are none.
    """
    where = choose(device)
    for network in trained.networks:
        network.to(where)
    try:
        for count, start in enumerate(range(0, number, size)):
            own = integer_seed(seed, "block", count)
            given = conditions.block(start, size, own)
            drawn = Drawn(start, *_block(trained, given, own, where), given)
            yield drawn.first(min(size, number - start))
            del drawn
            give_memory_back()
    finally:
        for network in trained.networks:
            network.to("cpu")


@torch.no_grad()
def _block(
    trained: Trained, given: np.ndarray, seed: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray | None]:
    """Values and offsets of a block; row i is drawn by the network i modulo their number."""
    conditions = torch.from_numpy(given).to(device)
    n_networks, parts = len(trained.networks), []
    for member, network in enumerate(trained.networks):
        with seeded(integer_seed(seed, "member", member), device):
            parts.append(_on_host(trained.generator.sample(network, conditions[member::n_networks])))
    order = np.concatenate([np.arange(len(given))[member::n_networks] for member in range(n_networks)])
    place = np.argsort(order, kind="stable")
    offsets = None
    if trained.shape.kind == "clouds":
        values = np.concatenate([part[0] for part in parts])
        offsets = ragged.offsets_of(np.concatenate([np.diff(part[1]) for part in parts]))
        take, offsets = ragged.take(offsets, place)
        values = values[take]
    elif n_networks == 1:
        values = parts[0][0]
    else:
        values = np.concatenate([part[0] for part in parts])[place]
    _require_physical(values, trained)
    return values, offsets


def _on_host(found: Tensor | tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
    """Values, and offsets of clouds."""
    if isinstance(found, Tensor):
        return found.float().cpu().numpy(), None
    padded, mask = (tensor.cpu().numpy() for tensor in found)
    return padded[mask].astype(np.float32, copy=False), ragged.offsets_of(mask.sum(axis=1))


def _require_physical(values: np.ndarray, trained: Trained) -> None:
    bad = ~np.isfinite(values)
    expected = "finite values"
    if not bad.any() and trained.shape.kind in ("showers", "images"):
        bad, expected = values < 0, "values that are not negative"
    if bad.any():
        raise TrainingError(
            f"{trained.path}: {trained.where} draws {values[bad][0]}; {expected} are expected. Train longer, "
            "or with a smaller learning rate."
        )
