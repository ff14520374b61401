"""Random draws of cells: a known number of hits with given odds, and noise that chooses components."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_TILT_STEPS = 4
_LEAST = 1e-12


def gumbel(like: Tensor) -> Tensor:
    """Draws of the Gumbel distribution, of the shape and type of `like`."""
    return -torch.empty_like(like).exponential_().log()


def fixed_number(logit: Tensor, number: Tensor) -> Tensor:
    """Draw cells with these odds under the condition that their number is known.

    The logits are shifted so that the probabilities sum to the number; systematic sampling in random order
    then takes each cell with its probability.

    Args:
        logit: (n, n_cells).
        number: (n,) whole numbers from 0 to n_cells.

    Returns:
        (n, n_cells) bool.
    """
    number = number[:, None]
    shift = torch.zeros_like(number)
    for _ in range(_TILT_STEPS):
        p = torch.sigmoid(logit + shift)
        slope = (p * (1 - p)).sum(1, keepdim=True).clamp_min(1e-3)
        shift = shift + ((number - p.sum(1, keepdim=True)) / slope).clamp(-2, 2)
    p = torch.sigmoid(logit + shift)
    for _ in range(_TILT_STEPS):
        p = (p * (number / p.sum(1, keepdim=True).clamp_min(_LEAST))).clamp_max(1)
    # One order for all rows: it only matters that neighbours in the order are not neighbours in the layer.
    order = torch.randperm(p.shape[1], device=p.device)
    steps = p[:, order].cumsum(1, dtype=torch.float64)
    steps = steps * (number / steps[:, -1:].clamp_min(_LEAST)) + torch.rand_like(number).double() * (1 - 1e-9)
    taken = functional.pad(steps.floor(), (1, 0)).diff(dim=1) > 0
    return taken[:, order.argsort()]
