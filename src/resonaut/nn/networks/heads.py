"""The end of a classifier: hidden layers, and one log odds or a logit per class."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from resonaut.nn.networks.activations import linear


class ClassifierHead(nn.Module):
    """Hidden layers and the output of a classifier.

    Args:
        n_features: length of the vector that each row comes with.
        hidden: sizes of the hidden layers.
        n_outputs: 1 for the log odds of signal, else the number of classes.
        activation: of the hidden layers, a name of `activations`.
        dropout: fraction of the inputs of the last layer that are dropped in training (arXiv:1207.0580).

    Raises:
        ConfigError: no such activation.
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int] = (),
        *,
        n_outputs: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [n_features, *hidden]
        self.hidden = nn.Sequential(*(linear(*pair, activation) for pair in itertools.pairwise(sizes)))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], n_outputs)

    def forward(self, values: Tensor) -> Tensor:
        """Logits of rows.

        Args:
            values: (n, n_features).

        Returns:
            (n,) log odds if there is one output, else (n, n_outputs) logits.
        """
        logits = self.output(self.dropout(self.hidden(values)))
        return logits.squeeze(-1) if logits.shape[-1] == 1 else logits
