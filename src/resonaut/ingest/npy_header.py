"""The header of an array in the npy format (NEP 1), of a file of its own or of a member of an npz file."""

from __future__ import annotations

from typing import Any

import numpy as np


def npy_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns stand after each other, and type; the stream is at the first value then.

    Raises:
        ValueError: the header is damaged, or values are pickled.
    """
    versions = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)
    if version not in versions:
        raise ValueError(f"version {version}, one of {sorted(versions)} is expected")
    shape, by_columns, dtype = versions[version](stream)
    if dtype.hasobject:
        raise ValueError("its values are pickled objects, which are never loaded")
    if any(length < 0 for length in shape):
        raise ValueError(f"shape {shape}")
    return shape, by_columns, dtype
