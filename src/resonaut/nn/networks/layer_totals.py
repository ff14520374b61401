"""Energy and number of hits of each layer of a shower, and its widths across: the first of two factors.

First come nine numbers of the shower as a whole (visible energy, mean layer and width along the layers,
number of hits, centre of gravity, widths and mean distance across), by an autoregressive flow
(arXiv:1705.07057) given the conditions. The layers follow by conditional flow matching (arXiv:2210.02747)
given these: square roots of numbers of hits (with uniform noise for whole numbers, arXiv:1511.01844) and
logarithms of mean energies above threshold, whose means and widths are polynomials of what is given,
whitened, and each principal component mapped to a normal variable by its quantiles. Last, the energies of
layers are tilted to the energy, mean layer and width of the first step: learnt without it, showers that
begin late, of which there are few, come out too early.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resonaut.nn.flow_features import FeatureFlow
from resonaut.nn.networks.flow_matching import FlowMatching
from resonaut.nn.networks.tilts import tilted_layers
from resonaut.nn.networks.velocity import DenseVelocity

_DEGREE = 3
_N_MOMENTS = 5
_N_GLOBAL = 4 + _N_MOMENTS
_TRANSFORMS, _HIDDEN = 4, (64, 64)
_SCORES = torch.linspace(-3.2, 3.2, 65)
_FARTHEST = 4.0
_LEAST = 1e-6


class LayerTotals(nn.Module):
    """Sums of layers as a flow from normal noise.

    Args:
        layers: of the calorimeter.
        threshold: least energy of a hit, GeV.
        n_cells: of a layer.
        n_conditions: conditions of a shower.
        width, blocks: of the network of the layers.
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
        size, n_given = 2 * layers, n_conditions + _N_GLOBAL
        for name, value in {
            "logarithmic": torch.zeros(n_conditions, dtype=torch.bool),
            "given_mean": torch.zeros(n_given),
            "given_width": torch.ones(n_given),
            "mean": torch.zeros(_n_terms(n_given), size),
            "log_width": torch.zeros(1 + n_given, size),
            "whole_mean": torch.zeros(_n_terms(n_conditions), _N_GLOBAL),
            "whole_log_width": torch.zeros(1 + n_conditions, _N_GLOBAL),
            "whole_knots": _SCORES.expand(_N_GLOBAL, -1).clone(),
            "filler": torch.zeros(2, layers),
            "whiten": torch.eye(size),
            "colour": torch.eye(size),
            "knots": _SCORES.expand(size, -1).clone(),
            "weight": torch.ones(size),
        }.items():
            self.register_buffer(name, value)
        self.whole = FeatureFlow(_N_GLOBAL, n_conditions, "autoregressive", _TRANSFORMS, _HIDDEN, bins=8)
        self.flow = FlowMatching(DenseVelocity(size, n_given, width, blocks), "midpoint", steps)

    # -- variables -------------------------------------------------------------------------------

    def globals(self, sums: Tensor, moments: Tensor) -> Tensor:
        """Numbers of showers as a whole, (n, 9).

        Args:
            sums: (n, layers, 2) energy (GeV) and hits of each layer.
            moments: (n, 5) as `Cells.moments` makes them.
        """
        energy = sums[..., 0].double()
        place = torch.arange(self.layers, device=sums.device).double()
        total = energy.sum(1).clamp_min(self.threshold)
        mean = energy @ place / total
        variance = (energy @ place**2 / total - mean**2).clamp_min(_LEAST)
        hits = sums[..., 1].sum(1).double()
        columns = [(total / self.threshold).log(), mean, 0.5 * variance.log(), (hits + 0.5).sqrt()]
        spread = moments[:, 2:].double().clamp_min(_LEAST).log()
        return torch.cat([torch.stack(columns, dim=1), moments[:, :2].double(), spread], dim=1).float()

    def _given(self, conditions: Tensor, whole: Tensor) -> Tensor:
        """What layers are given: conditions and numbers of the shower, of mean 0 and width 1 in training."""
        value = torch.where(self.logarithmic, conditions.clamp_min(_LEAST).log(), conditions)
        scaled = (torch.cat([value, whole], dim=1) - self.given_mean) / self.given_width
        return scaled.clamp(-_FARTHEST, _FARTHEST)

    def _terms_of(self, conditions: Tensor) -> Tensor:
        """Polynomials of the conditions alone; the first of what is given."""
        none = conditions.new_zeros(len(conditions), _N_GLOBAL)
        return _terms(self._given(conditions, none)[:, : conditions.shape[1]])

    def whole_of(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """What `whole` learns: scores of the numbers of showers, (n, 9), and conditions; see `measure`."""
        terms = self._terms_of(conditions)
        rest = self.globals(sums, moments) - terms @ self.whole_mean.double()
        return _scores((rest / _widths(terms, self.whole_log_width)).float(), self.whole_knots), conditions

    def _raw(self, sums: Tensor) -> Tensor:
        """Variables of layers before scaling, (n, 2 layers), with fresh noise."""
        energy, hits = sums[..., 0].double(), sums[..., 1].double()
        roots = (hits + torch.rand_like(hits)).sqrt()
        over = energy / self.threshold - hits
        noise = self.filler[0] + self.filler[1] * torch.randn_like(hits)
        means = torch.where(hits > 0, (over / hits.clamp_min(1)).clamp_min(1e-3).log(), noise)
        return torch.cat([roots, means], dim=1)

    def _sums(self, raw: Tensor, whole: Tensor) -> Tensor:
        roots, means = raw.double().chunk(2, dim=1)
        hits = roots.clamp_min(0).square().floor().clamp_max(self.n_cells)
        over = hits * means.clamp_max(20).exp()
        total, mean, log_width = whole[:, :3].double().unbind(1)
        over = tilted_layers(over, hits, total.clamp_max(30).exp(), mean, log_width.clamp_max(6).exp())
        return torch.stack([(hits + over) * self.threshold, hits], dim=-1).float()

    @torch.no_grad()
    def measure(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> None:
        """Take the scale of variables and conditions from training showers.

        Args:
            sums, moments: see `globals`.
            conditions: (n, n_conditions).
        """
        whole = self.globals(sums, moments)
        self.logarithmic.copy_((conditions > 0).all(0))
        value = torch.where(self.logarithmic, conditions.clamp_min(_LEAST).log(), conditions)
        given = torch.cat([value, whole], dim=1)
        self.given_mean.copy_(given.mean(0))
        self.given_width.copy_(given.std(0).clamp_min(_LEAST))
        hit = sums[..., 1] > 0
        over = (sums[..., 0] / self.threshold / sums[..., 1].clamp_min(1) - 1).clamp_min(1e-3).log() * hit
        count = hit.sum(0).clamp_min(1)
        centre = over.sum(0) / count
        self.filler.copy_(torch.stack([centre, (((over - centre) * hit) ** 2).sum(0).div(count).sqrt()]))
        terms = self._terms_of(conditions)
        self.whole_knots.copy_(_knots(_fit(terms, whole.double(), self.whole_mean, self.whole_log_width)))
        self.whole.measure(*self.whole_of(sums, moments, conditions))
        rest = _fit(_terms(self._given(conditions, whole)), self._raw(sums), self.mean, self.log_width)
        values, vectors = torch.linalg.eigh(rest.T @ rest / len(rest))
        values = values.clamp_min(1e-4).sqrt()
        self.whiten.copy_(vectors / values)
        self.colour.copy_((vectors * values).T)
        # A larger component counts more: the small ones are noise of hits.
        self.weight.copy_(values.sqrt() / values.sqrt().mean())
        self.knots.copy_(_knots(rest @ self.whiten.double()))

    # -- flows -----------------------------------------------------------------------------------

    def loss(self, sums: Tensor, moments: Tensor, conditions: Tensor) -> Tensor:
        """Flow-matching loss of the layers of each shower, (n,); see `measure`."""
        given = self._given(conditions, self.globals(sums, moments))
        terms = _terms(given)
        rest = (self._raw(sums) - terms @ self.mean.double()) / _widths(terms, self.log_width)
        scores = _scores((rest @ self.whiten.double()).float(), self.knots)
        return self.flow.loss(scores, given, weight=self.weight)

    @torch.no_grad()
    def draw(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Draw sums, (n, layers, 2) energy (GeV) and hits, and moments, (n, 5)."""
        terms = self._terms_of(conditions)
        rest = _unscored(self.whole.sample(conditions), self.whole_knots)
        rest = rest * _widths(terms, self.whole_log_width)
        whole = (terms @ self.whole_mean.double() + rest).float()
        given = self._given(conditions, whole)
        noise = torch.randn(len(conditions), len(self.colour), device=conditions.device)
        whitened = _unscored(self.flow.draw(noise, given), self.knots)
        terms = _terms(given)
        rest = (whitened.double() @ self.colour.double()) * _widths(terms, self.log_width)
        moments = torch.cat([whole[:, 4:6], whole[:, 6:].clamp_max(20).exp()], dim=1)
        return self._sums(terms @ self.mean.double() + rest, whole), moments


def _n_terms(n_given: int) -> int:
    return 1 + _DEGREE * n_given + n_given * (n_given - 1) // 2


def _terms(given: Tensor) -> Tensor:
    """1, powers of each column up to the third, products of two columns, (n, n_terms)."""
    pairs = torch.combinations(torch.arange(given.shape[1], device=given.device), 2)
    products = given[:, pairs[:, 0]] * given[:, pairs[:, 1]]
    powers = [given**degree for degree in range(1, _DEGREE + 1)]
    return torch.cat([torch.ones_like(given[:, :1]), *powers, products], dim=1).double()


def _widths(terms: Tensor, log_width: Tensor) -> Tensor:
    """Widths of variables: the logarithm a line in what is given, as its square would grow without bounds."""
    return (terms[:, : len(log_width)] @ log_width.double()).clamp(-10, 10).exp()


def _fit(terms: Tensor, values: Tensor, mean: Tensor, log_width: Tensor) -> Tensor:
    """Fit mean and logarithm of the width, both in place; return the values of mean 0 and width 1.

    Least squares; constant conditions have coefficients of 0.
    """
    solve = torch.linalg.lstsq
    mean.copy_(solve(terms, values, driver="gelsd").solution)
    rest = values - terms @ mean.double()
    lines = terms[:, : len(log_width)]
    log_width.copy_(0.5 * solve(lines, (rest**2 + _LEAST).log(), driver="gelsd").solution)
    # The mean of the logarithm of a squared normal variable is -1.27 below the logarithm of its mean.
    log_width[0] += (rest / _widths(terms, log_width)).std(0).log()
    return rest / _widths(terms, log_width)


def _knots(values: Tensor) -> Tensor:
    """Quantiles of each column at those of a normal variable, (n_columns, n_knots)."""
    return torch.quantile(values, torch.special.ndtr(_SCORES.double()), dim=0).T


def _scores(values: Tensor, knots: Tensor) -> Tensor:
    """Normal variables of values, (n, n_columns), by their quantiles."""
    return _lines(values, knots, _SCORES.to(knots).expand_as(knots))


def _unscored(scores: Tensor, knots: Tensor) -> Tensor:
    """The values of normal variables."""
    return _lines(scores, _SCORES.to(knots).expand_as(knots), knots)


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
