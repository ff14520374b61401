"""Layers that can be exported, by name, and a network of them taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import nn

from resonaut.errors import ConfigError, nearest
from resonaut.nn.networks.dense import Standardise

KNOWN = {"hls4ml": ("Linear", "ReLU"), "da4ml": ("Linear", "ReLU")}
"""What each exporter is trusted with: layers whose emulation is compared with ours to the last bit."""
BEFORE = ("Standardise",)
"""What happens before the firmware: constants that belong to the inputs."""
_SHAPES = ("Flatten", "Sequential")


@dataclass(frozen=True)
class Dense:
    """Dense layers in floats.

    Attributes:
        weights, biases: of each layer, (n_outputs, n_inputs) and (n_outputs,), float64.
        relu: of each layer.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    relu: tuple[bool, ...]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(n, n_outputs) float64 of (n, n_inputs)."""
        held = np.asarray(values, np.float64)
        for weight, bias, relu in zip(self.weights, self.biases, self.relu, strict=True):
            held = held @ weight.T + bias
            held = np.maximum(held, 0.0) if relu else held
        return held

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then outputs of each layer."""
        return (self.weights[0].shape[1], *(len(bias) for bias in self.biases))


def _leaves(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Layers in their order; containers that call their children one after the other are opened."""
    for name, layer in network.named_children():
        if type(layer) is nn.Sequential:
            yield from _leaves(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def require_known(network: nn.Module, backends: tuple[str, ...], where: str) -> None:
    """Refuse layers that an exporter does not know, before anything is converted.

    Raises:
        ConfigError: the first of them, by its name.
    """
    backends = backends or tuple(KNOWN)
    if type(network) is not nn.Sequential:
        raise ConfigError(
            f"{where}: {type(network).__name__} is not a chain of layers, which is what "
            f"{' and '.join(backends)} can be trusted with. Name a tagger of kind: dense."
        )
    for name, layer in _leaves(network):
        kind = type(layer).__name__
        for backend in backends:
            if kind not in (*KNOWN[backend], *BEFORE, *_SHAPES):
                raise ConfigError(
                    f"{where}: {backend} does not know the layer '{name}' of type {kind} (it is trusted with "
                    f"{', '.join(KNOWN[backend])}), and might give wrong results without a word. "
                    f"{nearest(kind, KNOWN[backend])} Name a dense tagger with activation: relu."
                )


def taken_apart(network: nn.Module, where: str) -> tuple[Standardise, Dense]:
    """The constants of the inputs and the dense layers of a network.

    Raises:
        ConfigError: it holds other layers, or these in another order.
    """
    require_known(network, (), where)
    standardise, weights, biases, relu = None, [], [], []
    for name, layer in _leaves(network):
        if isinstance(layer, nn.Linear):
            weights.append(layer.weight.detach().double().cpu().numpy())
            bias = np.zeros(len(weights[-1])) if layer.bias is None else layer.bias.detach().double()
            biases.append(np.asarray(bias))
            relu.append(False)
        elif isinstance(layer, nn.ReLU) and relu and not relu[-1]:
            relu[-1] = True
        elif isinstance(layer, Standardise) and not weights:
            standardise = layer
        elif not isinstance(layer, nn.Flatten):
            raise ConfigError(
                f"{where}: the layer '{name}' stands where it is not expected. Use kind: dense."
            )
    if standardise is None or not weights:
        raise ConfigError(f"{where}: standardised inputs and dense layers are expected. Use kind: dense.")
    return standardise, Dense(tuple(weights), tuple(biases), tuple(relu))
