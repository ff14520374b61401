"""Maximum mean discrepancy: how far apart two samples are, seen through Gaussian kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def _kernel(x: Tensor, y: Tensor, widths: Sequence[float]) -> Tensor:
    """Mean over the widths of exp(-|x_i - y_j|^2 / (2 width^2)), (..., n, m)."""
    norms = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    square = (norms - 2 * x @ y.transpose(-1, -2)).clamp_min(0)
    return torch.stack([(-0.5 * square / width**2).exp() for width in widths]).mean(0)


def mmd(x: Tensor, y: Tensor, widths: Sequence[float] = (1.0,), *, unbiased: bool = False) -> Tensor:
    """Squared maximum mean discrepancy (arXiv:0805.2368, eqs. 3 and 5).

    Args:
        x: (..., n, d) one sample, or one sample per leading index.
        y: (..., m, d) the other sample.
        widths: of the Gaussian kernels, whose mean is the kernel.
        unbiased: leave out the pairs of a point with itself; the result may then be below 0. The biased form
            is at least 0, and exactly 0 for equal samples.

    Returns:
        (...) numbers without unit.
    """
    n, m = x.shape[-2], y.shape[-2]
    within_x, within_y = _kernel(x, x, widths).sum((-2, -1)), _kernel(y, y, widths).sum((-2, -1))
    between = _kernel(x, y, widths).mean((-2, -1))
    if unbiased:
        return (within_x - n) / (n * (n - 1)) + (within_y - m) / (m * (m - 1)) - 2 * between
    return within_x / n**2 + within_y / m**2 - 2 * between


def sorted_kernel_mmd(
    x: Tensor, y: Tensor, *, n_largest: int, window: int, stride: int, width: float
) -> Tensor:
    """Discrepancy of two spectra of cell energies, rank by rank (arXiv:2005.05334, section 4.3).

    The largest energies of each shower are sorted; windows of neighbouring ranks of one are compared with the
    same ranks of the other, so that the few high energies count as the many low ones do.

    Args:
        x, y: (n, n_cells) energies of showers, in the unit of `width`.
        n_largest: energies per shower that count, at most n_cells.
        window: ranks in a window.
        stride: ranks from a window to the next.
        width: of the Gaussian kernel (the paper's alpha is 1 / (2 width^2)).

    Returns:
        (n,) mean over the windows; 0 for equal showers.
    """
    n_largest = min(n_largest, x.shape[1])
    window = min(window, n_largest)
    windows = [
        energies.topk(n_largest, dim=1).values.unfold(1, window, stride)[..., None] for energies in (x, y)
    ]
    return mmd(*windows, (width,)).mean(1)
