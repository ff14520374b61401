"""Networks against each other: what they find, whose weights move when, resumption, bad losses."""

import itertools
import json
import logging
import math

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import ConfigError, TrainingError
from resonaut.nn.adversarial import Player, train_adversarial
from resonaut.nn.adversarial_distance import sliced_wasserstein
from resonaut.nn.adversarial_losses import discriminator_loss, generator_loss, gradient_penalty
from resonaut.nn.adversarial_settings import AdversarialTraining
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining

N_ROWS = 192


class Pair(nn.Module):
    """A line of noise as generator, and a small critic."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Linear(1, 1)
        self.critic = nn.Sequential(nn.Linear(1, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def drawn(self, like):
        return self.generator(torch.randn_like(like))


def critic_loss(pair, values):
    (real,) = values
    with torch.no_grad():
        fake = pair.drawn(real)
    return discriminator_loss(pair.critic(real)[:, 0], pair.critic(fake)[:, 0], "logistic")


def generator_step(pair, values):
    return generator_loss(pair.critic(pair.drawn(values[0]))[:, 0], "logistic")


def distance(pair, samples, batches):
    real = torch.cat([samples.take(rows).values[0] for rows in batches])
    return sliced_wasserstein(pair.drawn(real), real)


def players(steps=2, critic=critic_loss, generator=generator_step):
    return [
        Player("critic", ("critic",), critic, steps=steps, betas=(0.5, 0.9)),
        Player("generator", ("generator",), generator, rate=0.5, betas=(0.5, 0.9)),
    ]


def settings(**more):
    usual = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01, "device": "cpu", "patience": 9}
    return AdversarialTraining(**{**usual, **more})


def samples(seed=5):
    rows = np.random.default_rng(seed).normal(2.0, 0.5, (N_ROWS, 1)).astype(np.float32)
    return FixedSamples(rows)


def trained(chosen=None, plays=None, training=None, **more):
    torch.manual_seed(1)
    pair = Pair()
    history = train_adversarial(
        *(
            pair,
            plays or players(),
            samples() if training is None else training,
            samples(6),
            distance,
            chosen or settings(),
        ),
        **{"seed": 3, "where": "generate.toy", **more},
    )
    return pair, history


def test_a_line_of_noise_becomes_the_normal_distribution():
    """Mean 2 and width 0.5, within three errors of the means of 192 rows and the wander of the players."""
    pair, history = trained(settings(epochs=80, ema=0.98, patience=80, learning_rate=0.02), players(1))
    assert pair.generator.bias.item() == pytest.approx(2.0, abs=0.15)
    assert abs(pair.generator.weight.item()) == pytest.approx(0.5, abs=0.12)
    best = min(history.epochs, key=lambda epoch: epoch.validation_loss)
    assert history.best_epoch == best.epoch
    assert set(best.metrics) == {"loss/critic", "loss/generator"}


def test_each_player_moves_its_own_weights_only_and_as_often_as_it_should():
    """Six batches in rounds of four: the generator plays on the fourth and on the eighth and twelfth."""
    seen = []

    def noted(name, loss):
        def call(pair, values):
            seen.append((name, {part: _weights(pair, part) for part in ("critic", "generator")}))
            return loss(pair, values)

        return call

    plays = players(4, noted("critic", critic_loss), noted("generator", generator_step))
    trained(settings(epochs=2, ema=None), plays)
    assert "".join(name[0] for name, _ in seen) == "ccccgcc" + "ccgcccc" + "g"
    for (name, before), (_, after) in itertools.pairwise(seen):
        other = "generator" if name == "critic" else "critic"
        assert torch.equal(before[other], after[other])
        assert not torch.equal(before[name], after[name])


def _weights(pair, part):
    return torch.cat([p.detach().flatten().clone() for p in getattr(pair, part).parameters()])


def test_a_player_follows_adam_of_its_own():
    """As if each had an optimiser: the same steps taken by hand, with torch's own Adam."""
    chosen = settings(epochs=1, ema=None, weight_decay=0.1)

    def pull(part, target):
        return lambda pair, values: (_flat(pair, part) - target).square().sum().expand(len(values[0]))

    plays = [
        Player("critic", ("critic",), pull("critic", 1.0), steps=3, betas=(0.0, 0.9)),
        Player("generator", ("generator",), pull("generator", -1.0), rate=0.5),
    ]
    pair, _ = trained(chosen, plays)
    torch.manual_seed(1)
    expected = Pair()
    for part, target, rate, betas, steps in (
        ("critic", 1.0, 0.01, (0.0, 0.9), 6),
        ("generator", -1.0, 0.005, (0.9, 0.999), 2),
    ):
        parameters = list(getattr(expected, part).parameters())
        optimiser = torch.optim.AdamW(parameters, lr=rate, betas=betas, weight_decay=0.1)
        for _ in range(steps):
            optimiser.zero_grad()
            (_flat(expected, part) - target).square().sum().backward()
            optimiser.step()
    for ours, theirs in zip(pair.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def _flat(pair, part):
    return torch.cat([p.flatten() for p in getattr(pair, part).parameters()])


def bits(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_killed_training_goes_on_with_the_same_bits(epoch, tmp_path):
    """Rounds of four over six batches: it stops in the middle of a round."""
    whole, history = trained(plays=players(4), checkpoint_folder=tmp_path / "whole")
    calls = []

    def killed(pair, values):
        calls.append(1)
        if len(calls) == 6 * epoch + 2:
            raise KeyboardInterrupt
        return critic_loss(pair, values)

    records = tmp_path / "epochs.jsonl"
    more = {"checkpoint_folder": tmp_path / "part", "records": records}
    with pytest.raises(KeyboardInterrupt):
        trained(plays=players(4, killed), **more)
    again, history_again = trained(plays=players(4), **more)
    assert bits(again) == bits(whole)
    assert history_again == history
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["metrics"] for line in lines] == [dict(epoch.metrics) for epoch in history.epochs]


def test_a_checkpoint_of_other_players_is_refused(tmp_path, caplog):
    trained(checkpoint_folder=tmp_path)
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        changed, _ = trained(plays=players(3), checkpoint_folder=tmp_path)
    assert "starts anew" in caplog.text
    assert "players was" in caplog.text
    assert bits(changed) == bits(trained(plays=players(3))[0])


def test_seeds():
    assert bits(trained()[0]) == bits(trained()[0])
    assert bits(trained()[0]) != bits(trained(seed=4)[0])


def test_one_bad_loss_goes_back_an_epoch_with_half_the_rate(caplog):
    calls = []

    def once_bad(pair, values):
        calls.append(1)
        return critic_loss(pair, values) * (math.nan if len(calls) == 8 else 1.0)

    with caplog.at_level(logging.WARNING, logger="resonaut"):
        pair, history = trained(plays=players(2, once_bad))
    assert "goes back to the end of epoch 1, once, with half the learning rate" in caplog.text
    assert len(history.epochs) == 4
    assert all(torch.isfinite(tensor).all() for tensor in pair.state_dict().values())
    assert history.epochs[0] == trained()[1].epochs[0]


def test_a_loss_that_stays_bad_is_an_error_that_names_the_batch(tmp_path):
    rows = samples().columns[0].clone()
    rows[40] = np.inf
    with pytest.raises(TrainingError, match=r"generate\.toy: the training loss is (nan|inf) in epoch 1"):
        trained(training=FixedSamples(rows), checkpoint_folder=tmp_path)
    assert list(tmp_path.glob("failed_batch_*.safetensors"))


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="precision 'bf16'"):
        trained(ScheduledTraining(precision="bf16", device="cpu"))
    with pytest.raises(ConfigError, match="'critic' has 0 steps"):
        trained(plays=players(0))
    with pytest.raises(TrainingError, match=r"generate\.toy: no training rows"):
        trained(training=FixedSamples(np.zeros((0, 1), np.float32)))


