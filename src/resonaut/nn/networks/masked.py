"""Batch normalisation that sees real rows only, and means over them: padding changes nothing in training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

_BLOCK = 2**18
"""Values of a block of rows on the CPU: the temporaries of a block stay in the cache of a core."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real rows; 0 where there are none.

    Args:
        values: (..., n_rows, n_features), 0 where the mask is false.
        mask: (..., n_rows).

    Returns:
        (..., n_features).
    """
    return values.sum(dim=-2) / mask.sum(dim=-1, keepdim=True).clamp_min(1).to(values.dtype)


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the real rows, and a ReLU if asked for (arXiv:1502.03167, algorithms 1, 2).

    `nn.BatchNorm1d` on the real rows alone gives the same, with as many parameters and the same defaults.

    Args:
        n_features: length of the last axis.
        relu: whether a ReLU follows; in one step with it, memory is passed over fewer times.
        momentum: share of the newest batch in the running mean and variance.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(
        self, n_features: int, *, relu: bool = False, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("running_mean", torch.zeros(n_features))
        self.register_buffer("running_variance", torch.ones(n_features))
        self.relu, self.momentum, self.eps = relu, momentum, eps

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Normalised values.

        Args:
            values: (..., n_features), finite also where the mask is false.
            mask: (...), true where a row is real.

        Returns:
            The shape and dtype of `values`; 0 where the mask is false.
        """
        with torch.autocast(values.device.type, enabled=False):
            if not self.training:
                factor = self.weight * (self.running_variance + self.eps).rsqrt()
                out = torch.addcmul(self.bias - self.running_mean * factor, _full(values), factor)
                out = out.relu_() if self.relu else out
                return (out * mask[..., None]).to(values.dtype)
            out, mean, variance, count = _Normalise.apply(
                values, mask, self.weight, self.bias, self.eps, self.relu
            )
            with torch.no_grad():
                # A batch without real rows must not pull the running moments.
                share = self.momentum * (count > 0).to(mean.dtype)
                self.running_mean.lerp_(mean, share)
                self.running_variance.lerp_(variance * count / (count - 1).clamp_min(1), share)
            return out


class _Normalise(torch.autograd.Function):
    """The training step of `MaskedBatchNorm`, with its closed-form gradient.

    Autograd would pass over the whole tensor some 25 times. Here each direction passes twice, in blocks.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        size = _block_rows(values)
        mean, variance, count = _moments(values, mask, size)
        factor = weight * (variance + eps).rsqrt()
        offset = bias - mean * factor
        out = torch.empty_like(values)
        for into, block, real in zip(out.split(size), values.split(size), mask.split(size), strict=True):
            normalised = _addcmul(offset, _full(block), factor, into)
            if relu:
                normalised.relu_()
            normalised.mul_(real[..., None])
            if normalised is not into:
                into.copy_(normalised)
        ctx.save_for_backward(values, mask, out if relu else None, weight, mean, variance, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance, count)
        return out, mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        values, mask, out, weight, mean, variance, count = ctx.saved_tensors
        size = _block_rows(values)
        inverse = (variance + ctx.eps).rsqrt()
        of_bias, of_weight = torch.zeros_like(mean), torch.zeros_like(mean)
        for block, _real, passed in _passed(values, mask, gradient, out, size):
            of_bias += _rows(passed).sum(dim=0)
            of_weight += _rows(passed.mul_(block - mean)).sum(dim=0)
        of_weight = of_weight * inverse
        slope = weight * inverse
        shared = slope * inverse * of_weight / count.clamp_min(1)
        offset = shared * mean - slope * of_bias / count.clamp_min(1)
        of_values = torch.empty_like(values)
        blocks = _passed(values, mask, gradient, out, size)
        for into, (block, real, passed) in zip(of_values.split(size), blocks, strict=True):
            slopes = _addcmul(offset, block, -shared, into).mul_(real[..., None]).addcmul_(passed, slope)
            if slopes is not into:
                into.copy_(slopes)
        return of_values, None, of_weight, of_bias, None, None


def _passed(
    values: Tensor, mask: Tensor, gradient: Tensor, out: Tensor | None, size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Blocks of the values, of the mask, and of the gradient that passes the mask and the ReLU."""
    through = mask if out is None else out
    for block, real, upstream, gate in zip(
        *(part.split(size) for part in (values, mask, gradient, through)), strict=True
    ):
        upstream = _full(upstream)
        if out is None:
            yield _full(block), real, upstream * gate[..., None]
        else:
            yield _full(block), real, torch.ops.aten.threshold_backward(upstream, _full(gate), 0)


def _addcmul(offset: Tensor, values: Tensor, factor: Tensor, into: Tensor) -> Tensor:
    """offset + values * factor: written where it will stay, if no digits are lost by that."""
    if into.dtype != values.dtype:
        return torch.addcmul(offset, values, factor)
    return torch.addcmul(offset, values, factor, out=into)


def _moments(values: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance (of the population) and number of the real rows.

    Blocks are put together by their own means (Chan, Golub and LeVeque 1983), so that no difference
    of large sums is taken.
    """
    counts, means, squares = [], [], []
    for block, real in zip(values.split(size), mask.split(size), strict=True):
        rows = _rows(_full(block))
        weight = real.reshape(-1).to(rows.dtype)
        counts.append(weight.sum())
        means.append(rows.t().mv(weight) / counts[-1].clamp_min(1))
        squares.append((rows - means[-1]).square_().t().mv(weight))
    number, mean_of, square_of = torch.stack(counts), torch.stack(means), torch.stack(squares)
    count = number.sum()
    safe = count.clamp_min(1)
    mean = number @ mean_of / safe
    variance = (square_of.sum(dim=0) + number @ (mean_of - mean).square()) / safe
    return mean, variance, count


def _block_rows(values: Tensor) -> int:
    """Leading rows of a block; all of them where kernels are fused, or memory is fast."""
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        return max(1, len(values))
    return max(1, _BLOCK // max(1, values[:1].numel()))


def _rows(values: Tensor) -> Tensor:
    return values.reshape(-1, values.shape[-1])


def _full(values: Tensor) -> Tensor:
    """Values in float32 at least: sums over many rows need more digits than bf16 has."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
