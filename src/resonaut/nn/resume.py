"""Checkpoints of a training: a killed job goes on at the last finished epoch, bit for bit on a CPU."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resonaut.errors import CorruptFileError
from resonaut.files import canonical_json
from resonaut.logs import log
from resonaut.nn import checkpoint
from resonaut.nn.samples import Samples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.state import State

FILE = "training.safetensors"
_N_ROWS = 64


def _fingerprint(samples: Samples) -> str:
    """SHA-256 of the first rows of a sample, as a guard against a caller whose digest forgets an input."""
    batch = samples.take(torch.arange(min(len(samples), _N_ROWS)))
    digest = hashlib.sha256()
    for tensor in (*batch.values, batch.weight):
        digest.update(str((tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def key_of(
    network: nn.Module,
    training: Samples,
    validation: Samples,
    settings: ScheduledTraining,
    *,
    seed: int,
    where: str,
    inputs: str,
) -> dict[str, Any]:
    """What two trainings must share to be the same one, flat: names and JSON values.

    Args:
        network: its tensors' names and shapes count.
        training, validation: their sizes and first rows count.
        settings: all of them count: a schedule depends on the number of epochs, for example.
        seed: seed of the training.
        where: key of the configuration.
        inputs: the caller's digest of what the samples and the network were made from.
    """
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    return {
        **{f"training.{name}": value for name, value in settings.model_dump(mode="json").items()},
        "seed": seed,
        "where": where,
        "inputs": inputs,
        "network": hashlib.sha256(canonical_json(shapes).encode()).hexdigest()[:16],
        "training rows": [len(training), _fingerprint(training)],
        "validation rows": [len(validation), _fingerprint(validation)],
    }


def write(folder: Path, state: State, key: Mapping[str, Any]) -> None:
    """Write the state after an epoch to `folder`, whole or not at all.

    Raises:
        OutputError: no space, or the folder cannot be written.
    """
    checkpoint.write(folder / FILE, state.tensors(), {"key": dict(key), "numbers": state.numbers()})


def read_into(folder: Path, state: State, key: Mapping[str, Any]) -> bool:
    """Load a checkpoint of the same training into `state`, if there is one.

    A checkpoint of another training, or a broken one, is left aside with a message: it is overwritten at the
    end of the first epoch.

    Returns:
        Whether the training goes on from a checkpoint.
    """
    path = folder / FILE
    if not path.exists():
        return False
    where = key["where"]
    try:
        tensors, found = checkpoint.read(path)
    except CorruptFileError as error:
        log.warning("%s: starts anew, as its checkpoint cannot be read: %s", where, error)
        return False
    earlier = found.get("key", {})
    differ = sorted(name for name in {*earlier, *key} if earlier.get(name) != key.get(name))
    if differ:
        changes = "; ".join(f"{name} was {earlier.get(name)!r}, is {key.get(name)!r}" for name in differ)
        log.warning("%s: starts anew, as %s is of another training: %s", where, path, changes)
        return False
    state.load(tensors, found["numbers"])
    log.info("%s: goes on after epoch %d of %s", where, len(state.epochs), path)
    return True


def folder_of(weights: Path) -> Path:
    """Where the checkpoint of a training stands: beside the weights that it will write.

    Snakemake removes what a failed job declared as its output, and knows nothing of this folder.
    """
    return weights.parent / f".{weights.stem}.training"


def inputs_of(provenance: Mapping[str, Any]) -> str:
    """Digest of settings, versions, checksums of inputs and number of threads, for the checkpoint's key."""
    return hashlib.sha256(canonical_json(provenance).encode()).hexdigest()


def forget(folder: Path) -> None:
    """Remove the checkpoint of a training, once its results are written; nothing happens if there is none."""
    (folder / FILE).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