def test_too_little_memory_names_what_to_lower():
    def never(pair, values):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(TrainingError, match=r"step of 'critic' with 32 rows\. Lower generate\.toy\.training"):
        trained(plays=players(2, never))


def test_the_penalty_of_a_linear_critic_is_that_of_its_slope():
    rng = torch.Generator().manual_seed(0)
    slope = torch.randn(2, 3, 4, generator=rng)
    real, fake = torch.randn(2, 5, 2, 3, 4, generator=rng)
    found = gradient_penalty(lambda x: (x * slope).flatten(1).sum(1), real, fake)
    expected = (slope.norm() - 1) ** 2
    torch.testing.assert_close(found, expected.expand(5), rtol=1e-5, atol=1e-6)
    assert torch.isfinite(gradient_penalty(lambda x: 0 * x.flatten(1).sum(1), real, fake)).all()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_slope_of_the_penalty_is_that_of_finite_differences(dims):
    """Through convolutions and a layer norm, in double precision."""
    convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
    torch.manual_seed(4)
    size = (5,) * dims
    critic = nn.Sequential(
        *(convolution(1, 3, 3, stride=2), nn.LayerNorm((2,) * dims), nn.Softplus(), nn.Flatten()),
        nn.Linear(3 * 2**dims, 1),
    ).double()
    real, fake = torch.randn(2, 4, 1, *size, dtype=torch.float64)

    def penalty():
        torch.manual_seed(9)
        return gradient_penalty(lambda x: critic(x)[:, 0], real, fake).sum()

    weight = critic[0].weight
    (slope,) = torch.autograd.grad(penalty(), weight)
    direction = torch.randn_like(weight)
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * 1e-5 * direction
        values.append(float(penalty()))
        with torch.no_grad():
            weight -= sign * 1e-5 * direction
    assert float((slope * direction).sum()) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6)


