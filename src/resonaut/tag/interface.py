"""What a tagger is: `tag/methods/<name>.py` holds `Settings` (of `TaggerSettings`) and `build(settings)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from resonaut.nn.training import History


@dataclass(frozen=True)
class Table:
    """Rows of features for a method that is not trained by gradients.

    Attributes:
        values: (n, n_inputs) float32.
        target: (n,) 0 or 1 (binary, float32), index of the class (int64), or the value to predict (float32).
        weight: (n,) float32.
    """

    values: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Fit(Protocol):
    """Training of a method that is not trained by gradients."""

    def __call__(
        self, network: nn.Module, training: Table, validation: Table, task: str, seed: int
    ) -> History:
        """Put what was learnt into the network.

        Args:
            network: of `Tagger.network`.
            training, validation: rows to learn from, and rows that decide when to stop.
            task: binary, classes or regression.
            seed: of everything random.
        """
        ...


@dataclass(frozen=True)
class Tagger:
    """A tagger of jets or events, in the representation that its settings name.

    Attributes:
        inputs: columns of the representation, in the order of the network's features: of the clouds' group
            `constituents`; or features, as `representations.Features` says; or channels of images.
        network: makes a new, untrained network of 1 or more outputs, with a layer `standardise` unless it has
            its own `fit`, that returns logits: (n_rows,) for one output, else (n_rows, n_outputs). It is
            called, for clouds, with values (n_rows, n_constituents, n_inputs) and mask (n_rows,
            n_constituents); for features with values (n_rows, n_inputs); for images with values (n_rows,
            n_inputs, rows, columns).
        loss: loss of each row of a classification from (network, (arguments of the network..., label)), where
            it is not the cross-entropy.
        fit: how it learns, where that is not gradient descent.
        divergence: of the weights from their prior (nats), where they have widths; 1 / n_training_rows of it
            is added to the loss of each row.
    """

    inputs: tuple[str, ...]
    network: Callable[[int], nn.Module]
    loss: Callable[[nn.Module, tuple[Tensor, ...]], Tensor] | None = None
    fit: Fit | None = None
    divergence: Callable[[nn.Module], Tensor] | None = None
