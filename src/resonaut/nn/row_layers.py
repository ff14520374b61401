"""Linear layers that a network runs on whole rows (jets, events), and others in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError


def row_layers(network: nn.Module, inputs: Sequence[Tensor], what: str) -> list[str]:
    """Names of the linear layers that are given one vector per row, in the order in which they are run.

    Layers that are given one vector per constituent or per pixel are not among them.

    Args:
        inputs: arguments of the network, a few rows.
        what: the network, for the message.

    Raises:
        ConfigError: there is none, as in boosted trees and capsules.
    """
    names = {layer: name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)}
    found: dict[str, None] = {}

    def note(layer: nn.Linear, given: tuple[Tensor, ...]) -> None:
        if given[0].ndim == 2 and len(given[0]) == len(inputs[0]):
            found[names[layer]] = None

    handles = [layer.register_forward_pre_hook(note) for layer in names]
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(*inputs)
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    if not found:
        raise ConfigError(
            f"{what}: the network has no linear layer of whole rows (boosted trees and capsules have none), "
            "so there is nothing to put widths or dropout into. Leave out dropout, laplace and bayesian, or "
            "name a tagger with such layers, as dense or pfn."
        )
    return list(found)


def replaced(network: nn.Module, names: Sequence[str], make: Callable[[nn.Linear], nn.Module]) -> nn.Module:
    """The network, changed in place: `make(layer)` stands where each of these layers stood."""
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, make(network.get_submodule(name)))
    return network


def dropped(layer: nn.Linear, fraction: float) -> nn.Sequential:
    """A linear layer that some of its inputs are kept from, at random (arXiv:1207.0580)."""
    return nn.Sequential(nn.Dropout(fraction), layer)
