"""LSTM and GRU along the constituents of a jet, hardest first (LSTM on jets: arXiv:1711.09059)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.heads import ClassifierHead

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}
"""LSTM: Hochreiter and Schmidhuber 1997 with forget gates; GRU: arXiv:1406.1078, section 2.3."""


class RecurrentNetwork(nn.Module):
    """The state after the last real constituent, then dense layers.

    Args:
        n_features: inputs per constituent.
        cell: 'lstm' or 'gru'.
        width: length of the state.
        n_layers: recurrent layers, each along the states of the one before.
        f: sizes of the hidden layers behind.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for the log odds of signal, else the number of classes.
    """

    def __init__(
        self,
        n_features: int,
        cell: Literal["lstm", "gru"] = "lstm",
        width: int = 128,
        n_layers: int = 1,
        f: Sequence[int] = (64,),
        *,
        dropout: float = 0.0,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.standardise = Standardise(n_features)
        self.recurrent = CELLS[cell](n_features, width, n_layers, batch_first=True)
        self.head = ClassifierHead(width, f, n_outputs=n_outputs, dropout=dropout)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """State of jets after their last constituent, (n_jets, width); 0 for a jet without constituents."""
        # Packed sequences want the lengths on the host; what padding does to states comes after the last.
        values = self.standardise(torch.where(mask[..., None], values, 0))
        if torch.onnx.is_in_onnx_export():
            states = _onnx_states(self.recurrent, values)
        else:
            states, _ = self.recurrent(values)
        last = mask.sum(dim=1)[:, None, None] - 1
        state = states.gather(1, last.clamp_min(0).expand(-1, -1, states.shape[-1])).squeeze(1)
        return state * mask.any(dim=1, keepdim=True)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_features), sorted by pt; whatever stands where the mask is
                false.
            mask: (n_jets, n_constituents), true where a constituent is real; real ones stand first.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        return self.head(self.encode(values, mask))


def _onnx_states(recurrent: nn.LSTM | nn.GRU, values: Tensor) -> Tensor:
    """States (n, length, width) in the graph of an ONNX file, by its own operators LSTM and GRU.

    Left to itself, torch writes a loop over the constituents. ONNX orders the gates otherwise: input, output,
    forget, cell for torch's input, forget, cell, output; update, reset, new for reset, update, new.
    """
    order, more = ((0, 3, 1, 2), {}) if recurrent.mode == "LSTM" else ((1, 0, 2), {"linear_before_reset": 1})
    states = values.transpose(0, 1)
    for layer in range(recurrent.num_layers):
        names = [f"{name}_l{layer}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        gates = [getattr(recurrent, name).chunk(len(order)) for name in names]
        of_input, of_state, *biases = (torch.cat([parts[i] for i in order]) for parts in gates)
        length, n = states.shape[:2]
        states = torch.onnx.ops.symbolic(
            recurrent.mode,
            [states, of_input[None], of_state[None], torch.cat(biases)[None]],
            {"hidden_size": recurrent.hidden_size, **more},
            dtype=states.dtype,
            shape=(length, 1, n, recurrent.hidden_size),
        ).squeeze(1)
    return states.transpose(0, 1)
