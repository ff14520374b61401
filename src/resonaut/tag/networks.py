"""Trained taggers in files: the networks of all restarts, and what is needed to use them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from resonaut import registry
from resonaut.nn import checkpoint
from resonaut.nn.device import choose
from resonaut.nn.samples import Samples, batches_of_rows, stream
from resonaut.nn.streaming import placed
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.tasks import Task, task_of

SCORE_BATCH = 1024


@dataclass(frozen=True)
class Trained:
    """A trained tagger.

    Attributes:
        networks: one per restart, on the CPU, in evaluation mode.
        where: key of the configuration that it belongs to.
        description: the slice that it was trained with, and the settings of the representation.
    """

    networks: tuple[nn.Module, ...]
    settings: TaggerSettings
    tagger: Tagger
    task: Task
    where: str
    description: dict[str, Any]


def save(path: str | os.PathLike, networks: Sequence[nn.Module], description: dict[str, Any]) -> None:
    """Write the weights of all restarts, `<restart>.<name>`, whole or not at all."""
    tensors = {
        f"{number}.{name}": tensor
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    checkpoint.write(path, tensors, {**description, "n_restarts": len(networks)})


def load(path: str | os.PathLike) -> Trained:
    """Read a trained tagger.

    Raises:
        MissingFileError, CorruptFileError: no such file, or not one of `resonaut tag train`.
        InputError: the weights do not fit the network.
    """
    tensors, description = checkpoint.read(path)
    settings, tagger, where = registry.from_slice("tag", description)
    task = task_of(settings)
    networks = []
    for number in range(int(description.get("n_restarts", 1))):
        prefix = f"{number}."
        own = {
            name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)
        }
        network = task.network(tagger)
        checkpoint.load_into(network, own, path)
        networks.append(network)
    return Trained(tuple(networks), settings, tagger, task, where, description)


def outputs(
    networks: Sequence[nn.Module], task: Task, samples: Samples, rows: np.ndarray, device: str = "auto"
) -> np.ndarray:
    """What each network says of some rows.

    Args:
        samples: their batches are the arguments of the network, and nothing more.
        rows: (n,) row numbers.
        device: where the networks run; they are back on the CPU afterwards.

    Returns:
        (n_networks, n[, n_classes]) float32 as `Task.outputs` says, in the order of `rows`.
    """
    where = choose(device)
    (there,) = placed([samples], where, 0.5)
    batches = batches_of_rows(rows, samples.lengths, SCORE_BATCH)
    order = np.argsort(torch.cat(batches).numpy(), kind="stable") if batches else np.zeros(0, np.int64)
    position = np.argsort(np.argsort(rows, kind="stable"), kind="stable")
    found = []
    for network in networks:
        network.to(where).eval()
        with torch.no_grad():
            parts = [task.outputs(network(*batch.values)) for batch in stream(there, batches)]
        network.to("cpu")
        found.append(torch.cat(parts).float().cpu().numpy()[order][position])
    return np.stack(found)
