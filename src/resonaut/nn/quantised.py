"""Dense networks that are trained as they will be in fixed point (quantisation-aware, arXiv:1712.05877).

Forwards, weights and activations are rounded to their formats (`fixed_point`); backwards the rounding counts
as the identity inside the range and gives no gradient beyond it (straight-through, arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.nn.fixed_point import FixedLayer, FixedNetwork, FixedPoint


def straight_through(values: Tensor, given: FixedPoint) -> Tensor:
    """`given.apply` with the gradient of a clip: 1 inside the range, 0 beyond it."""
    inside = values.clamp(given.low, given.high)
    steps = torch.floor(inside.detach() * 2.0**given.fraction + 0.5) * given.step
    return inside + (steps.clamp(given.low, given.high) - inside).detach()


class Layers(nn.Module):
    """Dense layers with ReLU, in floats, or rounded to the formats of a network in fixed point.

    Args:
        weights, biases: of each layer, (n_outputs, n_inputs) and (n_outputs,): where it starts.
        relu: of each layer.
        kept: of each layer, where weights are not pruned, (n_outputs, n_inputs) boolean.
        fixed: whose formats are used; None for floats.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        relu: Sequence[bool],
        kept: Sequence[np.ndarray],
        fixed: FixedNetwork | None = None,
    ) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.tensor(value, dtype=torch.float32)) for value in weights
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.tensor(value, dtype=torch.float32)) for value in biases
        )
        self.relu = tuple(relu)
        self.fixed = fixed
        for number, mask in enumerate(kept):
            self.register_buffer(f"kept_{number}", torch.tensor(mask, dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        """(n, n_outputs) of (n, n_inputs)."""
        fixed = self.fixed
        held = values if fixed is None else straight_through(values, fixed.inputs)
        for number, (weight, bias, relu) in enumerate(zip(self.weights, self.biases, self.relu, strict=True)):
            weight = weight * getattr(self, f"kept_{number}")
            if fixed is not None:
                layer = fixed.layers[number]
                weight = straight_through(weight, layer.weight_format)
                bias = straight_through(bias, layer.bias_format)
            held = nn.functional.linear(held, weight, bias)
            held = torch.relu(held) if relu else held
            if fixed is not None:
                held = straight_through(held, fixed.layers[number].output)
        return held

    def arrays(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Weights (0 where pruned) and biases, float64."""
        masks = (getattr(self, f"kept_{number}") for number in range(len(self.relu)))
        weights = [
            (weight * mask).detach().double().cpu().numpy()
            for weight, mask in zip(self.weights, masks, strict=True)
        ]
        return weights, [bias.detach().double().cpu().numpy() for bias in self.biases]

    def in_fixed_point(self) -> FixedNetwork:
        """What was trained, in the formats that it was trained in.

        Raises:
            ValueError: it was trained in floats.
        """
        if self.fixed is None:
            raise ValueError("these layers have no formats; `fixed_point.profiled` finds some")
        layers = [
            FixedLayer(
                *(layer.weight_format.apply(weight), layer.bias_format.apply(bias), layer.relu),
                *(layer.weight_format, layer.bias_format, layer.output),
            )
            for layer, weight, bias in zip(self.fixed.layers, *self.arrays(), strict=True)
        ]
        return FixedNetwork(self.fixed.inputs, tuple(layers))
