"""What a tagger is: `tag/methods/<name>.py` holds `Settings` (of `TaggerSettings`) and `build(settings)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Tagger:
    """A tagger of jets or events, in the representation that its settings name.

    Attributes:
        inputs: columns of the representation, in the order of the network's features: of the clouds' group
            `constituents`; or features, as `representations.Features` says.
        network: makes a new, untrained network with a layer `standardise`, that returns the log odds of
            signal, (n_rows,). It is called, for clouds, with values (n_rows, n_constituents, n_inputs) and
            mask (n_rows, n_constituents); for features with values (n_rows, n_inputs); for images with
            values (n_rows, n_inputs, rows, columns), the inputs being channels.
    """

    inputs: tuple[str, ...]
    network: Callable[[], nn.Module]
