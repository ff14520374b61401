"""How far a reconstruction is from its input: squared error, and distances of sets of constituents.

The squared error compares number with number, so two listings of the same constituents in another order are
far apart. The Chamfer distance and optimal transport compare sets: order does not matter, and a constituent
that moved a little costs a little. Every function works on tensors of any leading shape, without a loop over
jets, inside `torch.func.vmap` and `grad` as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_TINY = 1e-12


def squared_error(inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Mean over the last axis of the squared differences; (..., d) to (...)."""
    return (outputs - inputs).square().mean(dim=-1)


def _distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Squared distances (..., n, m) of points (..., n, d) and (..., m, d)."""
    # From differences: products would lose the digits of close points.
    return (first[..., :, None, :] - second[..., None, :, :]).square().sum(dim=-1)


def chamfer(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Chamfer distance of sets of points (arXiv:1612.00603, eq. 1, with means in the place of sums).

    Mean over each set of the squared distance to the nearest point of the other set. It is 0 exactly if each
    point of one set is in the other too, however often.

    Args:
        first: (..., n, d) points.
        second: (..., m, d) points.

    Returns:
        (...) distances, in squared units of the points.
    """
    squared = _distances(first, second)
    return squared.amin(dim=-1).mean(dim=-1) + squared.amin(dim=-2).mean(dim=-1)


def _soft_potential(log_weight: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
    """-log sum_j exp(log_weight_j + scaled_ij) over the last axis."""
    return -(log_weight[..., None, :] + scaled).logsumexp(dim=-1)


def _entropic(
    log_first: torch.Tensor, log_second: torch.Tensor, cost: torch.Tensor, blur: float, iterations: int
) -> torch.Tensor:
    """Dual value of entropic transport (arXiv:1810.08278) after Sinkhorn's iterations.

    At the fixed point the value has no slope along the potentials, so its gradient with respect to costs and
    weights is that at constant potentials (the envelope theorem): no iteration is recorded.
    """
    import torch

    fixed_first, fixed_second = log_first.detach(), log_second.detach()
    scaled = -cost.detach() / blur
    turned = scaled.transpose(-1, -2)
    # Potentials in units of blur.
    u, v = torch.zeros_like(fixed_first), torch.zeros_like(fixed_second)
    for _ in range(iterations):
        u = _soft_potential(fixed_second + v, scaled)
        v = _soft_potential(fixed_first + u, turned)
    plan = (log_first + u)[..., :, None] + (log_second + v)[..., None, :] - cost / blur
    value = (log_first.exp() * u).sum(dim=-1) + (log_second.exp() * v).sum(dim=-1)
    return blur * (value + 1 - plan.exp().sum(dim=(-2, -1)))


def transport(
    first: torch.Tensor,
    first_weight: torch.Tensor,
    second: torch.Tensor,
    second_weight: torch.Tensor,
    radius: float = 1.0,
    blur: float = 0.01,
    iterations: int = 30,
) -> torch.Tensor:
    """Optimal transport of weighted points: the energy mover's distance of jets (arXiv:1902.02346, eq. 1).

    The least sum_ij f_ij |x_i - y_j| / R over flows f that carry one distribution to the other; both are
    normalised here, so that the term for a difference in energy is 0. It is solved with an entropy of
    strength `blur` (arXiv:1306.0895) and the bias that this brings is taken off, S(a, b) = W(a, b) -
    W(a, a) / 2 - W(b, b) / 2 (arXiv:1810.08278): equal sets are at distance 0, and S tends to the exact
    distance as blur falls, while the iterations that it takes rise as 1 / blur.

    Args:
        first: (..., n, d) positions, here (delta eta, delta phi) in radian.
        first_weight: (..., n) 0 or more, here pt; only ratios matter. Points of weight 0 are not there.
        second: (..., m, d).
        second_weight: (..., m).
        radius: R, radian.
        blur: strength of the entropy, in the units of the result.
        iterations: of Sinkhorn.

    Returns:
        (...) in units of radius.
    """
    log_first, log_second = (
        (weight / weight.sum(dim=-1, keepdim=True).clamp_min(_TINY)).clamp_min(_TINY).log()
        for weight in (first_weight, second_weight)
    )
    pairs = (
        (first, log_first, second, log_second),
        (first, log_first, first, log_first),
        (second, log_second, second, log_second),
    )
    values = []
    for x, log_x, y, log_y in pairs:
        # The root has no slope at 0; a point that stands on another one pulls nothing.
        cost = (_distances(x, y) + _TINY).sqrt() / radius
        values.append(_entropic(log_x, log_y, cost, blur, iterations))
    return values[0] - 0.5 * (values[1] + values[2])


def points_of(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions (..., k, 2) and pt (..., k) of flat rows (..., 3 k) of (pt, delta eta, delta phi)."""
    points = rows.unflatten(-1, (-1, 3))
    return points[..., 1:], points[..., 0]
