"""The loss of learning from label proportions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def proportion_loss(fractions: Sequence[float]) -> Callable[[nn.Module, tuple[Tensor, ...]], Tensor]:
    """Loss of a batch of rows of mixed samples (arXiv:1702.00414, section 2, with the squared difference).

        l = sum_k n_k / n (mean of the predictions of sample k - f_k)^2

    over the samples in the batch, n_k rows being of sample k.

    Args:
        fractions: f_k, of signal in each sample.

    Returns:
        `loss(network, (arguments of the network..., number of the sample (n,)))`: the same value for each
        row, (n,).
    """

    def loss(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        import torch

        *inputs, sample = values
        predicted = torch.sigmoid(network(*inputs))
        member = sample.long()[:, None] == torch.arange(len(fractions), device=sample.device)
        of_sample = member.to(predicted.dtype)
        number = of_sample.sum(dim=0)
        mean = predicted @ of_sample / number.clamp(min=1)
        wanted = torch.tensor(fractions, dtype=predicted.dtype, device=predicted.device)
        value = (number / len(sample) * (mean - wanted).square()).sum()
        return value.expand(len(sample))

    return loss
