"""Velocity of showers or images by a transformer over patches of cells.

A patch becomes a token; time and what is known of the shower shift and scale the tokens in each block and
gate its two halves (adaptive layer norms, arXiv:2212.09748, section 3.2), as in arXiv:2405.09629.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut import showers
from resonaut.nn.networks.velocity import TimeWaves


def cartesian_patches(dims: Sequence[int], patch: Sequence[int]) -> Tensor:
    """Cells of each patch of a grid, (n_patches, cells_per_patch) int64; -1 where it leaves the grid.

    Args:
        dims: layers, rows, columns.
        patch: the same of a patch.
    """
    number = torch.arange(math.prod(dims)).reshape(*dims)
    fill = [(-size) % side for size, side in zip(dims, patch, strict=True)]
    padded = functional.pad(number, (0, fill[2], 0, fill[1], 0, fill[0]), value=-1)
    for axis, side in enumerate(patch):
        padded = padded.unflatten(2 * axis, (-1, side))
    return padded.permute(0, 2, 4, 1, 3, 5).reshape(-1, math.prod(patch))


def layer_patches(layer: Tensor, size: int) -> Tensor:
    """Cells of each patch, where a patch is `size` neighbours of one layer; -1 beyond the layer's last.

    Args:
        layer: (n_cells,) layer of each cell, rising.
        size: cells per patch.
    """
    rows = [functional.pad(cells, (0, -len(cells) % size), value=-1) for cells in cells_of_layers(layer)]
    return torch.cat(rows).reshape(-1, size)


def cells_of_layers(layer: Tensor) -> list[Tensor]:
    """Cells of each layer, from the layer of each cell, (n_cells,), rising."""
    return list(torch.arange(len(layer)).split(torch.bincount(layer).tolist()))


def patches_of(geometry: Mapping[str, Any], patch: Sequence[int]) -> Tensor:
    """Cells of each patch of a geometry; see `showers`. Patches of cylinders stay inside a layer."""
    if geometry["kind"] == "cartesian":
        return cartesian_patches(geometry["shape"], patch)
    return layer_patches(torch.from_numpy(showers.cell_layer(geometry)).long(), math.prod(patch))


def layers_of_patches(patches: Tensor, layer: Tensor) -> Tensor:
    """Layers that each patch has cells of, (n_patches, k) int64, the last one again where there are fewer.

    Args:
        patches: (n_patches, patch) cells, -1 for none.
        layer: (n_cells,) layer of each cell.
    """
    found = [torch.unique(layer[cells[cells >= 0]]) for cells in patches]
    most = max(len(layers) for layers in found)
    return torch.stack([torch.cat([own, own[-1:].expand(most - len(own))]) for own in found])


class _Block(nn.Module):
    """Attention and a dense network, each behind an adaptive norm and a gate that begins at 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.change = nn.Linear(width, 6 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, tokens: Tensor, given: Tensor) -> Tensor:
        factor, shift, gate, factor2, shift2, gate2 = self.change(given)[:, None].chunk(6, dim=2)
        inside = self.query_key_value(self.norm(tokens) * (1 + factor) + shift)
        query, key, value = inside.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + gate * self.out(seen.transpose(1, 2).flatten(2))
        inside = self.first(self.norm(tokens) * (1 + factor2) + shift2)
        return tokens + gate2 * self.second(functional.gelu(inside, approximate="tanh"))


class PatchVelocity(nn.Module):
    """Velocity of the cells of patches.

    Args:
        n_patches: tokens.
        patch: cells per patch.
        n_context: length of what is known of a shower.
        width: of a token.
        blocks: of the transformer.
        heads: of its attention; they divide the width.
        own: (n_patches, k) columns of the context that each patch sees besides: those of its layers.
    """

    def __init__(
        self,
        n_patches: int,
        patch: int,
        n_context: int,
        width: int,
        blocks: int,
        heads: int,
        own: Tensor | None = None,
    ) -> None:
        super().__init__()
        own = torch.zeros(n_patches, 0, dtype=torch.int64) if own is None else own
        self.register_buffer("own", own, persistent=False)
        self.waves = TimeWaves()
        self.given = nn.Sequential(
            nn.Linear(self.waves.n_outputs + n_context, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.first = nn.Linear(patch + own.shape[1], width)
        self.place = nn.Parameter(0.02 * torch.randn(n_patches, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.change = nn.Linear(width, 2 * width)
        self.last = nn.Linear(width, patch)
        for layer in (self.change, self.last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Velocity, (n, n_patches, patch).

        Args:
            values: (n, n_patches, patch).
            time: (n,) from 0 (noise) to 1 (data).
            context: (n, n_context).
        """
        given = self.given(torch.cat([self.waves(time), context], dim=1))
        tokens = self.first(torch.cat([values, context[:, self.own]], dim=2)) + self.place
        for block in self.blocks:
            tokens = block(tokens, given)
        factor, shift = self.change(given)[:, None].chunk(2, dim=2)
        return self.last(self.norm(tokens) * (1 + factor) + shift)

    @property
    def n_multiplications(self) -> int:
        """Products of matrices in one evaluation for one shower: multiplications with an addition."""
        n, width = self.place.shape
        per_token = (self.first.in_features + self.last.out_features) * width
        per_token += len(self.blocks) * (12 * width**2 + 2 * n * width)
        once = sum(layer.weight.numel() for layer in self.given if isinstance(layer, nn.Linear))
        return n * per_token + once + (6 * len(self.blocks) + 2) * width**2
