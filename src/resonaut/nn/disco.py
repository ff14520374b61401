"""Distance correlation of a network's output and a variable that it must not follow: DisCo, arXiv:2001.05310.

With a_ij = |x_i - x_j|, b_ij = |y_i - y_j| and weights p_i that add up to 1, A and B are a and b minus their
weighted means over rows and over columns plus that over both; dCov^2(x, y) = sum_ij p_i p_j A_ij B_ij and
dCorr^2(x, y) = dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y)) (Szekely, Rizzo, Bakirov, arXiv:0803.4101,
equations 2.8 to 2.10). It is 0 if x and y are independent, and only then, and 1 if one is a linear function
of the other; of n independent pairs it is of the order of 1 / n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_PAIRS = 2**24
"""Pairs of rows that are looked at together."""


@dataclass(frozen=True)
class DistanceCorrelation:
    """Strength times dCorr^2 of sigmoid(output) and a variable, over the rows of a batch, with their weights.

    Attributes:
        variable: (n_rows,) of the shared table, such as the mass.
        strength: lambda of arXiv:2001.05310, equation 4.
    """

    variable: torch.Tensor
    strength: float

    def __call__(
        self, output: torch.Tensor, rows: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value for each network, and the gradient with respect to its output.

        Args:
            output: (n_networks, n_batch, 1) log odds.
            rows: (n_networks, n_batch) rows of the shared table.
            weight: (n_networks, n_batch); rows of weight 0 do not count.

        Returns:
            (n_networks,) and (n_networks, n_batch, 1).
        """
        import torch

        score = torch.sigmoid(output[..., 0])
        value, slope = squared(score, self.variable[rows].to(score.dtype), weight)
        return self.strength * value, (self.strength * slope * score * (1 - score))[..., None]


def squared(
    x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """dCorr^2 of each line and its gradient with respect to x.

    Args:
        x, y: (n_lines, n).
        weight: (n_lines, n), 0 or more; None: all 1.

    Returns:
        (n_lines,), 0 where x or y is constant, and (n_lines, n).
    """
    import torch

    weight = torch.ones_like(x) if weight is None else weight
    p = weight / weight.sum(1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    lines = max(1, _PAIRS // x.shape[1] ** 2)
    parts = [_squared(*part) for part in zip(x.split(lines), y.split(lines), p.split(lines), strict=True)]
    return torch.cat([value for value, _ in parts]), torch.cat([slope for _, slope in parts])


def _squared(x: torch.Tensor, y: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As `squared`, with weights that add up to 1.

    In the order of x, sign(x_i - x_j) is known beforehand, and all that needs pairs of rows is s_i, the sum
    of p_j sign(x_i - x_j) |y_i - y_j|: sum_ij p_i p_j a_ij b_ij is 2 sum_i p_i x_i s_i.
    """
    import torch

    order = torch.argsort(x, dim=1, stable=True)
    x, y, p = (values.gather(1, order) for values in (x, y, p))
    # Scales do not matter: with both of order 1 single precision keeps its digits.
    x, scale = _standard(x, p)
    y, _ = _standard(y, p)
    distance = (y[:, :, None] - y[:, None, :]).abs_()
    mean_y = torch.bmm(distance, p[:, :, None])[..., 0]
    signed = torch.bmm(distance.mul_(_signs(x)), p[:, :, None])[..., 0]
    sign = _signed_sum(p, torch.ones_like(p))
    mean_x = x * sign - _signed_sum(p, x)
    all_x, all_y = ((p * mean).sum(1, keepdim=True) for mean in (mean_x, mean_y))
    x_y = ((2 * x * signed - 2 * mean_x * mean_y) * p).sum(1, keepdim=True) + all_x * all_y
    x_x = 2 * ((x.square() - mean_x.square()) * p).sum(1, keepdim=True) + all_x.square()
    y_y = 2 * ((y.square() - mean_y.square()) * p).sum(1, keepdim=True) + all_y.square()
    usable = (x_x > 0) & (y_y > 0)
    x_x, norm = torch.where(usable, x_x, 1), torch.where(usable, x_x * y_y, 1).sqrt()
    value = torch.where(usable, x_y / norm, 0)
    # d a_ij / d x_i = sign(x_i - x_j). Centring is a projection: centred distances need not be centred again.
    of_y = signed - (mean_y - all_y) * sign - _signed_sum(p, mean_y)
    of_x = x - (mean_x - all_x) * sign - _signed_sum(p, mean_x)
    slope = torch.where(usable, 2 * p / scale * (of_y / norm - value / x_x * of_x), 0)
    return value[:, 0], torch.zeros_like(slope).scatter_(1, order, slope)


def _standard(values: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values with weighted mean 0 and standard deviation 1, and what they were divided by (n_lines, 1).

    Lines whose values are the same up to rounding become 0.
    """
    import torch

    smallest = 8 * torch.finfo(values.dtype).eps * values.abs().amax(1, keepdim=True)
    values = values - (p * values).sum(1, keepdim=True)
    deviation = (p * values.square()).sum(1, keepdim=True).sqrt()
    constant = deviation <= smallest
    deviation = torch.where(constant, 1, deviation)
    return torch.where(constant, 0, values / deviation), deviation


def _signs(x: torch.Tensor) -> torch.Tensor:
    """(n, n) sign of i - j."""
    import torch

    place = torch.arange(x.shape[1], device=x.device)
    return (place[:, None] - place).sign().to(x.dtype)


def _signed_sum(p: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Sum over j of p_j sign(i - j) v_j, (n_lines, n)."""
    each = p * values
    upto = each.cumsum(1)
    return 2 * upto - each - upto[:, -1:]
