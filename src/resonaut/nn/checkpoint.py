"""Weights as safetensors, with what is needed to use them again in one metadata entry."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from resonaut.errors import CorruptFileError, InputError, MissingFileError
from resonaut.files import atomic, canonical_json

# One entry only: the library writes several in no fixed order, and equal weights must be equal bytes.
_ENTRY = "resonaut"


def save(path: str | os.PathLike, network: nn.Module, description: dict[str, Any]) -> None:
    """Write the weights of `network` and `description` (JSON values), whole or not at all."""
    write(path, network.state_dict(), description)


def write(path: str | os.PathLike, tensors: Mapping[str, Tensor], description: dict[str, Any]) -> None:
    """Write tensors and `description` (JSON values), whole or not at all."""
    from safetensors.torch import save as to_bytes

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path) as part:
        part.write_bytes(to_bytes(tensors, metadata={_ENTRY: canonical_json(description)}))


def read(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and their description.

    Raises:
        MissingFileError: no such file.
        CorruptFileError: not safetensors, truncated, or not written here.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(
            f"{path}: not a readable safetensors file ({error}). Train again, or name the right file."
        ) from None
    if _ENTRY not in metadata:
        raise CorruptFileError(
            f"{path}: these weights lack the description that `resonaut ... train` writes beside them."
        )
    return tensors, json.loads(metadata[_ENTRY])


def load_into(network: nn.Module, tensors: dict[str, Tensor], path: str | os.PathLike) -> None:
    """Put tensors into `network` and set it to evaluation mode.

    Raises:
        InputError: names or shapes differ from the network's.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise InputError(f"{path}: these weights do not fit the network: {' '.join(lines)}") from None
    network.eval()
