"""Adversarial networks on few points: one pair per training sample, all as one program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from resonaut.errors import TrainingError
from resonaut.generate.amplification.settings import AdversarialSettings
from resonaut.logs import log
from resonaut.nn import random, stacked
from resonaut.seeds import integer_seed

_SLOPE = 0.2
_BETAS = (0.5, 0.99)
_WAVES = (1, 2, 4, 8)
"""Waves per four deviations, whose sine and cosine the discriminator sees beside a point.

Without them it told the two modes apart and not their widths: the generator's became too narrow.
"""
_GENERATOR, _DISCRIMINATOR, _FOR_GENERATOR, _FOR_DISCRIMINATOR, _POINTS, _WATCHED = range(6)
_N_WATCHED = 500
"""Points that the distance is measured with, the same noise each time."""
_WATCH_EVERY = 50
_PASS = 20_000
_N_LINES = 10


@dataclass(frozen=True)
class _Pairs:
    """Generators and discriminators of all repetitions.

    Attributes:
        keys: (n_repetitions,) of their random numbers.
        generator, discriminator: sizes of the layers.
    """

    keys: Tensor
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]

    def made(self, flat: Tensor, count: int, *purpose: int) -> Tensor:
        """Points (n_repetitions, count, n_dimensions) of new noise, uniform from -1 to 1."""
        n_noise = self.generator[0]
        numbers = random.uniform(random.subkeys(self.keys, *purpose), count * n_noise, flat.dtype)
        return _dense(flat, self.generator, (2 * numbers - 1).unflatten(1, (count, n_noise)))

    def judged(self, flat: Tensor, points: Tensor) -> Tensor:
        """Log odds that points are true, (n_repetitions, count)."""
        phases = [0.5 * math.pi * wave * points for wave in _WAVES]
        waves = [part for phase in phases for part in (phase.sin(), phase.cos())]
        return _dense(flat, self.discriminator, torch.cat([points, *waves], dim=2))[..., 0]


def _dense(flat: Tensor, sizes: Sequence[int], values: Tensor) -> Tensor:
    views = stacked.layers(flat, sizes)
    for number, (weights, biases) in enumerate(views, 1):
        values = torch.baddbmm(biases, values, weights)
        if number < len(views):
            values = functional.leaky_relu(values, _SLOPE)
    return values


def fit(
    training: np.ndarray, settings: AdversarialSettings, seed: int, what: str
) -> Callable[[int, int], np.ndarray]:
    """Learn every training sample; a step takes all its points.

    Args:
        training: (n_repetitions, n, n_dimensions).
        settings: of the networks.
        seed: of the study; a repetition's numbers depend on its number only.
        what: key of the configuration, for the messages.

    Returns:
        draw(repetition, count) -> (count, n_dimensions) points.

    Raises:
        TrainingError: a loss is not finite.
    """
    points = torch.from_numpy(training.astype(np.float32))
    scale, shift = torch.std_mean(points, dim=1, keepdim=True)
    numbers = [integer_seed(seed, "amplification", "gan", number) for number in range(len(points))]
    n_dimensions = points.shape[2]
    hidden = (settings.width,) * 3
    pairs = _Pairs(
        torch.tensor(numbers),
        (settings.n_noise, *hidden, n_dimensions),
        (n_dimensions * (1 + 2 * len(_WAVES)), *hidden, 1),
    )
    mean = _train(pairs, (points - shift) / scale, settings, what)

    def draw(repetition: int, count: int) -> np.ndarray:
        own = _Pairs(pairs.keys[repetition, None], pairs.generator, pairs.discriminator)
        with torch.no_grad():
            parts = [
                own.made(mean[repetition, None], min(_PASS, count - start), _POINTS, start)[0]
                for start in range(0, count, _PASS)
            ]
        return (torch.cat(parts) * scale[repetition] + shift[repetition]).numpy()

    return draw


def _train(pairs: _Pairs, real: Tensor, settings: AdversarialSettings, what: str) -> Tensor:
    """Weights of the generators, (n_repetitions, n_parameters).

    They are the mean over the steps where its points were nearest to the training points: the losses of
    players say nothing of that, and their play goes round.
    """
    generators, judges = (
        stacked.initial(random.subkeys(pairs.keys, purpose), sizes, real.dtype).requires_grad_()
        for purpose, sizes in ((_GENERATOR, pairs.generator), (_DISCRIMINATOR, pairs.discriminator))
    )
    # Adam steps element by element: one optimiser for the networks of all repetitions.
    players = [
        torch.optim.Adam([flat], lr=settings.learning_rate, betas=_BETAS) for flat in (judges, generators)
    ]
    mean = generators.detach().clone()
    best, least = mean.clone(), torch.full((len(real),), math.inf)
    for step in range(1, settings.steps + 1):
        rate = settings.learning_rate * min(1, 2 * (1 - (step - 1) / settings.steps))
        for player in players:
            player.param_groups[0]["lr"] = rate
        losses = _round(pairs, real, judges, generators, players, settings.penalty, step)
        with torch.no_grad():
            mean.lerp_(generators, 1 - settings.ema)
            if step % _WATCH_EVERY == 0 or step == settings.steps:
                distance = energy_distance(pairs.made(mean, _N_WATCHED, _WATCHED), real)
                best = torch.where((distance < least)[:, None], mean, best)
                least = torch.minimum(least, distance)
        if step % max(1, settings.steps // _N_LINES) == 0:
            _report(*losses, step, what)
    return best


def energy_distance(made: Tensor, real: Tensor) -> Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'| (doi:10.1016/j.jspi.2013.03.018), 0 for equal distributions.

    Args:
        made, real: (n_repetitions, n_points, n_dimensions) points x and y.

    Returns:
        (n_repetitions,).
    """

    def mean(left: Tensor, right: Tensor) -> Tensor:
        return torch.cdist(left, right).mean((1, 2))

    return 2 * mean(made, real) - mean(made, made) - mean(real, real)


