"""The hurdle likelihood of sparse positive values: hit or not, and the value of a hit."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_N_KNOTS = 65
_LAST_SCORE = 3.5
_LEAST_STEP = 1e-5
LOG_SCALE_RANGE = (-4.0, 2.0)


def hurdle_nll(hit: Tensor, score: Tensor, logit: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Minus the log likelihood of each value, up to ln(2 pi) / 2 per hit; any shape, nats.

    A value is a hit with the probability sigmoid(logit); the score of a hit is normal.

    Args:
        hit: bool.
        score: what is normal for a hit: the logarithm of the value, or its normal score; finite everywhere.
        logit, location, log_scale: of the likelihood.
    """
    occupancy = functional.binary_cross_entropy_with_logits(logit, hit.to(logit.dtype), reduction="none")
    return occupancy + normal_nll(score, location, log_scale) * hit


def normal_nll(score: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Minus the log density of normal scores, up to ln(2 pi) / 2; any shape, nats."""
    return 0.5 * ((score - location) * (-log_scale).exp()).square() + log_scale


def sparse_hurdle_nll(at: Tensor, score: Tensor, maps: Tensor) -> Tensor:
    """The sum of `hurdle_nll` over the cells of each row, where few cells are hit, (n,) nats.

    Only the softplus of the logits runs over all cells: a row of 27,000 cells and 500 hits costs a third of
    the dense form.

    Args:
        at: (n_hits,) place of each hit among the n * n_cells cells of all rows, rising.
        score: (n_hits,) of each hit.
        maps: (n, 3, n_cells) logit, location and log scale, which is clamped.
    """
    n_cells = maps.shape[2]
    owner = at // n_cells
    flat, first = maps.flatten(), at + owner * 2 * n_cells
    logit, location, log_scale = (flat[first + number * n_cells] for number in range(3))
    hits = normal_nll(score, location, log_scale.clamp(*LOG_SCALE_RANGE)) - logit
    return functional.softplus(maps[:, 0]).sum(1).index_add(0, owner, hits)


class NormalScores(nn.Module):
    """A monotone map of positive values, at which the measured sample is standard normal; not trained.

    It is linear in the logarithm of the value between quantiles. The edges and the peaks that all values
    share (a threshold, minimum ionising particles) are thus in the map, and a normal in the score is a good
    likelihood where a log-normal would wash them out.
    """

    logs: Tensor
    scores: Tensor
    lowest: Tensor

    def __init__(self) -> None:
        super().__init__()
        scores = torch.linspace(-_LAST_SCORE, _LAST_SCORE, _N_KNOTS)
        self.register_buffer("scores", scores)
        self.register_buffer("logs", scores.clone())
        self.register_buffer("lowest", torch.tensor(-_LAST_SCORE))

    @torch.no_grad()
    def measure(self, values: Tensor) -> None:
        """Take the quantiles of positive values, (n,), n at least 1."""
        logs = values.log().sort().values
        position = torch.special.ndtr(self.scores.double().cpu()) * (len(logs) - 1)
        below = position.long().clamp_max(max(0, len(logs) - 2))
        above = (below + 1).clamp_max(len(logs) - 1)
        knots = torch.lerp(logs[below].double(), logs[above].double(), position - below)
        # Rounded values repeat; a map needs a slope between any two knots.
        ramp = _LEAST_STEP * torch.arange(_N_KNOTS, dtype=torch.float64)
        self.logs.copy_(knots + ramp)
        self.lowest.copy_(logs[0])

    def forward(self, values: Tensor) -> Tensor:
        """Normal score of positive values, any shape."""
        return _interpolate(values.log(), self.logs, self.scores)

    def inverse(self, scores: Tensor) -> Tensor:
        """Value of normal scores, any shape; not below the least value that was measured."""
        return _interpolate(scores, self.scores, self.logs).clamp_min(self.lowest).exp()


def _interpolate(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Piecewise linear function through (x, y), extrapolated by its outer pieces."""
    piece = (torch.searchsorted(x, at.contiguous()) - 1).clamp(0, len(x) - 2)
    slope = (y.diff() / x.diff())[piece]
    return y[piece] + (at - x[piece]) * slope
