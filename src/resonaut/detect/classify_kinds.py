"""The two kinds of classifiers, networks and boosted trees, fitted to samples and scoring rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resonaut.nn.settings import TrainingSettings

if TYPE_CHECKING:
    from resonaut.nn.ensemble import Ensemble, History, Member, Penalty, Sample
    from resonaut.nn.networks.trees import TreeEnsemble
    from resonaut.nn.trees import BoostingSettings

_SLICE = 2**18


class Kind(Protocol):
    """Fitted classifiers."""

    @property
    def history(self) -> History:
        """Losses of the fits."""
        ...

    @property
    def n_parameters(self) -> int:
        """Numbers that one classifier has learnt."""
        ...

    def scores(self, table: np.ndarray, members: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Probabilities (len(members), n) of target 1, float32, for rows (n,) of a table (m, F)."""
        ...


class NetworkSettings(Protocol):
    """What `networks` reads of a detector's settings; see `classify.ClassifierSettings`."""

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the hidden layers."""
        ...

    @property
    def keep(self) -> str:
        """Which weights are kept."""
        ...

    @property
    def networks_per_batch(self) -> int:
        """Networks trained at once."""
        ...

    @property
    def training(self) -> TrainingSettings:
        """Epochs, batches, learning rate, device."""
        ...


@dataclass(frozen=True)
class Networks:
    """Dense networks, see `Kind`."""

    ensemble: Ensemble

    @property
    def history(self) -> History:
        """Losses of the training."""
        return self.ensemble.history

    @property
    def n_parameters(self) -> int:
        """Parameters of one network."""
        from resonaut.nn import stacked

        return stacked.n_parameters(self.ensemble.sizes)

    def part(self, start: int, stop: int) -> Networks:
        """The networks from `start` up to `stop`."""
        own, history = slice(start, stop), self.history
        if stop - start == len(self.ensemble.parameters):
            return self
        losses = (history.train_loss[own], history.validation_loss[own], history.best_epoch[own])
        numbers = {name: getattr(self.ensemble, name)[own] for name in ("parameters", "shift", "scale")}
        return Networks(replace(self.ensemble, history=type(history)(*losses), **numbers))

    def scores(self, table: np.ndarray, members: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """See `Kind.scores`."""
        import torch

        values = torch.from_numpy(np.ascontiguousarray(table[rows])).to(self.ensemble.parameters.device)
        return self.ensemble.scores(values, members, np.arange(len(rows)))


def networks(
    table: np.ndarray,
    samples: Sequence[Sample],
    members: Sequence[Member],
    settings: NetworkSettings,
    what: str,
    penalty: Penalty | None = None,
) -> Networks:
    """Train all networks as one batched program; see `nn.ensemble.train`."""
    import torch

    from resonaut.nn import ensemble
    from resonaut.nn.device import choose

    return Networks(
        ensemble.train(
            torch.from_numpy(np.ascontiguousarray(table)).to(choose(settings.training.device)),
            samples,
            members,
            settings.hidden,
            "cross_entropy",
            settings.training,
            average=settings.keep == "average",
            networks_per_batch=settings.networks_per_batch,
            what=what,
            penalty=penalty,
        )
    )


def networks_of_tables(
    tables: Sequence[np.ndarray],
    planned: Sequence[tuple[Sequence[Sample], Sequence[Member]]],
    settings: NetworkSettings,
    what: str,
    penalty: Penalty | None = None,
) -> list[Networks]:
    """Train the networks of several tables (n, F) as one program.

    Args:
        tables: one after the other they are the table of the training.
        planned: samples and networks of each table.
        settings, what, penalty: as in `networks`.

    Returns:
        Those of each table.
    """
    samples: list[Sample] = []
    members: list[Member] = []
    starts = np.cumsum([0, *map(len, tables)])
    for start, (own, trained) in zip(starts[:-1], planned, strict=True):
        first = len(samples)
        samples += [replace(sample, rows=sample.rows + start) for sample in own]
        members += [
            replace(member, train=member.train + first, validation=member.validation + first)
            for member in trained
        ]
    fitted = networks(np.concatenate(tables), samples, members, settings, what, penalty)
    ends = np.cumsum([len(trained) for _, trained in planned])
    return [fitted.part(end - len(trained), end) for end, (_, trained) in zip(ends, planned, strict=True)]


@dataclass(frozen=True)
class Trees:
    """Boosted trees, see `Kind`."""

    ensembles: tuple[TreeEnsemble, ...]
    history: History

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaves of the largest."""
        return max(each.n_fitted for each in self.ensembles)

    def scores(self, table: np.ndarray, members: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """See `Kind.scores`."""
        import torch

        out = np.empty((len(members), len(rows)), np.float32)
        with torch.no_grad():
            for start in range(0, len(rows), _SLICE):
                part = slice(start, start + _SLICE)
                values = torch.from_numpy(np.ascontiguousarray(table[rows[part]]))
                for line, member in enumerate(members):
                    out[line, part] = torch.sigmoid(self.ensembles[member](values)).numpy()
        return out


@dataclass(frozen=True)
class _Rows:
    """What `nn.trees.fit` reads."""

    values: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def trees(
    table: np.ndarray,
    fits: Iterable[tuple[int, Sample, Sample]],
    n_fits: int,
    settings: BoostingSettings,
    what: str,
) -> Trees:
    """Grow boosted trees, one fit after the other, each with the CPU threads of torch.

    The losses of all iterations come from one fit that is watched as it grows; a fit for each number of
    iterations would cost tens of times more.

    Args:
        table: (n, F) float32.
        fits: seed, training sample and validation sample of each.
        n_fits: how many.
        settings: of the trees.
        what: name for the progress lines.
    """
    import torch

    from resonaut import logs
    from resonaut.nn import trees as boosting
    from resonaut.nn.networks.trees import TreeEnsemble

    ensembles, histories = [], []
    for seed, *pair in logs.progress(fits, f"{what}, boosted trees", n_fits):
        training, validation = (_Rows(table[each.rows], each.target, each.weight) for each in pair)
        arrays, history = boosting.fit(
            training, validation, "binary", 1, settings, seed=seed, threads=torch.get_num_threads()
        )
        ensembles.append(TreeEnsemble(table.shape[1]))
        ensembles[-1].load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})
        histories.append(history)
    return Trees(tuple(ensembles), _curves(histories, settings.n_iterations))


def _curves(histories: Sequence[object], n_iterations: int) -> History:
    """Losses of all fits, NaN after one stopped."""
    from resonaut.nn.ensemble import History

    losses = np.full((2, len(histories), n_iterations), np.nan)
    for line, history in enumerate(histories):
        epochs = history.epochs
        losses[0, line, : len(epochs)] = [epoch.train_loss for epoch in epochs]
        losses[1, line, : len(epochs)] = [epoch.validation_loss for epoch in epochs]
    return History(*losses, np.array([history.best_epoch - 1 for history in histories], np.int64))


def joined(histories: Sequence[History]) -> History:
    """One history of all networks; NaN where one of them has fewer epochs."""
    from resonaut.nn.ensemble import History

    n_epochs = max(history.train_loss.shape[1] for history in histories)

    def padded(losses: np.ndarray) -> np.ndarray:
        missing = ((0, 0), (0, n_epochs - losses.shape[1]))
        return np.pad(losses, missing, constant_values=np.nan)

    return History(
        np.concatenate([padded(history.train_loss) for history in histories]),
        np.concatenate([padded(history.validation_loss) for history in histories]),
        np.concatenate([history.best_epoch for history in histories]),
    )
