"""Sets of points by flow matching with equivariant layers: EPiC (arXiv:2301.08128), EPiC-FM (2310.00049).

First how many points there are, given the conditions: a mixture of logistic distributions of whole numbers
(arXiv:1701.05517, section 2.1). Then all points at once from normal noise, along a velocity that treats them
alike: each layer updates a global vector from mean and sum of the points, and the points from the global
vector. So time and memory grow with the number of points, not with its square.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.flow_matching import Field, Solver, solve, uniform_times
from resonaut.nn.networks.jet_axis import JetAxis
from resonaut.nn.networks.scaled_conditions import ScaledConditions
from resonaut.nn.networks.velocity import TimeWaves

_LOG_SCALE_RANGE = (-5.0, 3.0)


class EpicLayer(nn.Module):
    """One layer of arXiv:2301.08128, section 3.1: equivariant in the points, residual in both parts.

    Args:
        hidden: numbers per point.
        n_global: numbers of the global vector.
        n_context: of the context, which only the global vector sees.
    """

    def __init__(self, hidden: int, n_global: int, n_context: int) -> None:
        super().__init__()
        self.pooled = nn.Linear(2 * hidden + n_global + n_context, hidden)
        self.to_global = nn.Linear(hidden, n_global)
        self.of_point = nn.Linear(hidden, hidden)
        self.of_global = nn.Linear(n_global, hidden, bias=False)
        self.to_point = nn.Linear(hidden, hidden)

    def forward(
        self, points: Tensor, mask: Tensor, whole: Tensor, context: Tensor, share: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Points (n, n_points, hidden) and global vector (n, n_global) after the layer.

        Args:
            points, whole: before it; points where the mask is 0 may be anything finite.
            mask: (n, n_points), 1 for a point and 0 for padding.
            context: (n, n_context).
            share: (n, 1) number of points over its mean in training.
        """
        total = (mask[:, None] @ points).squeeze(1)
        mean = total / mask.sum(1, keepdim=True).clamp_min(1)
        pooled = functional.leaky_relu(self.pooled(torch.cat([mean, mean * share, whole, context], dim=1)))
        whole = functional.leaky_relu(self.to_global(pooled) + whole)
        inside = functional.leaky_relu(self.of_point(points) + self.of_global(whole)[:, None])
        return functional.leaky_relu(self.to_point(inside) + points), whole


class SetVelocity(nn.Module):
    """Velocity of the points of a set.

    Args:
        n_columns: numbers per point.
        n_context: of what is known of the set.
        hidden, n_global: see `EpicLayer`.
        layers: of them.
    """

    def __init__(self, n_columns: int, n_context: int, hidden: int, n_global: int, layers: int) -> None:
        super().__init__()
        self.waves = TimeWaves()
        n_given = self.waves.n_outputs + n_context
        self.first = dense([n_columns, hidden, hidden], last_activation=True, activation="leaky_relu")
        self.start = dense([2 * hidden + n_given, hidden, n_global], last_activation=True)
        self.layers = nn.ModuleList(EpicLayer(hidden, n_global, n_given) for _ in range(layers))
        self.last = nn.Linear(hidden, n_columns)

    def forward(self, values: Tensor, mask: Tensor, time: Tensor, context: Tensor, share: Tensor) -> Tensor:
        """Velocity, (n, n_points, n_columns); whatever where the mask is 0.

        Args:
            values: (n, n_points, n_columns).
            mask: (n, n_points), 1 for a point and 0 for padding.
            time: (n,) from 0 (noise) to 1 (data).
            context: (n, n_context).
            share: (n, 1), see `EpicLayer`.
        """
        given = torch.cat([self.waves(time), context], dim=1)
        points = self.first(values)
        mean = (mask[:, None] @ points).squeeze(1) / mask.sum(1, keepdim=True).clamp_min(1)
        whole = self.start(torch.cat([mean, mean * share, given], dim=1))
        for layer in self.layers:
            points, whole = layer(points, mask, whole, given, share)
        return self.last(points)


