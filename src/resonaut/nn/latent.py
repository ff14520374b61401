"""The latent space of a trained network, which its last linear layer is given, and principal components."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError, InputError
from resonaut.nn.device import choose
from resonaut.nn.samples import Samples, batches_of_rows, stream

BATCH = 1024
_FLAT = 1e-12


def latent(network: nn.Module, samples: Samples, what: str, device: str = "auto") -> np.ndarray:
    """Inputs of the last linear layer that the network runs, row by row.

    Args:
        network: gives (n_rows,) or (n_rows, n_outputs); on the CPU. It is set to evaluation mode.
        samples: their batches are the arguments of the network, and nothing more.
        what: the network, for the message.
        device: auto, cuda, mps or cpu.

    Returns:
        (n_rows, width) float32.

    Raises:
        InputError: the outputs are not those of a linear layer, as in boosted trees and capsules.
    """
    where, rows = choose(device), np.arange(len(samples))
    there, found = samples.to(where), None
    network.to(where).eval()
    batches = batches_of_rows(rows, samples.lengths, BATCH)
    with torch.no_grad(), _watching(network) as last:
        for chosen, batch in zip(batches, stream(there, batches), strict=True):
            last.clear()
            outputs = network(*batch.values)
            values = _checked(last, outputs, what).float().cpu().numpy()
            if found is None:
                found = np.empty((len(rows), values.shape[1]), np.float32)
            found[chosen.numpy()] = values
    network.to("cpu")
    return np.zeros((0, 0), np.float32) if found is None else found


@contextmanager
def _watching(network: nn.Module) -> Iterator[dict[nn.Linear, Tensor]]:
    """The linear layer that was run last, with its input."""
    last: dict[nn.Linear, Tensor] = {}

    def note(layer: nn.Linear, inputs: tuple[Tensor, ...]) -> None:
        last.clear()
        last[layer] = inputs[0]

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield last
    finally:
        for handle in handles:
            handle.remove()


def _checked(last: dict[nn.Linear, Tensor], outputs: Tensor, what: str) -> Tensor:
    n_outputs = outputs.shape[1] if outputs.ndim > 1 else 1
    for layer, values in last.items():
        if values.ndim == 2 and len(values) == len(outputs) and layer.out_features == n_outputs:
            return values
    raise InputError(
        f"{what}: a last linear layer does not make its outputs (boosted trees and capsules have none), so "
        "there is no latent space to read. Use a network that has one, as pfn, particlenet or dense."
    )


@dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which values spread most (Pearson 1901, doi:10.1080/14786440109462720).

    Attributes:
        mean: (width,) of the values that they were found in.
        axes: (n_components, width), orthonormal, the widest spread first; the largest entry is positive.
        widths: (n_components,) standard deviations along them.
    """

    mean: np.ndarray
    axes: np.ndarray
    widths: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, n_components: int, what: str) -> PrincipalComponents:
        """Components of values (n, width).

        Raises:
            ConfigError: the values spread in fewer directions than wanted.
        """
        values = values.astype(np.float64)
        mean = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
        shifted = values - mean
        variances, axes = np.linalg.eigh(shifted.T @ shifted / max(1, len(values)))
        variances, axes = variances[::-1], axes.T[::-1]
        n_found = int((variances > _FLAT * max(variances, default=0.0)).sum())
        if n_components > n_found:
            raise ConfigError(
                f"--n-components: {n_components} are wanted, but the latent space of {what} spreads in "
                f"{n_found} directions. Ask for at most {n_found}."
            )
        axes = axes[:n_components]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return cls(mean, axes * np.sign(largest), np.sqrt(variances[:n_components]))

    def project(self, values: np.ndarray) -> np.ndarray:
        """Values (n, width) as (n, n_components) float32, in units of the widths."""
        return ((values - self.mean) @ self.axes.T / self.widths).astype(np.float32)