def _round(
    pairs: _Pairs,
    real: Tensor,
    judges: Tensor,
    generators: Tensor,
    players: Sequence[torch.optim.Optimizer],
    penalty: float,
    step: int,
) -> tuple[Tensor, Tensor]:
    """A step of the discriminators and one of the generators; their losses (n_repetitions,)."""
    count = real.shape[1]
    with torch.no_grad():
        fake = pairs.made(generators, count, _FOR_DISCRIMINATOR, step)
    judge_loss = _judge_loss(pairs, judges, real, fake, penalty)
    _step(players[0], judges, judge_loss)
    made = pairs.made(generators, count, _FOR_GENERATOR, step)
    maker_loss = functional.softplus(-pairs.judged(judges, made)).mean(1)
    _step(players[1], generators, maker_loss)
    return judge_loss, maker_loss


def _judge_loss(pairs: _Pairs, judges: Tensor, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    real = real.detach().requires_grad_(penalty > 0)
    true, made = pairs.judged(judges, real), pairs.judged(judges, fake)
    loss = (functional.softplus(-true) + functional.softplus(made)).mean(1)
    if penalty:
        (slope,) = torch.autograd.grad(true.sum(), real, create_graph=True)
        loss = loss + 0.5 * penalty * slope.square().sum(2).mean(1)
    return loss


def _step(player: torch.optim.Optimizer, flat: Tensor, loss: Tensor) -> None:
    (flat.grad,) = torch.autograd.grad(loss.sum(), flat)
    player.step()


def _report(judge_loss: Tensor, maker_loss: Tensor, step: int, what: str) -> None:
    losses = [float(loss.detach().mean()) for loss in (judge_loss, maker_loss)]
    if not all(map(math.isfinite, losses)):
        raise TrainingError(
            f"{what}: the losses are {losses[0]} and {losses[1]} after {step} steps. Lower "
            f"{what}.learning_rate, or raise {what}.penalty."
        )
    log.info("%s: step %d, losses %.4f (discriminator) and %.4f (generator)", what, step, *losses)