class CountDistribution(nn.Module):
    """Distribution of a whole number given a context, from the smallest to the largest that was learnt from.

    Args:
        n_context: of what it depends on.
        hidden: width of its layer.
        components: logistic distributions in the mixture.
    """

    mean: Tensor
    width: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, n_context: int, hidden: int, components: int) -> None:
        super().__init__()
        self.network = dense([n_context, hidden, 3 * components], last_activation=False)
        with torch.no_grad():
            self.network[-1].bias[components : 2 * components].copy_(torch.linspace(-1, 1, components))
        for name, value in (("mean", 0.0), ("width", 1.0), ("lowest", 0.0), ("highest", 0.0)):
            self.register_buffer(name, torch.tensor(value))

    @torch.no_grad()
    def measure(self, counts: Tensor) -> None:
        """Take range, mean and width from (n,) counts."""
        counts = counts.float()
        self.mean.copy_(counts.mean())
        self.width.copy_(counts.std(correction=0).clamp_min(0.5))
        self.lowest.copy_(counts.min())
        self.highest.copy_(counts.max())

    def _mixture(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share, location, log_scale = self.network(context).chunk(3, dim=1)
        return share.log_softmax(1), location, log_scale.clamp(*_LOG_SCALE_RANGE)

    def log_prob(self, counts: Tensor, context: Tensor) -> Tensor:
        """Natural log of the probability of each of (n,) counts; the tails count to the ends of the range."""
        share, location, log_scale = self._mixture(context)
        counts = counts.to(location.dtype)[:, None]
        low, high = (
            ((counts + side - self.mean) / self.width - location) * (-log_scale).exp() for side in (-0.5, 0.5)
        )
        first, last = counts <= self.lowest, counts >= self.highest
        # sigmoid(high) - sigmoid(low), as a product: a difference has no digits left in the tails.
        above = functional.logsigmoid(-low).masked_fill(first, 0.0)
        below = functional.logsigmoid(high).masked_fill(last, 0.0)
        between = torch.log(-torch.expm1(low - high)).masked_fill(first | last, 0.0)
        return (share + above + below + between).logsumexp(1)

    def draw(self, context: Tensor) -> Tensor:
        """A count for each row of the context, (n,) int64."""
        share, location, log_scale = self._mixture(context)
        chosen = torch.multinomial(share.exp(), 1)
        uniform = torch.rand(len(context), 1, device=context.device).clamp(1e-7, 1 - 1e-7)
        values = location.gather(1, chosen) + log_scale.gather(1, chosen).exp() * torch.logit(uniform)
        counts = (values[:, 0] * self.width + self.mean).round()
        return counts.clamp(self.lowest, self.highest).long()


class SetFlow(nn.Module):
    """Point clouds by flow matching; see the module.

    Columns of whole numbers are learnt with uniform noise added, and rounded when drawn.

    Args:
        columns: of the points. `delta_r` is computed where delta_eta and delta_phi are there.
        conditions: names of the conditions of a cloud.
        hidden, n_global, layers: see `SetVelocity`.
        components: see `CountDistribution`.
        solver, steps: of the equation for draws.
        constrained: give the drawn points of a jet the total pt and the axis of a real jet, see `JetAxis`.
    """

    whole: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        columns: tuple[str, ...],
        conditions: Sequence[str],
        *,
        hidden: int,
        n_global: int,
        layers: int,
        components: int,
        solver: Solver,
        steps: int,
        constrained: bool,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.computed = ("delta_r",) if {"delta_r", "delta_eta", "delta_phi"} <= set(columns) else ()
        self.learnt = [number for number, name in enumerate(columns) if name not in self.computed]
        self.conditions = ScaledConditions(conditions)
        self.scale = Standardise(len(self.learnt))
        n_context = len(conditions)
        self.counts = CountDistribution(n_context, hidden, components)
        self.velocity = SetVelocity(len(self.learnt), n_context + 1, hidden, n_global, layers)
        self.axis = JetAxis(columns) if constrained and JetAxis.possible(columns) else None
        self.solver: Solver = solver
        self.steps = steps
        self.register_buffer("whole", torch.zeros(len(self.learnt), dtype=torch.bool))
        self.register_buffer("low", torch.zeros(len(self.learnt)))
        self.register_buffer("high", torch.zeros(len(self.learnt)))

    @torch.no_grad()
    def measure(self, padded: Tensor, mask: Tensor, conditions: Tensor) -> None:
        """Take all constants from clouds.

        Args:
            padded: (n, longest, n_columns).
            mask: (n, longest), true for a point.
            conditions: (n, n_conditions).
        """
        points = padded[mask][:, self.learnt]
        self.whole.copy_((points == points.round()).all(0))
        self.low.copy_(points.amin(0))
        self.high.copy_(points.amax(0))
        self.scale.measure(points)
        self.conditions.measure(conditions)
        self.counts.measure(mask.sum(1))
        if self.axis is not None:
            self.axis.measure(padded, mask)

    def _share(self, counts: Tensor) -> Tensor:
        return (counts.float() / self.counts.mean.clamp_min(1))[:, None]

    def _context(self, given: Tensor, counts: Tensor) -> Tensor:
        scaled = (counts.float() - self.counts.mean) / self.counts.width
        return torch.cat([given, scaled[:, None]], dim=1)

    def loss(self, padded: Tensor, mask: Tensor, conditions: Tensor) -> Tensor:
        """Squared error of the velocity at a random time, to which all points count alike.

        Args:
            padded: (n, longest, n_columns).
            mask: (n, longest), true for a point.
            conditions: (n, n_conditions).

        Returns:
            (n,).
        """
        counts, given = mask.sum(1), self.conditions(conditions)
        points = padded[..., self.learnt]
        points = points + (torch.rand_like(points) - 0.5) * self.whole
        real = mask.to(points.dtype)
        values = self.scale(points) * real[..., None]
        noise = torch.randn_like(values) * real[..., None]
        time = uniform_times(len(values), values)
        path = torch.lerp(noise, values, time[:, None, None])
        found = self.velocity(path, real, time, self._context(given, counts), self._share(counts))
        square = (found - (values - noise)).square().mean(2) * real
        return square.sum(1) / self.counts.mean.clamp_min(1)

    def field(self, mask: Tensor, conditions: Tensor) -> Field:
        """dx/dt of the scaled points of clouds with this mask, (n, longest), and these conditions."""
        counts, real = mask.sum(1), mask.float()
        context, share = self._context(self.conditions(conditions), counts), self._share(counts)

        def field(values: Tensor, time: float) -> Tensor:
            times = values.new_full((len(values),), time)
            return self.velocity(values, real, times, context, share) * real[..., None]

        return field

    @torch.no_grad()
    def sample(self, conditions: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Draw a cloud for each row of (n, n_conditions).

        Args:
            conditions: of each cloud.
            steps: of the solver, instead of the network's own number.

        Returns:
            Points (n, longest, n_columns), 0 where there is none, and the mask (n, longest).
        """
        counts = self.counts.draw(self.conditions(conditions))
        longest = max(1, int(counts.max())) if len(counts) else 1
        mask = torch.arange(longest, device=counts.device) < counts[:, None]
        noise = torch.randn(*mask.shape, len(self.learnt), device=counts.device) * mask[..., None]
        values = solve(self.field(mask, conditions), noise, self.solver, steps or self.steps)
        points = values * self.scale.width + self.scale.mean
        rounded = points.round().clamp(self.low, self.high)
        points = torch.where(self.whole, rounded, points)
        padded = points.new_zeros(*mask.shape, len(self.columns))
        padded[..., self.learnt] = points
        if self.axis is not None:
            padded = self.axis.impose(padded, mask)
        if self.computed:
            eta, phi = (padded[..., self.columns.index(name)] for name in ("delta_eta", "delta_phi"))
            padded[..., self.columns.index("delta_r")] = torch.hypot(eta, phi)
        return padded * mask[..., None], mask
