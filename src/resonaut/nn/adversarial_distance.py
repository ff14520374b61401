"""Distance of two samples of rows, to choose the best epoch of a training that has no meaningful loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.samples import Samples, stream

_N_DIRECTIONS = 32
_SEED = 2_171


def sliced_wasserstein(first: Tensor, second: Tensor, n_directions: int = _N_DIRECTIONS) -> Tensor:
    """Mean Wasserstein-1 distance of projections, in units of the widths of the second sample.

    Columns are divided by their standard deviations in the second sample. The mean over the columns
    themselves and the mean over random directions (arXiv:1804.01947, equation 6 with p = 1), which see what
    columns have to do with each other, count half each. It is of the order of 1 / sqrt(n) for two samples of
    one distribution.

    Args:
        first, second: (n, n_columns), finite, of equal length.
        n_directions: random directions, the same at each call.

    Returns:
        A number.
    """
    width = second.std(dim=0)
    width = torch.where(width > 0, width, torch.ones_like(width))
    first, second = first / width, second / width
    random = torch.Generator().manual_seed(_SEED)
    directions = torch.randn(first.shape[1], n_directions, generator=random).to(first)
    directions = directions / directions.norm(dim=0)
    found = []
    for one, other in ((first, second), (first @ directions, second @ directions)):
        found.append((one.sort(dim=0).values - other.sort(dim=0).values).abs().mean())
    return 0.5 * (found[0] + found[1])


def distance_of_summaries(network: nn.Module, samples: Samples, batches: Sequence[Tensor]) -> float:
    """`sliced_wasserstein` between drawn and validation rows; a `Distance` of `nn.adversarial`.

    Args:
        network: an `Adversaries`, which summarises its rows; rows are drawn for the conditions of the others.
        samples: batches hold (values, conditions).
        batches: row numbers.
    """
    drawn, real = [], []
    for batch in stream(samples, batches):
        rows, scaled = network.encode(*batch.values)
        real.append(network.summary(rows, scaled))
        drawn.append(network.summary(network.made(scaled), scaled))
    return float(sliced_wasserstein(torch.cat(drawn), torch.cat(real)))
