"""Transformer over the constituents of a jet with class attention: Particle Transformer (arXiv:2202.03772).

With pair features it is ParT, without them the plain transformer of the same paper (section 5, table 3:
2.14M and 2.13M parameters with 17 inputs and 10 classes).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.masked import MaskedBatchNorm
from resonaut.nn.networks.sliced import in_slices
from resonaut.nn.pairs import NAMES, Pairs, pairs_of_cloud


class Attention(nn.Module):
    """Multi-head attention (arXiv:1706.03762, section 3.2); heads have learned scales (arXiv:2110.09456).

    Args:
        width: length of a token.
        n_heads: heads; they divide `width`.
        dropout: share of attention weights dropped in training. The CPU's fused kernel knows no dropout.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.head_scale = nn.Parameter(torch.ones(n_heads))
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, tokens: Tensor, attend: Tensor) -> Tensor:
        """Updates of the queries, (n_jets, n_queries, width).

        Args:
            queries: (n_jets, n_queries, width).
            tokens: (n_jets, n_tokens, width).
            attend: shape that broadcasts to (n_jets, n_heads, n_queries, n_tokens): true where a token is
                seen; or what is added to the logarithm of the attention, -inf where it is not seen.
        """
        query = self._heads(self.query(queries))
        key, value = (self._heads(part) for part in self.key_value(tokens).chunk(2, dim=-1))
        if attend.is_floating_point():
            attend = attend.to(query.dtype)
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attend, dropout_p=self.dropout if self.training else 0.0
        )
        seen = seen * self.head_scale[:, None, None]
        return self.out(seen.transpose(1, 2).flatten(2))

    def _heads(self, values: Tensor) -> Tensor:
        """(n_jets, n, width) as (n_jets, n_heads, n, width / n_heads)."""
        return values.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention and a dense part, each between layer normalisations, with scaled residuals (arXiv:2202.03772,
    section 4; NormFormer, arXiv:2110.09456).

    Args:
        width: length of a token.
        n_heads: heads of the attention.
        dropout: share of values dropped in training.
        attention_dropout: share of attention weights dropped in training.
        expansion: width of the hidden layer over `width`.
    """

    def __init__(
        self, width: int, n_heads: int, dropout: float, attention_dropout: float, expansion: int = 4
    ) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, n_heads, attention_dropout)
        self.after_attention = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.LayerNorm(expansion * width),
            nn.Linear(expansion * width, width),
            nn.Dropout(dropout),
        )
        self.residual_scale = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, attend: Tensor, n_updated: int | None = None) -> Tensor:
        """The leading `n_updated` tokens (all, if absent) after they saw all of them.

        Args:
            tokens: (n_jets, n_tokens, width).
            attend: see `Attention.forward`.
            n_updated: 1 is class attention (arXiv:2103.17239, section 3): the class token alone learns.
        """
        normed = self.before_attention(tokens)
        update = self.attention(normed[:, :n_updated], normed, attend)
        tokens = tokens[:, :n_updated] + self.dropout(self.after_attention(update))
        return self.residual_scale * tokens + self.dense(tokens)


class PairBias(nn.Module):
    """Pair features as a bias of each head's attention, by a network of 1x1 convolutions (section 4).

    Pairs are symmetric: each is computed once. A constituent has no bias towards itself.

    Args:
        hidden: channels of the hidden layers.
        n_heads: heads of the attention.
    """

    def __init__(self, hidden: Sequence[int], n_heads: int) -> None:
        super().__init__()
        sizes = [len(NAMES), *hidden, n_heads]
        self.n_heads = n_heads
        self.standardise = MaskedBatchNorm(len(NAMES))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.norms = nn.ModuleList(MaskedBatchNorm(size) for size in sizes[1:])

    def forward(self, pairs: Pairs) -> Tensor:
        """Bias of the attention, (n_jets, n_heads, n_constituents, n_constituents); arbitrary for padding."""
        if torch.compiler.is_exporting():
            return self._exported(pairs)
        length = pairs.mask.shape[1]
        a, b = torch.triu_indices(length, length, offset=1, device=pairs.mask.device)
        values = self._of(pairs.values[:, a, b], pairs.mask[:, a, b]).transpose(1, 2)
        bias = values.new_zeros(len(values), self.n_heads, length * length)
        bias = bias.index_copy(2, a * length + b, values).index_copy(2, b * length + a, values)
        return bias.unflatten(2, (length, length))

    def _of(self, values: Tensor, mask: Tensor) -> Tensor:
        """Bias of each pair, (n_jets, n_pairs, n_heads); 0 where the mask is false."""
        values = self.standardise(values, mask)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            values = functional.gelu(norm(layer(values), mask))
        return values

    def _exported(self, pairs: Pairs) -> Tensor:
        """As `forward`, for graphs of any length: `triu_indices` would keep the length of the example."""
        length = pairs.mask.shape[1]
        place = torch.arange(length, device=pairs.mask.device)
        later, earlier = torch.maximum(place[:, None], place), torch.minimum(place[:, None], place)
        number = torch.arange(length * (length - 1) // 2, device=pairs.mask.device)
        # Pairs (0, 1), (0, 2), (1, 2), (0, 3) ...: b (b - 1) / 2 of them come before those of b. The root is
        # exact where it is whole.
        b = ((1 + (1 + 8 * number.double()).sqrt()) / 2).floor().long()
        a = number - b * (b - 1) // 2
        values = self._of(pairs.values[:, a, b], pairs.mask[:, a, b])
        # A constituent with itself is the pair in front of all.
        values = functional.pad(values, (0, 0, 1, 0))
        chosen = torch.where(later == earlier, 0, later * (later - 1) // 2 + earlier + 1)
        bias = values.index_select(1, chosen.flatten()).unflatten(1, (length, length))
        return bias.permute(0, 3, 1, 2)


class ParticleTransformer(nn.Module):
    """Blocks over constituents, then class attention, then a linear layer; order and padding do not matter.

    Normalised inputs come from `standardise`, which is measured once, where the paper has a batch
    normalisation; heads are scaled before they are mixed, as arXiv:2110.09456 has it.

    Args:
        inputs: columns of the clouds; with pair features log_pt, delta_eta and delta_phi must be among them.
        n_outputs: 1 for log odds, or the number of classes.
        embed: layers that make a token of a constituent; the last one is the width of tokens.
        n_heads: heads of the attention; they divide the width.
        n_blocks: blocks over constituents.
        n_class_blocks: blocks of class attention.
        pair_hidden: hidden channels of `PairBias`; None for the plain transformer, whose attention is one
            fused kernel without a matrix of weights in memory.
        dropout, attention_dropout: of the blocks over constituents; class blocks have none.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        n_outputs: int = 1,
        *,
        embed: Sequence[int] = (128, 512, 128),
        n_heads: int = 8,
        n_blocks: int = 8,
        n_class_blocks: int = 2,
        pair_hidden: Sequence[int] | None = None,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width = embed[-1]
        self.inputs = tuple(inputs)
        self.standardise = Standardise(len(inputs))
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([len(inputs), *embed]):
            layers += [nn.LayerNorm(before), nn.Linear(before, after), nn.GELU()]
        self.embed = nn.Sequential(*layers)
        self.pair_bias = None if pair_hidden is None else PairBias(pair_hidden, n_heads)
        self._pair_width = 0 if pair_hidden is None else max((*pair_hidden, n_heads))
        self.blocks = nn.ModuleList(
            Block(width, n_heads, dropout, attention_dropout) for _ in range(n_blocks)
        )
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.class_blocks = nn.ModuleList(Block(width, n_heads, 0.0, 0.0) for _ in range(n_class_blocks))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, n_outputs)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Class token of each jet after all blocks, (n_jets, embed[-1]); arguments as of `forward`."""
        values = torch.where(mask[..., None], values, 0.0)
        tokens = self.embed(self.standardise(values))
        attend = self._attend(values, mask)
        for block in self.blocks:
            tokens = block(tokens, attend)
        class_token = self.class_token.expand(len(tokens), 1, -1).to(tokens.dtype)
        seen = functional.pad(mask, (1, 0), value=True)[:, None, None]
        for block in self.class_blocks:
            class_token = block(torch.cat([class_token, tokens], dim=1), seen, n_updated=1)
        return self.norm(class_token.squeeze(1))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Log odds or logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_inputs); whatever stands where the mask is false.
            mask: (n_jets, n_constituents), true where a constituent is real; a jet may have none.

        Returns:
            (n_jets,) log odds of signal, or (n_jets, n_outputs) logits of the classes.
        """
        if self.training:
            logits = self._logits(values, mask)
        else:
            pairs = mask.shape[1] * (mask.shape[1] - 1) // 2
            logits = in_slices(self._logits, pairs * self._pair_width, values, mask)
        return logits.squeeze(-1) if self.output.out_features == 1 else logits

    def _logits(self, values: Tensor, mask: Tensor) -> Tensor:
        return self.output(self.encode(values, mask))

    def _attend(self, values: Tensor, mask: Tensor) -> Tensor:
        """What each constituent sees: real ones, with the bias of pair features if there are any."""
        # A softmax over nothing is NaN in some kernels: empty jets see padding, which class tokens do not.
        empty = ~mask.any(dim=1, keepdim=True)
        seen = (mask | empty)[:, None, None]
        if self.pair_bias is None:
            return seen
        bias = self.pair_bias(pairs_of_cloud(values, mask, self.inputs))
        return bias.masked_fill(~seen, -torch.inf)
