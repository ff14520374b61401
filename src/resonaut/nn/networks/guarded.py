"""A network and an adversary that reads its output, trained at once by reversing the gradient between them.

The adversary steps down its own cross-entropy; the network steps up it, lambda times, and down its own loss
(gradient reversal: arXiv:1409.7495, equation 10; what is guessed from the output: arXiv:1611.01046, equation
3, and in bins of the mass arXiv:1703.03507, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import dense

_STEEP = 10.0
"""gamma of arXiv:1409.7495, section 5.2.2."""


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, slope: Tensor) -> tuple[Tensor, None]:
        return -context.strength * slope, None


def reversed_gradient(values: Tensor, strength: float) -> Tensor:
    """The values, whose gradient is multiplied by -`strength` on its way back."""
    return _Reversed.apply(values, strength)


class Guarded(nn.Module):
    """A network with an adversary.

    Args:
        network: its output is one logit per row.
        n_groups: what the adversary guesses is one of so many.
        hidden: layers of the adversary.
        strength: lambda at the end; it rises from 0 as 2 / (1 + exp(-10 p)) - 1 with the fraction p of
            `n_rows` (arXiv:1409.7495, section 5.2.2), since a young adversary leads nowhere.
        n_rows: training rows after which it is nearly all there.
    """

    def __init__(
        self, network: nn.Module, n_groups: int, hidden: Sequence[int], strength: float, n_rows: int
    ) -> None:
        super().__init__()
        self.network = network
        self.adversary = dense((1, *hidden, n_groups), last_activation=False)
        self.strength, self.n_rows, self.n_groups = strength, n_rows, n_groups
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits of the network, (n,)."""
        logits = self.network(*inputs)
        if self.training:
            self.seen += len(logits)
        return logits

    def current(self) -> float:
        """lambda now."""
        fraction = min(float(self.seen) / self.n_rows, 1.0)
        return self.strength * (2 / (1 + math.exp(-_STEEP * fraction)) - 1)

    def game(self, logits: Tensor, group: Tensor, chosen: Tensor) -> Tensor:
        """What is added to the loss of each row, (n,): minus lambda times the mean cross-entropy.

        Its gradient with respect to the adversary is that of the cross-entropy, and with respect to the
        network minus lambda times that. The value is capped at the entropy of an adversary that knows
        nothing: where one does worse, the network has only moved away from it, and an epoch must not be
        chosen for that.

        Args:
            logits: (n,) of the network.
            group: (n,) int64, what there is to guess.
            chosen: (n,) bool, rows that are looked at.
        """
        strength = self.current()
        guess = self.adversary(reversed_gradient(logits.float(), strength)[:, None])
        loss = nn.functional.cross_entropy(guess, group, reduction="none") * chosen
        mean = loss.detach().sum() / chosen.sum().clamp(min=1)
        return loss - loss.detach() - strength * mean.clamp(max=math.log(self.n_groups)) * chosen
