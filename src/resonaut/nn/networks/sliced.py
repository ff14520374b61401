"""Networks whose memory grows with the square of the constituents score large batches slice by slice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

VALUES = 2**26
"""Values of one tensor of pairs at most, 256 MB in single precision."""


def in_slices(function: Callable[..., Tensor], per_row: int, *tensors: Tensor, limit: int = VALUES) -> Tensor:
    """function(*tensors), or the same slice by slice where no gradient needs the whole.

    Args:
        function: gives one row of its result per row of its arguments, independent of the other rows.
        per_row: values that its largest tensor has per row.
        tensors: its arguments, of the same length.
        limit: values that the largest tensor may have.
    """
    rows = max(1, limit // max(1, per_row))
    # An exported graph must not hold the number of slices of its example.
    whole = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.jit.is_tracing()
    if whole or len(tensors[0]) <= rows:
        return function(*tensors)
    return torch.cat([function(*part) for part in zip(*(t.split(rows) for t in tensors), strict=True)])
