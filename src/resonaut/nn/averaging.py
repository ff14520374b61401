"""A running mean of a network's weights over the steps of its training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class WeightAverage:
    """Mean of the weights w_1 ... w_t after each step, with weights that fall by `decay` per step.

    It is sum_i d^(t-i) w_i (1 - d) / (1 - d^t), the bias-corrected mean of arXiv:1412.6980, section 3: the
    initial weights have no part in it.

    Args:
        network: whose parameters are averaged; buffers are not.
        decay: d, between 0 and 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.n_steps = 0
        self._names, parameters = zip(*network.named_parameters(), strict=True)
        self._parameters = [parameter.detach() for parameter in parameters]
        self._means = [parameter.clone() for parameter in self._parameters]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The means by the names of their parameters."""
        return dict(zip(self._names, self._means, strict=True))

    def update(self) -> None:
        """Take the weights after one more step into the mean."""
        self.n_steps += 1
        share = (1 - self.decay) / (1 - self.decay**self.n_steps)
        torch._foreach_lerp_(self._means, self._parameters, share)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The network holds the means while the block runs, and its own weights afterwards."""
        own = [parameter.clone() for parameter in self._parameters]
        torch._foreach_copy_(self._parameters, self._means)
        try:
            yield
        finally:
            torch._foreach_copy_(self._parameters, own)

    def load(self, tensors: dict[str, Tensor], n_steps: int) -> None:
        """Go back to earlier means."""
        self.n_steps = n_steps
        torch._foreach_copy_(self._means, [tensors[name].to(self._means[0].device) for name in self._names])
