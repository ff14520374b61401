"""What a tagger is: `tag/methods/<name>.py` holds `Settings` (of `TaggerSettings`) and `build(settings)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Tagger:
    """A tagger of jets as clouds of constituents.

    Attributes:
        inputs: columns of the clouds' `constituents` group, in the order of the network's features.
        network: makes a new, untrained network with a layer `standardise`; called with values
            (n_jets, n_constituents, n_inputs) and mask (n_jets, n_constituents) it returns the log odds of
            signal, (n_jets,).
    """

    inputs: tuple[str, ...]
    network: Callable[[], nn.Module]
