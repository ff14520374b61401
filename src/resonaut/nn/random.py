"""Counter-based random numbers for many networks at once, equal on every device.

A number is a hash of (key, counter) in 64-bit integer arithmetic, so that network i's numbers depend on its
own key and on nothing else: not on the networks beside it, not on the order of calls, not on the device. The
hash is the finaliser of SplitMix64 (Steele, Lea, Flood, doi:10.1145/2660193.2660195), the same bits as
`resonaut.seeds.mix64`; torch has no unsigned arithmetic, so shifts are made logical by a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """The signed 64-bit integer with the bits of `value`."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def _shift(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical right shift of signed 64-bit integers."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def mix64(values: torch.Tensor) -> torch.Tensor:
    """A bijection of 64-bit integers that passes for random; int64 of any shape, elementwise."""
    z = values + _GOLDEN
    z = (z ^ _shift(z, 30)) * _FIRST
    z = (z ^ _shift(z, 27)) * _SECOND
    return z ^ _shift(z, 31)


def subkeys(keys: torch.Tensor, *path: int) -> torch.Tensor:
    """Keys for a purpose.

    Args:
        keys: (n_networks,) int64.
        path: what the numbers are for, for example (layer,) or (stream, epoch).

    Returns:
        (n_networks,) int64: another path gives unrelated keys.
    """
    for part in path:
        keys = mix64(mix64(keys) + _signed(part))
    return mix64(keys)


def _words(keys: torch.Tensor, count: int) -> torch.Tensor:
    """(n_networks, count) int64: the stream of SplitMix64 that starts at each key."""
    import torch

    counters = torch.arange(count, dtype=torch.int64, device=keys.device)
    return mix64(keys[:, None] + counters * _GOLDEN)


def uniform(keys: torch.Tensor, count: int, dtype: torch.dtype) -> torch.Tensor:
    """Uniform numbers in [0, 1).

    Args:
        keys: (n_networks,) int64.
        count: numbers per network.
        dtype: torch.float32 (24 random bits) or torch.float64 (53).

    Returns:
        (n_networks, count).
    """
    import torch

    bits = 53 if dtype == torch.float64 else 24
    return _shift(_words(keys, count), 64 - bits).to(dtype) * 2.0**-bits


def permutations(keys: torch.Tensor, lengths: torch.Tensor, width: int) -> torch.Tensor:
    """One random permutation per network; rows of different length are padded.

    Args:
        keys: (n_networks,) int64.
        lengths: (n_networks,) int64, each at most `width`.
        width: columns of the result.

    Returns:
        (n_networks, width) int64: row i starts with a permutation of 0 ... lengths[i] - 1; the positions
        lengths[i] ... width - 1 follow in order. The permutation does not depend on `width`.
    """
    import torch

    position = torch.arange(width, dtype=torch.int64, device=keys.device)
    # Hash above, position below: the values are distinct, so any sorting algorithm gives the same order.
    hashed = (_shift(_words(keys, width), 1) & ~_POSITION) | position
    padded = position >= lengths[:, None]
    hashed = torch.where(padded, _LAST | position, hashed)
    return torch.sort(hashed, dim=1).values & _POSITION


_POSITION = (1 << 31) - 1
_LAST = ((1 << 32) - 1) << 31
