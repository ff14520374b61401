"""Energy and number of hits of each layer of a shower, and its moments across: the first of two factors.

Conditional flow matching (arXiv:2210.02747) on variables that are near normal whatever the conditions: square
roots of numbers of hits (with uniform noise for whole numbers, arXiv:1511.01844), logarithms of mean energies
above threshold, and the logarithm of the visible energy. Polynomials of the conditions are taken from their
means and widths, their correlations are whitened, and each principal component is mapped to a normal
variable by its quantiles: showers that begin late make long tails, which a velocity field would cut. The
moments across are the centre of gravity and the logarithms of the variances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resonaut.nn.networks.flow_matching import FlowMatching
from resonaut.nn.networks.velocity import DenseVelocity

_DEGREE = 3
_N_MOMENTS = 4
_SCORES = torch.linspace(-3.2, 3.2, 65)
_LEAST = 1e-6


class LayerTotals(nn.Module):
    """Sums of layers as a flow from normal noise.

    Args:
        layers: of the calorimeter.
        threshold: least energy of a hit, GeV.
        n_cells: of a layer.
        n_conditions: conditions of a shower, each positive ones on a logarithmic scale.
        width, blocks: of the network.
        steps: of the midpoint rule, for draws.
    """

    def __init__(
        self,
        layers: int,
        threshold: float,
        n_cells: int,
        n_conditions: int,
        width: int = 192,
        blocks: int = 3,
        steps: int = 10,
    ) -> None:
        super().__init__()
        self.layers, self.threshold, self.n_cells = layers, threshold, n_cells
        size = 2 * layers + 1 + _N_MOMENTS
        n_terms = 1 + _DEGREE * n_conditions + n_conditions * (n_conditions - 1) // 2
        for name, value in {
            "logarithmic": torch.zeros(n_conditions, dtype=torch.bool),
            "condition_mean": torch.zeros(n_conditions),
            "condition_width": torch.ones(n_conditions),
            "mean": torch.zeros(n_terms, size),
            "log_width": torch.zeros(n_terms, size),
            "filler": torch.zeros(2, layers),
            "whiten": torch.eye(size),
            "colour": torch.eye(size),
            "knots": _SCORES.expand(size, -1).clone(),
            "weight": torch.ones(size),
        }.items():
            self.register_buffer(name, value)
        velocity = DenseVelocity(size, n_conditions, width, blocks)
        self.flow = FlowMatching(velocity, "midpoint", steps)

    # -- variables -------------------------------------------------------------------------------

    def scaled(self, conditions: Tensor) -> Tensor:
        """Conditions of mean 0 and width 1 over the training, (n, n_conditions)."""
        value = torch.where(self.logarithmic, conditions.clamp_min(_LEAST).log(), conditions)
        return (value - self.condition_mean) / self.condition_width

    def _terms(self, conditions: Tensor) -> Tensor:
        x = self.scaled(conditions)
        pairs = torch.combinations(torch.arange(x.shape[1], device=x.device), 2)
        products = x[:, pairs[:, 0]] * x[:, pairs[:, 1]]
        return torch.cat([torch.ones_like(x[:, :1]), *(x**d for d in range(1, _DEGREE + 1)), products], dim=1)

    def _raw(self, sums: Tensor, moments: Tensor) -> Tensor:
        """Variables before scaling, (n, 2 layers + 5), with fresh noise."""
        energy, hits = sums[..., 0].double(), sums[..., 1].double()
        roots = (hits + torch.rand_like(hits)).sqrt()
        over = energy / self.threshold - hits
        noise = self.filler[0] + self.filler[1] * torch.randn_like(hits)
        means = torch.where(hits > 0, (over / hits.clamp_min(1)).clamp_min(1e-3).log(), noise)
        total = energy.sum(1, keepdim=True).div(self.threshold).clamp_min(1).log()
        centre, square = moments.double().chunk(2, dim=1)
        spread = (square - centre**2).clamp_min(_LEAST).log()
        return torch.cat([total, roots, means, centre, spread], dim=1)

    def _sums(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        parts = [1, self.layers, self.layers, _N_MOMENTS // 2, _N_MOMENTS // 2]
        total, roots, means, centre, spread = raw.double().split(parts, dim=1)
        hits = roots.clamp_min(0).square().floor().clamp_max(self.n_cells)
        over = hits * means.clamp_max(20).exp()
        wanted = (total.clamp_max(30).exp() - hits.sum(1, keepdim=True)).clamp_min(0)
        over = over * (wanted / over.sum(1, keepdim=True).clamp_min(_LEAST))
        moments = torch.cat([centre, spread.clamp_max(20).exp() + centre**2], dim=1)
        return torch.stack([(hits + over) * self.threshold, hits], dim=-1).float(), moments.float()

    def _standard(self, raw: Tensor, conditions: Tensor) -> Tensor:
        terms = self._terms(conditions).double()
        return (raw - terms @ self.mean.double()) * (-(terms @ self.log_width.double())).exp()

    @torch.no_grad()
    def measure(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> None:
        """Take the scale of variables and conditions from training showers.

        Args:
            sums: (n, layers, 2) energy (GeV) and hits of each layer.
            moments: (n, 4) means over the energy of x, y, x^2 and y^2, in cells.
            conditions: (n, n_conditions).
        """
        self.logarithmic.copy_((conditions > 0).all(0))
        value = torch.where(self.logarithmic, conditions.clamp_min(_LEAST).log(), conditions)
        self.condition_mean.copy_(value.mean(0))
        self.condition_width.copy_(value.std(0).clamp_min(_LEAST))
        hit = sums[..., 1] > 0
        over = (sums[..., 0] / self.threshold / sums[..., 1].clamp_min(1) - 1).clamp_min(1e-3).log() * hit
        count = hit.sum(0).clamp_min(1)
        centre = over.sum(0) / count
        self.filler.copy_(torch.stack([centre, (((over - centre) * hit) ** 2).sum(0).div(count).sqrt()]))
        raw, terms = self._raw(sums, moments), self._terms(conditions).double()
        self.mean.copy_(_fit(terms, raw))
        rest = raw - terms @ self.mean.double()
        self.log_width.copy_(0.5 * _fit(terms, (rest**2 + _LEAST).log()))
        # The mean of the logarithm of a squared normal variable is -1.27 below the logarithm of its mean.
        rest = self._standard(raw, conditions)
        self.log_width[0] += rest.std(0).log()
        rest = self._standard(raw, conditions)
        values, vectors = torch.linalg.eigh(rest.T @ rest / len(rest))
        values = values.clamp_min(1e-4).sqrt()
        self.whiten.copy_(vectors / values)
        self.colour.copy_((vectors * values).T)
        # A larger component counts more: it holds the depth of the shower, the small ones the noise of hits.
        self.weight.copy_(values.sqrt() / values.sqrt().mean())
        normal = torch.special.ndtr(_SCORES.double())
        self.knots.copy_(torch.quantile(rest @ self.whiten.double(), normal, dim=0).T)

    # -- flow ------------------------------------------------------------------------------------

    def loss(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> Tensor:
        """Flow-matching loss of each shower, (n,); see `measure`."""
        whitened = self._standard(self._raw(sums, moments), conditions) @ self.whiten.double()
        scores = _lines(whitened.float(), self.knots, _SCORES.to(self.knots).expand_as(self.knots))
        return self.flow.loss(scores, self.scaled(conditions), weight=self.weight)

    @torch.no_grad()
    def draw(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Draw sums, (n, layers, 2) energy (GeV) and hits, and moments, (n, 4)."""
        noise = torch.randn(len(conditions), len(self.colour), device=conditions.device)
        scores = self.flow.draw(noise, self.scaled(conditions))
        whitened = _lines(scores, _SCORES.to(self.knots).expand_as(self.knots), self.knots)
        rest = whitened.double() @ self.colour.double()
        terms = self._terms(conditions).double()
        return self._sums(terms @ self.mean.double() + rest * (terms @ self.log_width.double()).exp())


def _fit(terms: Tensor, values: Tensor) -> Tensor:
    """Coefficients of least squares, (n_terms, n_values); constant conditions have coefficients of 0."""
    return torch.linalg.lstsq(terms, values, driver="gelsd").solution


def _lines(values: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Values of each column through straight lines between knots, the outermost lines going on.

    Args:
        values: (n, n_columns).
        start, end: (n_columns, n_knots) rising knots, and what they become.
    """
    start = start.contiguous()
    right = torch.searchsorted(start, values.T.contiguous()).clamp(1, start.shape[1] - 1)
    low, high = start.gather(1, right - 1), start.gather(1, right)
    share = (values.T - low) / (high - low).clamp_min(_LEAST)
    return torch.lerp(end.gather(1, right - 1), end.gather(1, right), share).T
