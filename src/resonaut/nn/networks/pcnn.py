"""P-CNN: one-dimensional residual convolutions along the constituents (arXiv:1902.08570).

The tagger of arXiv:1902.09914 by that name, after the particle branch of CMS's DeepAK8 (arXiv:2004.08262).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.heads import ClassifierHead
from resonaut.nn.networks.masked import MaskedBatchNorm, masked_mean


class _Convolution(nn.Module):
    """A convolution along the constituents, batch normalisation and ReLU; padding stays 0."""

    def __init__(self, n_features: int, n_channels: int, stride: int = 1) -> None:
        super().__init__()
        # No bias: the normalisation behind it would take it off again.
        self.weight = nn.Conv1d(n_features, n_channels, 3, stride=stride, padding=1, bias=False)
        self.norm = MaskedBatchNorm(n_channels, relu=True)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        return self.norm(self.weight(values.transpose(1, 2)).transpose(1, 2), mask)


class ResidualUnit(nn.Module):
    """Two convolutions of kernel size 3 and a shortcut (arXiv:1512.03385), along the constituents.

    Args:
        n_features: inputs of each place.
        n_channels: outputs of each place.
        stride: step of the first convolution; 2 halves the length.
    """

    def __init__(self, n_features: int, n_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.first = _Convolution(n_features, n_channels, stride)
        self.second = _Convolution(n_channels, n_channels)
        same = n_features == n_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Linear(n_features, n_channels, bias=False)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (n, length, n_channels) and their mask (n, length) from values and mask of an input."""
        after = mask[:, :: self.stride]
        out = self.second(self.first(values, after), after)
        return self.shortcut(values[:, :: self.stride]) + out, after


class ParticleCNN(nn.Module):
    """Convolutions along the constituents in the order of pt, their mean, dense layers.

    Zeros stand behind the last real constituent, and normalisations and the mean see real ones only: how far
    a batch is padded changes nothing.

    Args:
        n_features: inputs per constituent.
        channels: of the first convolution, then of the residual units of each stage; a stage behind another
            begins with a step of two constituents.
        f: sizes of the hidden layers after the mean.
        dropout: fraction dropped before the last layer.
        n_outputs: 1 for the log odds of signal, else the number of classes.
    """

    def __init__(
        self,
        n_features: int,
        channels: Sequence[Sequence[int]] = ((32,), (64, 64), (64, 64), (128, 128)),
        f: Sequence[int] = (512,),
        *,
        dropout: float = 0.5,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.standardise = Standardise(n_features)
        self.norm = MaskedBatchNorm(n_features)
        (first,), *stages = channels
        self.first = _Convolution(n_features, first)
        sizes = [first, *itertools.chain.from_iterable(stages)]
        strides = [2 if i == 0 and n else 1 for n, stage in enumerate(stages) for i in range(len(stage))]
        self.units = nn.ModuleList(
            ResidualUnit(*pair, stride)
            for pair, stride in zip(itertools.pairwise(sizes), strides, strict=True)
        )
        self.head = ClassifierHead(sizes[-1], f, n_outputs=n_outputs, dropout=dropout)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Features of jets before the dense layers, (n_jets, channels[-1][-1])."""
        values = self.standardise(torch.where(mask[..., None], values, 0))
        values = self.first(self.norm(values, mask), mask)
        for unit in self.units:
            values, mask = unit(values, mask)
        return masked_mean(values, mask)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_features), sorted by pt; whatever stands where the mask is
                false.
            mask: (n_jets, n_constituents), true where a constituent is real; real ones stand first.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        return self.head(self.encode(values, mask))