def test_the_critic_of_two_shifted_normals_finds_their_wasserstein_distance():
    """W1 of N(0, 1) and N(1.5, 1) is W = 1.5, and the critic a line. Its slope s makes s W - 10 (s - 1)^2
    largest, so that it gives W (1 + W / 20); within 5 %.
    """

    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = nn.Sequential(nn.Linear(1, 32), nn.Softplus(), nn.Linear(32, 1))

    def loss(network, values):
        real = values[0]
        fake = torch.randn_like(real)
        score = network.critic(torch.cat([real, fake]))[:, 0]
        penalty = gradient_penalty(lambda x: network.critic(x)[:, 0], real, fake)
        return score[len(real) :] - score[: len(real)] + 10 * penalty

    rng = np.random.default_rng(0)
    rows = rng.normal(1.5, 1, (4096, 1)).astype(np.float32)
    falling = iter(range(100, 0, -1))
    # A slope of -1 is a local optimum too, at the far side of the penalty.
    torch.manual_seed(1)
    network = Fixed()
    with torch.no_grad():
        for layer in (network.critic[0], network.critic[2]):
            layer.weight.abs_()
    chosen = settings(epochs=15, batch_size=256, ema=None, schedule="cosine", patience=25)
    train_adversarial(
        *(network, [Player("critic", ("critic",), loss)], FixedSamples(rows), FixedSamples(rows)),
        *(lambda network, samples, batches: next(falling), chosen),
        seed=1,
        where="generate.toy",
    )
    real, fake = torch.from_numpy(rows), torch.from_numpy(rng.normal(0, 1, (4096, 1)).astype(np.float32))
    with torch.no_grad():
        found = float(network.critic(real).mean() - network.critic(fake).mean())
    assert found == pytest.approx(1.5 * (1 + 1.5 / 20), rel=0.05)


def test_losses_in_closed_form():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -1.0])
    found = discriminator_loss(real, fake, "logistic")
    assert found[0] == pytest.approx(2 * math.log(2))
    assert found[1] == pytest.approx(math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)))
    smooth = discriminator_loss(real, fake, "logistic", 0.1)
    d = 1 / (1 + math.exp(-2))
    expected = -0.9 * math.log(d) - 0.1 * math.log(1 - d) + math.log1p(math.exp(-1))
    assert smooth[1] == pytest.approx(expected)
    squares = discriminator_loss(real, fake, "least_squares", 0.1)
    assert squares[1] == pytest.approx(0.5 * (1.1**2 + 1))
    assert generator_loss(fake, "logistic")[1] == pytest.approx(math.log1p(math.e))
    assert generator_loss(fake, "least_squares")[1] == pytest.approx(2.0)


def test_the_distance_of_a_shift_is_the_shift():
    """In widths, on the axes; on directions the mean of |cosine| times the shift, 2 / pi in the plane."""
    rng = torch.Generator().manual_seed(3)
    rows = torch.randn(4000, 2, generator=rng) * torch.tensor([1.0, 50.0])
    moved = rows + torch.tensor([0.3, 0.0])
    expected = 0.5 * (0.3 / 2 + 0.3 * 2 / math.pi)
    assert float(sliced_wasserstein(moved, rows, 500)) == pytest.approx(expected, rel=0.03)
    assert float(sliced_wasserstein(rows, rows)) == 0


def test_the_distance_sees_a_lost_correlation():
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(4000, 1, generator=rng)
    together = torch.cat([x, x], dim=1)
    apart = torch.cat([x, x[torch.randperm(4000, generator=rng)]], dim=1)
    assert float(sliced_wasserstein(apart, together)) > 0.05
