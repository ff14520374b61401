"""The engine for networks that play against each other: each player steps down its own loss in turn.

It is the engine of `nn.training` with other passes over the batches: checkpoints, the step back after a loss
that is not finite, records and patience are the same. What chooses the best epoch is not a loss, since the
losses of players measure the strength of their opponents, but a distance of drawn rows from the validation
rows.

    train_adversarial(
        network,                                   # holds all networks, `critic` and `generator` for example
        [
            Player("critic", ("critic",), critic_loss, steps=5, betas=(0.0, 0.9)),
            Player("generator", ("generator",), generator_loss, betas=(0.0, 0.9)),
        ],
        *(training, validation, distance, settings),
        **job.keywords(),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError, TrainingError
from resonaut.nn import distributed, resume
from resonaut.nn.averaging import WeightAverage
from resonaut.nn.device import choose
from resonaut.nn.memory import keep_memory
from resonaut.nn.passes import Outcome
from resonaut.nn.records import Records
from resonaut.nn.samples import Batch, Samples, stream
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.state import State
from resonaut.nn.streaming import placed
from resonaut.nn.training import History, Loss, Training

__all__ = ["Distance", "Player", "train_adversarial"]

Distance = Callable[[nn.Module, Samples, Sequence[Tensor]], float]
"""Distance of drawn rows from validation rows, given their batches (row numbers); the smallest is best."""


@dataclass(frozen=True)
class Player:
    """One player.

    Attributes:
        name: in the records.
        parts: attributes of the whole network that it trains; no part has two players.
        loss: loss(whole network, values of a batch) -> (n_rows,). Only its own parts take a step, but what
            it needs of the others without their slopes it computes under `torch.no_grad` to save time.
        steps: per round; a round has as many batches as the busiest player has steps, and a player with fewer
            takes the last ones.
        rate: factor of the learning rate.
        betas: how fast Adam forgets gradients and their squares.
    """

    name: str
    parts: tuple[str, ...]
    loss: Loss
    steps: int = 1
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)

    def parameters(self, network: nn.Module) -> list[nn.Parameter]:
        """What it trains."""
        return [p for part in self.parts for p in getattr(network, part).parameters() if p.requires_grad]


@dataclass
class _Rounds:
    """Passes of one adversarial training, in the place of `passes.Passes`.

    Attributes:
        losses: mean loss of each player in the last epoch.
    """

    network: nn.Module
    players: Sequence[Player]
    distance: Distance
    state: State
    device: torch.device
    settings: ScheduledTraining
    where: str
    losses: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parameters = [player.parameters(self.network) for player in self.players]
        self._round = max(player.steps for player in self.players)

    def train(self, samples: Samples, batches: Sequence[Tensor], rates: Sequence[float]) -> Outcome:
        """Steps of all players over these batches."""
        n_players = len(self.players)
        # Kept on the device: a number per step would make the host wait for it.
        totals = torch.zeros(n_players, device=self.device)
        weights = torch.zeros(n_players, device=self.device)
        finite = torch.ones(len(batches), dtype=torch.bool, device=self.device)
        # Rounds go on over the ends of epochs: an epoch may have fewer batches than a round.
        before = len(self.state.epochs) * len(batches)
        for step, batch in enumerate(stream(samples, batches)):
            place = (before + step) % self._round
            for number, player in enumerate(self.players):
                if place < self._round - player.steps:
                    continue
                losses = self._step(number, batch, rates[step])
                totals[number] += losses
                weights[number] += batch.weight.sum()
                finite[step] &= losses.isfinite()
        means = (totals / weights).tolist()
        # A player may have had no turn in a short epoch.
        turns = (weights > 0).tolist()
        self.losses = {
            player.name: mean for player, mean, turn in zip(self.players, means, turns, strict=True) if turn
        }
        bad = (~finite).nonzero()
        if len(bad):
            return Outcome(_first_not_finite(means), int(bad[0]))
        played = [mean for mean, turn in zip(means, turns, strict=True) if turn]
        return Outcome(played[-1], None)

    def _step(self, number: int, batch: Batch, rate: float) -> Tensor:
        """One step of a player; the sum of its weighted losses."""
        player, parameters, optimiser = self.players[number], self._parameters[number], self.state.optimiser
        # The optimiser leaves alone what has no gradient: the other players' weights and moments.
        optimiser.zero_grad(set_to_none=True)
        try:
            weighted = player.loss(self.network, batch.values) * batch.weight
            weighted.mean().backward(inputs=parameters)
        except torch.OutOfMemoryError:
            raise TrainingError(
                f"{self.where}: memory runs out in a step of '{player.name}' with {len(batch.weight)} rows. "
                f"Lower {self.where}.training.batch_size, or make the networks smaller."
            ) from None
        if self.settings.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip_norm)
        optimiser.param_groups[number]["lr"] = rate * player.rate
        optimiser.step()
        if self.state.average is not None and number == len(self.players) - 1:
            self.state.average.update()
        return weighted.detach().sum()

    def validate(self, samples: Samples, batches: Sequence[Tensor]) -> Outcome:
        """The distance of drawn rows, in the place of a loss."""
        with torch.no_grad():
            return Outcome(float(self.distance(self.network, samples, batches)), None)

    def watch(self, network: nn.Module, samples: Samples, batches: Sequence[Tensor]) -> dict[str, float]:
        """Losses of the players, for the records."""
        return {f"loss/{name}": loss for name, loss in self.losses.items()}


def _first_not_finite(means: Sequence[float]) -> float:
    return next((mean for mean in means if not abs(mean) < float("inf")), float("nan"))


def train_adversarial(
    network: nn.Module,
    players: Sequence[Player],
    training: Samples,
    validation: Samples,
    distance: Distance,
    settings: ScheduledTraining,
    *,
    seed: int,
    where: str,
    checkpoint_folder: str | Path | None = None,
    inputs: str = "",
    records: str | Path | None = None,
) -> History:
    """Train the parts of `network` in place; it ends on the CPU, in evaluation mode, at its best epoch.

    Each player has its own Adam (arXiv:1412.6980, decoupled weight decay) and follows the schedule of the
    settings. `settings.ema` averages the weights of the last player, who is the generator: the distance is
    that of the mean, which is kept. Checkpoints, seeds and losses that are not finite: as `training.train`.
    Everything is computed in single precision; one process only.

    Args:
        network: holds the parts of all players as attributes; other parts are not trained.
        players: in the order of their steps on a batch; the last is the generator, whose loss is the
            training loss of the history. All losses are in the records, as metrics `loss/<name>`.
        training: rows to learn from.
        validation: rows that the distance compares with.
        distance: chooses the best epoch; it is computed in evaluation mode, without gradients, by the same
            random numbers in each epoch.
        settings: epochs, batch size, learning rate and so on; precision must be float32 or auto.
        seed, where, checkpoint_folder, inputs, records: as of `training.train`.

    Raises:
        TrainingError: no rows, a loss that is not finite, or too little memory.
        ConfigError: no such device or part; several processes; half precision.
    """
    for samples, what in ((training, "training"), (validation, "validation")):
        if len(samples) == 0:
            raise TrainingError(f"{where}: no {what} rows; give more events.")
    _require_possible(players, settings, where)
    folder = None if checkpoint_folder is None else Path(checkpoint_folder)
    path = None if records is None else Path(records)
    device = choose(settings.device)
    keep_memory()
    with distributed.world(device) as world:
        if world.size > 1:
            raise ConfigError(
                f"{where}: adversarial trainings run in one process, {world.size} are started. Start it "
                "without torchrun."
            )
        network.to(device)
        training, validation = placed((training, validation), device, settings.device_memory_fraction)
        key = {}
        if folder is not None:
            key = resume.key_of(
                *(network, training, validation, settings), seed=seed, where=where, inputs=inputs
            )
            key["players"] = [
                [player.name, list(player.parts), player.steps, player.rate, list(player.betas)]
                for player in players
            ]
        state = _state(network, players, settings)
        if folder is not None:
            resume.read_into(folder, state, key)
        rounds = _Rounds(network, players, distance, state, device, settings, where)
        job = Training(
            *(state, rounds, training, validation, settings, seed, where, world, folder, key),
            *(rounds.watch, None),
        )
        with Records(where, settings.epochs, len(state.epochs), path, settings.loggers) as lines:
            job.run(lines, folder or (path.parent if path else None))
    network.load_state_dict(state.best_weights)
    network.to("cpu").eval()
    return History(tuple(state.epochs), state.best_epoch)


def _require_possible(players: Sequence[Player], settings: ScheduledTraining, where: str) -> None:
    if settings.precision == "bf16" or settings.compile == "on":
        raise ConfigError(
            f"{where}.training: players are trained in full precision and not compiled; got precision "
            f"'{settings.precision}' and compile '{settings.compile}'. Set them to float32 and off."
        )
    for player in players:
        if player.steps < 1:
            raise ConfigError(
                f"{where}: the player '{player.name}' has {player.steps} steps per round; give at least 1."
            )


def _state(network: nn.Module, players: Sequence[Player], settings: ScheduledTraining) -> State:
    # One optimiser with a group per player: it steps where gradients are, which are one player's at a time.
    groups = [
        {
            "params": player.parameters(network),
            "lr": settings.learning_rate * player.rate,
            "betas": player.betas,
        }
        for player in players
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
    average = None
    if settings.ema is not None:
        own = nn.ModuleDict({part: getattr(network, part) for part in players[-1].parts})
        average = WeightAverage(own, settings.ema)
    return State(network, optimiser, average)
