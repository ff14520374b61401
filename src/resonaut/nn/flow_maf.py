"""Masked autoregressive flows (arXiv:1705.07057), many networks as one tensor program.

Transform t maps x to x exp(a) + b, where a_i and b_i come from a dense network of the condition and of those
x that precede x_i in its order (masks of arXiv:1502.03509); orders alternate. The gradient is written out:
recording the operations of so many small matrices costs about as much as computing them. It is the same
function of its weights as `zuko.flows.MAF`, which the tests compare with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch

from resonaut.nn import random, stacked

_STEEPEST = math.log(1e3)
"""Bound of |a| of one transform: no feature is stretched or squeezed more than thousandfold."""

_VECTOR = 16


class Maf:
    """A masked autoregressive flow.

    Args:
        n_features: of the values whose density is learnt.
        n_condition: of what the density depends on, at least 1.
        transforms: how many.
        hidden: sizes of the hidden layers of each transform.

    Attributes:
        n_parameters: of one network.
    """

    def __init__(self, n_features: int, n_condition: int, transforms: int, hidden: Sequence[int]) -> None:
        self.n_features, self.transforms = n_features, transforms
        self.sizes = (n_features + n_condition, *hidden, 2 * n_features)
        self._per_transform = stacked.n_parameters(self.sizes)
        self.n_parameters = transforms * self._per_transform
        self._mask: torch.Tensor | None = None

    def mask(self, like: torch.Tensor) -> torch.Tensor:
        """(n_parameters,): 1 where a weight connects, 0 where it would break the order."""
        if self._mask is None or self._mask.device != like.device or self._mask.dtype != like.dtype:
            self._mask = self._made_mask(like)
        return self._mask

    def _made_mask(self, like: torch.Tensor) -> torch.Tensor:
        count, parts = self.n_features, []
        for number in range(self.transforms):
            place = torch.arange(count, device=like.device)
            place = place.flip(0) if number % 2 else place
            # A unit of class k sees the features in places before k; the condition is before all.
            classes = [torch.cat([place + 1, place.new_zeros(self.sizes[0] - count)])]
            classes += [torch.arange(size, device=like.device) % count for size in self.sizes[1:-1]]
            classes.append(place.repeat(2))
            for before, after in itertools.pairwise(classes):
                parts += [(before[:, None] <= after).flatten(), torch.ones_like(after, dtype=torch.bool)]
        return torch.cat(parts).to(like.dtype)

    def initial(self, seeds: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Initial parameters (n_networks, n_parameters): uniform in +-1 / sqrt(inputs of the layer).

        Args:
            seeds: of the networks.
            like: gives type and device.
        """
        keys = torch.tensor(list(seeds), dtype=torch.int64, device=like.device)
        parts = [
            stacked.initial(random.subkeys(keys, 0, number), self.sizes, like.dtype)
            for number in range(self.transforms)
        ]
        flat = torch.cat(parts, dim=1)
        return flat.mul_(self.mask(flat))

    def forward(
        self, flat: torch.Tensor, values: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Latent values (n_networks, n_batch, n_features) and the log of the Jacobian (n_networks, n_batch).

        Args:
            flat: (n_networks, n_parameters); its gradient can be taken, that of the values cannot.
            values: (n_networks, n_batch, n_features).
            condition: (n_networks, n_batch, n_condition).
        """
        return _Flow.apply(flat, values, condition, self)

    def inverse(self, flat: torch.Tensor, latent: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Values of latent values; shapes as in `forward`."""
        for number in range(self.transforms - 1, -1, -1):
            values = torch.zeros_like(latent)
            # Pass k makes the feature in place k right: it depends on those before only.
            for _ in range(self.n_features):
                shift, log_scale = self._affine(self._run(flat, number, values, condition)[-1])[:2]
                values = (latent - shift) * torch.exp(-log_scale)
            latent = values
        return latent

    def _of_transform(self, flat: torch.Tensor, number: int) -> torch.Tensor:
        return flat[:, number * self._per_transform : (number + 1) * self._per_transform]

    def _run(
        self, flat: torch.Tensor, number: int, values: torch.Tensor, condition: torch.Tensor
    ) -> list[torch.Tensor]:
        """Activations of the dense network of a transform."""
        activations = [torch.cat([values, condition], dim=2)]
        *hidden, (weights, biases) = stacked.layers(self._of_transform(flat, number), self.sizes)
        for inside, bias in hidden:
            activations.append(torch.baddbmm(bias, activations[-1], inside).relu_())
        # Matrix products with so few columns take half the time when these fill a vector register.
        fill = (0, -weights.shape[2] % _VECTOR)
        padded = torch.nn.functional.pad(weights, fill), torch.nn.functional.pad(biases, fill)
        output = torch.baddbmm(padded[1], activations[-1], padded[0])
        return [*activations, output[..., : weights.shape[2]]]

    def _affine(self, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Shift b, log of the scale a, and the derivative of a with respect to the output."""
        shift, raw = output.split(self.n_features, dim=2)
        damping = raw.abs().div_(_STEEPEST).add_(1).reciprocal_()
        return shift, raw * damping, damping.square()

    def recorded(
        self, flat: torch.Tensor, values: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, list[tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]]]:
        """`forward`, and what `gradient` needs of each transform."""
        log_jacobian, record = 0.0, []
        for number in range(self.transforms):
            activations = self._run(flat, number, values, condition)
            shift, log_scale, slope = self._affine(activations.pop())
            log_jacobian = log_jacobian + log_scale.sum(2)
            scale = torch.exp(log_scale)
            values = torch.addcmul(shift, values, scale)
            record.append((activations, scale, slope))
        return values, log_jacobian, record

    def gradient(
        self,
        flat: torch.Tensor,
        record: list[tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]],
        d_latent: torch.Tensor,
        d_log_jacobian: torch.Tensor,
    ) -> torch.Tensor:
        """Gradient (n_networks, n_parameters) for those of what `forward` returned."""
        parts: list[torch.Tensor] = []
        delta, count = d_latent, self.n_features
        for number in range(self.transforms - 1, -1, -1):
            activations, scale, slope = record[number]
            direct = delta * scale
            d_log_scale = torch.addcmul(d_log_jacobian[..., None], direct, activations[0][..., :count])
            own = torch.cat([delta, d_log_scale.mul_(slope)], dim=2)
            views = stacked.layers(self._of_transform(flat, number), self.sizes)
            for layer in range(len(views) - 1, -1, -1):
                parts += [own.sum(1), _product(activations[layer], own).flatten(1)]
                if layer:
                    own = torch.bmm(own, views[layer][0].transpose(1, 2))
                    own = torch.ops.aten.threshold_backward(own, activations[layer], 0, grad_input=own)
            if number:
                back = views[0][0][:, :count].transpose(1, 2)
                delta = torch.baddbmm(direct, own, back)
        return torch.cat(parts[::-1], dim=1).mul_(self.mask(flat))


def _product(inputs: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
    """Gradient of the weights (n_networks, before, after); with the narrow side first it is faster."""
    if slopes.shape[2] < inputs.shape[2]:
        return torch.bmm(slopes.transpose(1, 2), inputs).transpose(1, 2)
    return torch.bmm(inputs.transpose(1, 2), slopes)


class _Flow(torch.autograd.Function):
    """The flow as one operation of autograd."""

    @staticmethod
    def forward(
        ctx: Any, flat: torch.Tensor, values: torch.Tensor, condition: torch.Tensor, flow: Maf
    ) -> tuple[torch.Tensor, torch.Tensor]:
        latent, log_jacobian, ctx.record = flow.recorded(flat, values, condition)
        ctx.flat, ctx.flow = flat, flow
        return latent, log_jacobian

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return ctx.flow.gradient(ctx.flat, ctx.record, *slopes), None, None, None
