"""Energies changed as little as wanted moments of a shower ask for: exponential tilts.

Of all changes that give weights new means of some functions b_j, factors exp(sum_j t_j b_j) are those of
least relative entropy (I. Csiszar, Ann. Probab. 3 (1975) 146, section 3). The t are found by Newton's
method in bounded steps, so that what cannot be reached is approached.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = 5
_LARGEST = 3.0
"""Of the logarithm of a factor."""
_LONGEST = 2.0
"""Change of the logarithm of any factor in one step."""
_CORE = 3.0
_RIDGE = 1e-6
_LEAST = 1e-12


def tilted_layers(above: Tensor, floor: Tensor, total: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Energies of layers over their floor, tilted to a sum, a mean layer and a width of all energy.

    Args:
        above: (n, layers) energies over the floor, at least 0.
        floor: (n, layers) energies that stay.
        total: (n,) wanted sum of both.
        mean, width: (n,) wanted of both, in layers counted from 0.

    Returns:
        (n, layers) energies over the floor; their sum is total - sum(floor), or 0.
    """
    n, layers = above.shape
    place = (torch.arange(layers, dtype=above.dtype, device=above.device) - mean[:, None]) / layers
    basis = torch.stack([place, place**2], dim=-1)
    wanted = torch.stack([torch.zeros_like(total), total * (width / layers) ** 2], dim=-1)
    wanted = wanted - (floor[..., None] * basis).sum(1)
    rest = (total - floor.sum(1)).clamp_min(0)
    together = torch.zeros(n, layers, dtype=torch.int64, device=above.device)
    start = above * (rest / above.sum(1).clamp_min(_LEAST))[:, None]
    return _tilted(start, together, rest[:, None], basis, basis, wanted)


def tilted_cells(energy: Tensor, layer: Tensor, sums: Tensor, powers: Tensor, wanted: Tensor) -> Tensor:
    """Energies of hits, tilted within each layer so that moments across the shower are those wanted.

    The functions of the tilt are x, y, x^2, y^2 and r, levelled off beyond three cells from the axis: a few
    hits far out do not take all of the change.

    Args:
        energy: (n, n_hits), 0 where a shower has fewer hits.
        layer: (n, n_hits) of each hit.
        sums: (n, n_layers) of the energy in each layer, which stay.
        powers: (n, n_hits, 5) x, y, x^2, y^2 and r, in cells from the axis.
        wanted: (n, 5) sums of energy times powers.

    Returns:
        (n, n_hits).
    """
    level = 1 + powers[..., 4:] ** 2 / _CORE**2
    root = level.sqrt()
    basis = powers / torch.cat([root, root, level, level, root], dim=-1)
    return _tilted(energy, layer, sums, basis, powers, wanted)


def _tilted(
    energy: Tensor, group: Tensor, sums: Tensor, basis: Tensor, powers: Tensor, wanted: Tensor
) -> Tensor:
    """Energies (n, m) times exp(basis tilt), their sums in groups kept, whose sums with powers are wanted.

    Args:
        group: (n, m) number of the group.
        sums: (n, n_groups) of the energy in each.
        basis, powers: (n, m, k).
        wanted: (n, k).
    """
    if not energy.shape[1]:
        return energy
    index = group[..., None].expand_as(powers)
    inverse = (1 / sums.clamp_min(_LEAST))[..., None]

    def changed(tilt: Tensor) -> Tensor:
        found = energy * (basis @ tilt[..., None])[..., 0].clamp(-_LARGEST, _LARGEST).exp()
        norm = torch.zeros_like(sums).scatter_add_(1, group, found)
        return found * (sums / norm.clamp_min(_LEAST)).gather(1, group)

    best = tilt = torch.zeros_like(wanted)
    step, least = best, torch.full_like(wanted[:, :1], torch.inf)
    for _ in range(_STEPS):
        weight = changed(tilt)[..., None]
        weighted = weight * powers
        missing = wanted - weighted.sum(1)
        off = (missing / (weighted.abs().sum(1) + _LEAST)).square().sum(1, keepdim=True)
        # In groups, since the sum of each stays.
        empty = powers.new_zeros(*sums.shape, powers.shape[2])
        of_power = empty.scatter_add(1, index, weighted)
        of_basis = empty.scatter_add(1, index, weight * basis)
        slope = weighted.transpose(1, 2) @ basis - of_power.transpose(1, 2) @ (of_basis * inverse)
        better = off < least
        step = torch.where(better, _newton(slope, missing, basis), step / 2)
        best, least = torch.where(better, tilt, best), torch.minimum(off, least)
        tilt = best + step
    return changed(best)


def _newton(slope: Tensor, missing: Tensor, basis: Tensor) -> Tensor:
    """Newton's step, (n, k), with a ridge where too few hits can be changed, and a bound on all factors."""
    size = slope.diagonal(dim1=1, dim2=2).abs().amax(1, keepdim=True).clamp_min(_LEAST)
    ridge = _RIDGE * torch.eye(slope.shape[1], dtype=slope.dtype, device=slope.device)
    step = torch.linalg.solve(slope / size[..., None] + ridge, (missing / size)[..., None])
    change = (basis @ step).abs().amax(1)
    return step[..., 0] * (_LONGEST / change.clamp_min(_LONGEST))
