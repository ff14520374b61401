"""What robust training changes of a training: further columns of the batches, the loss, the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.nn import disco
from resonaut.nn.networks.guarded import Guarded
from resonaut.nn.precision import Loss
from resonaut.tag.robust import planing
from resonaut.tag.robust.settings import RobustSettings
from resonaut.tag.rows.prepare import Prepared

BACKGROUND = 0


@dataclass(frozen=True)
class Robust:
    """Robust training of one tagger.

    Attributes:
        settings: of the tagger.
        columns: (n_rows,) each, that stand in the batches before the target.
        n_groups: what an adversary guesses is one of so many.
    """

    settings: RobustSettings
    columns: tuple[np.ndarray, ...]
    n_groups: int

    def guarded(self, network: nn.Module, n_rows: int, epochs: int) -> nn.Module:
        """The network, with its adversary where there is one."""
        if self.settings.method != "adversarial":
            return network
        most = max(1, n_rows * epochs // 2)
        return Guarded(network, self.n_groups, self.settings.hidden, self.settings.strength, most)

    def loss(self, base: Loss) -> Loss:
        """The loss of each row from (network, (inputs..., columns..., target))."""
        if not self.columns:
            return base

        def loss(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
            *inputs, column, target = values
            called = _Called(network)
            each = base(called, (*inputs, target))
            chosen = torch.ones_like(target, dtype=torch.bool)
            if self.settings.against is not None:
                chosen = target == BACKGROUND
            if self.settings.method == "disco":
                return each + self.settings.strength * self._correlation(
                    called.outputs, column, target, chosen
                )
            return each + network.game(called.outputs, column, chosen)

        return loss

    def _correlation(self, logits: Tensor, column: Tensor, target: Tensor, chosen: Tensor) -> Tensor:
        """dCorr^2 of the score and the column: of the background, or the mean of that of each class."""
        score = torch.sigmoid(logits.float())
        groups = [chosen] if self.settings.against is not None else [target == value for value in (0, 1)]
        found = [_distance(score[own], column[own]) for own in groups]
        return torch.stack(found).mean()

    def weights(self, rows: Prepared, part: int, weight: np.ndarray) -> np.ndarray:
        """Weights of the rows of a part, (n,): planed where that is asked for."""
        if self.settings.method != "planing":
            return weight
        variable, group = variable_of(rows, self.settings), rows.group
        train = rows.parts[0]
        edges = planing.equal_edges(variable[train], group[train], self.settings.n_bins)
        own = rows.parts[part]
        return planing.weights(variable[own], group[own], weight, edges)


class _Called:
    """A network that remembers what it answered, so that losses need not call it twice."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self.outputs: Tensor

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.outputs = self._network(*inputs)
        return self.outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


def _distance(score: Tensor, column: Tensor) -> Tensor:
    """dCorr^2, with its gradient; 0 of fewer than two rows."""
    if len(score) < 2:
        return score.sum() * 0
    value, slope = disco.squared(score.detach()[None], column.to(score.dtype)[None])
    # The value of the first, the gradient of the second.
    return value[0] + (slope[0] * (score - score.detach())).sum()


def variable_of(rows: Prepared, settings: RobustSettings) -> np.ndarray:
    """The variable that must not be followed, (n_rows,) float32.

    Raises:
        ConfigError: the representation does not hold it.
    """
    if settings.against not in rows.jets.columns:
        raise ConfigError(
            f"tag.robust.against: the {rows.kind} hold no '{settings.against}'; they hold "
            f"{', '.join(sorted(rows.jets.columns)) or 'no columns'}."
        )
    return rows.jets.columns[settings.against].astype(np.float32)


def robust_of(settings: RobustSettings | None, rows: Prepared) -> Robust | None:
    """Robust training of rows; None where it is not asked for.

    Raises:
        ConfigError: there are no varied rows, or no column of the variable.
    """
    if settings is None:
        return None
    if settings.variations and not rows.nuisance.group.any():
        raise ConfigError("tag.robust.variations: no varied rows were read to train with.")
    if settings.method not in ("adversarial", "disco"):
        return Robust(settings, (), 0)
    if settings.variations:
        if settings.method == "adversarial":
            return Robust(settings, (rows.nuisance.group,), len(settings.variations) + 1)
        return Robust(settings, (rows.nuisance.value,), 0)
    variable = variable_of(rows, settings)
    if settings.method == "disco":
        return Robust(settings, (variable,), 0)
    learns = rows.parts[0][rows.group[rows.parts[0]] == BACKGROUND]
    edges = np.quantile(variable[learns], np.linspace(0, 1, settings.n_bins + 1)[1:-1])
    return Robust(settings, (np.searchsorted(edges, variable).astype(np.int64),), settings.n_bins)


def unguarded(network: nn.Module) -> nn.Module:
    """The network without its adversary."""
    return network.network if isinstance(network, Guarded) else network
