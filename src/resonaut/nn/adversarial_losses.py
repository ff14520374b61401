"""Losses of generators and of the networks that judge them: log odds, least squares, Wasserstein.

A judge gives (n,) numbers, larger for rows that look real. All losses are (n,), to be made small.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_TINY = 1e-12


def discriminator_loss(real: Tensor, fake: Tensor, kind: str, smoothing: float = 0.0) -> Tensor:
    """What a discriminator makes small.

    Args:
        real, fake: (n,) its outputs.
        kind: "logistic": the cross entropy of arXiv:1406.2661, equation 1, outputs are log odds;
            "least_squares": arXiv:1611.04076, equation 9, with targets 1 and 0.
        smoothing: the target of real rows is 1 minus this; that of drawn rows stays 0 (arXiv:1606.03498,
            section 3.4).
    """
    if kind == "least_squares":
        return 0.5 * ((real - (1 - smoothing)).square() + fake.square())
    return (
        (1 - smoothing) * functional.softplus(-real)
        + smoothing * functional.softplus(real)
        + (functional.softplus(fake))
    )


def generator_loss(fake: Tensor, kind: str) -> Tensor:
    """What a generator makes small: -ln D (arXiv:1406.2661, section 3, the non-saturating form), or squares.

    Args:
        fake: (n,) outputs of the discriminator.
        kind: as of `discriminator_loss`.
    """
    return 0.5 * (fake - 1).square() if kind == "least_squares" else functional.softplus(-fake)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """(|grad critic| - 1)^2 of each row, at a random point between a real and a drawn row (arXiv:1704.00028).

    Equation 3 there, without its factor. The norm is over all values of a row.

    Args:
        critic: (n, ...) to (n,), row by row: no batch normalisation.
        real, fake: (n, ...) of one shape; no slope goes through them.

    Returns:
        (n,), with slopes to the critic's weights.
    """
    share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    between = torch.lerp(fake.detach(), real.detach(), share)
    # The root has no slope at 0.
    return ((squared_slope(critic, between) + _TINY).sqrt() - 1).square()


def squared_slope(critic: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """|grad critic|^2 at each row, (n,), with slopes to the critic's weights (arXiv:1801.04406, equation 9).

    Args:
        critic: (n, ...) to (n,), row by row.
        rows: (n, ...); no slope goes through them.
    """
    rows = rows.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(rows).sum(), rows, create_graph=True)
    return slope.flatten(1).square().sum(1)
