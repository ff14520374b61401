"""Any module trained many at a time against plain PyTorch one by one, and what is kept of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonaut.errors import TrainingError
from resonaut.nn import random
from resonaut.nn.device import seeded
from resonaut.nn.many import Many, Member, Sample, kept_epochs, train_many
from resonaut.nn.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=6, batch_size=16, learning_rate=0.01, weight_decay=0.1, patience=2)


class Scaled(torch.nn.Module):
    """A network with a normalisation, a mask that all share, and a scale of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(3))
        self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0]))
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.LayerNorm(8), torch.nn.GELU())
        self.last = torch.nn.Linear(8, 1)
        self.offset = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.last(self.layers(inputs / self.scale * self.mask))[..., 0] + self.offset


def _loss(call, inputs, target, noise_key) -> torch.Tensor:
    noise = random.uniform(noise_key[None], inputs.shape[0], inputs.dtype)[0]
    return (call(inputs) - target - 0.1 * (noise - 0.5)).square()


def _problem(n_networks: int) -> tuple[torch.Tensor, list[Sample], list[Member], torch.Tensor]:
    """Ragged, overlapping, weighted samples; every third network validates on targets of the other sign."""
    generator = np.random.default_rng(3)
    table = generator.normal(2.0, 3.0, (240, 3))
    target = np.sin(table[:, 0]) + 0.3 * table[:, 2]
    samples, members = [], []
    for number in range(n_networks):
        rows = generator.permutation(240)
        cut = 40 + 23 * number % 90
        for part, sign in ((rows[:cut], 1), (rows[cut : cut + 35], -1 if number % 3 == 2 else 1)):
            samples.append(Sample(part, generator.uniform(0.5, 2.0, len(part)), sign * target[part]))
        members.append(Member(1000 + number, 2 * number, 2 * number + 1))
    scale = torch.from_numpy(generator.uniform(1.0, 4.0, (n_networks, 3)))
    return torch.from_numpy(table), samples, members, scale


def _one_by_one(
    table: torch.Tensor, samples: list[Sample], member: Member, scale: torch.Tensor, clip_norm: float | None
) -> tuple[list[dict[str, torch.Tensor]], list[float]]:
    """The same training of one network by torch.nn, autograd and AdamW; weights and loss of each epoch."""
    with seeded(member.seed):
        network = Scaled().double()
    network.scale = scale
    settings = SETTINGS
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    key = torch.tensor([member.seed])
    size = settings.batch_size

    def losses(sample: Sample, chosen: np.ndarray, noise: torch.Tensor) -> torch.Tensor:
        weight = torch.from_numpy(sample.weight / sample.weight.mean())[chosen]
        target = torch.from_numpy(sample.target[chosen])
        shifted = target + 0.1 * (random.uniform(noise, size, torch.float64)[0, : len(chosen)] - 0.5)
        return weight * (network(table[sample.rows[chosen]]) - shifted).square()

    states, curve, waited = [], [], 0
    training, validation = samples[member.train], samples[member.validation]
    for epoch in range(settings.epochs):
        length = len(training.rows)
        epoch_key = random.subkeys(random.subkeys(key, 1), epoch)
        order = random.permutations(epoch_key, torch.tensor([length]), length)[0].numpy()
        noise = random.subkeys(random.subkeys(key, 2), epoch)
        for step, start in enumerate(range(0, length, size)):
            optimiser.zero_grad()
            losses(training, order[start : start + size], random.subkeys(noise, step)).mean().backward()
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
            optimiser.step()
        with torch.no_grad():
            parts = [
                losses(validation, part, random.subkeys(random.subkeys(key, 3), step))
                for step, part in enumerate(
                    np.split(np.arange(len(validation.rows)), range(size, len(validation.rows), size))
                )
            ]
        curve.append(float(torch.cat(parts).mean()))
        states.append({name: value.detach().clone() for name, value in network.named_parameters()})
        waited = 0 if curve[-1] == min(curve) else waited + 1
        if waited >= settings.patience:
            break
    return states, curve


@pytest.mark.parametrize("clip_norm", [None, 0.3])
def test_equals_plain_torch_one_by_one(clip_norm: float | None) -> None:
    table, samples, members, scale = _problem(7)
    together = train_many(
        Scaled,
        table,
        samples,
        members,
        _loss,
        SETTINGS,
        constants={"scale": scale},
        keep=2,
        clip_norm=clip_norm,
    )
    for number, member in enumerate(members):
        states, curve = _one_by_one(table, samples, member, scale[number], clip_norm)
        history = together.history.validation_loss[number]
        np.testing.assert_allclose(history[: len(curve)], curve, atol=1e-7)
        assert np.isnan(history[len(curve) :]).all()
        # The two best epochs of those that ran, in this order.
        for place, epoch in enumerate(np.argsort(curve)[:2]):
            kept = together.program.parameters(together.kept[place])
            for name, value in states[epoch].items():
                torch.testing.assert_close(kept[name][number], value, rtol=0, atol=1e-7)
        assert together.history.best_epoch[number] == int(np.argmin(curve))


@pytest.mark.parametrize("average", [False, True])
def test_result_does_not_depend_on_the_batch(average: bool) -> None:
    table, samples, members, scale = _problem(7)

    def trained(chosen: list[int], **more: int) -> Many:
        return train_many(
            *(Scaled, table, samples, [members[i] for i in chosen], _loss, SETTINGS, average),
            constants={"scale": scale[chosen]},
            **more,
        )

    everyone = list(range(7))
    together = trained(everyone)
    for chosen, more in ((everyone, {"networks_per_batch": 2}), (everyone[::-1], {}), ([4], {})):
        other = trained(chosen, **more)
        torch.testing.assert_close(other.kept, together.kept[:, chosen], rtol=0, atol=1e-10)
        np.testing.assert_array_equal(other.history.best_epoch, together.history.best_epoch[chosen])


def test_average_is_the_running_mean_of_the_weights() -> None:
    """Epochs 1, 2, 3 with weight 1/3 each: the mean of the weights that the same run passes through."""
    table, samples, members, _ = _problem(2)
    ends = []
    for epochs in (1, 2, 3):
        settings = SETTINGS.model_copy(update={"epochs": epochs, "patience": 9})
        ends.append(train_many(Scaled, table, samples, members, _loss, settings, average=True).kept[0])
    # Running means m1, m2, m3 of weights w1, w2, w3: w2 = 2 m2 - m1, w3 = 3 m3 - 2 m2.
    settings = SETTINGS.model_copy(update={"epochs": 3, "patience": 9})
    best = train_many(Scaled, table, samples, members, _loss, settings, keep=3)
    order = np.argsort(best.history.validation_loss[0])
    for place, epoch in enumerate(order):
        expected = (ends[0], 2 * ends[1] - ends[0], 3 * ends[2] - 2 * ends[1])[epoch]
        torch.testing.assert_close(best.kept[place, 0], expected[0], rtol=0, atol=1e-10)


def test_each_network_stops_by_itself() -> None:
    table, samples, members, _ = _problem(3)
    settings = TrainingSettings(epochs=30, batch_size=16, learning_rate=0.01, patience=3)
    history = train_many(Scaled, table, samples, members, _loss, settings).history
    epochs = np.isfinite(history.validation_loss).sum(1)
    # Network 2 validates on targets of the other sign: what it learns makes its validation worse.
    assert epochs[2] < epochs[0]
    for row, best, count in zip(history.validation_loss, history.best_epoch, epochs, strict=True):
        assert best == np.nanargmin(row)
        assert count == min(settings.epochs, best + 1 + settings.patience)


def test_apply_runs_each_network_on_any_rows() -> None:
    table, samples, members, scale = _problem(3)
    trained = train_many(Scaled, table, samples, members, _loss, SETTINGS, constants={"scale": scale})
    found = trained.apply([2, 0], lambda call, inputs: call(inputs), table, np.array([7, 3]))
    for line, number in enumerate((2, 0)):
        network = Scaled().double()
        network.load_state_dict(
            {
                **{name: value[number] for name, value in trained.parameters.items()},
                "scale": scale[number],
                "mask": network.mask,
            }
        )
        torch.testing.assert_close(found[line], network(table[[7, 3]]).detach(), rtol=0, atol=1e-12)
    assert trained.apply([1], lambda call, inputs: inputs, table, np.zeros(0, np.int64)).shape == (1, 0, 3)
    many = table.repeat(20, 1)
    whole = trained.apply([1], lambda call, inputs: call(inputs), many)
    torch.testing.assert_close(whole[0, 240:480], whole[0, :240], rtol=0, atol=1e-12)


def test_more_epochs_are_not_kept_than_each_network_has() -> None:
    assert kept_epochs(10, TrainingSettings(epochs=50, patience=20)) == 10
    assert kept_epochs(10, TrainingSettings(epochs=50, patience=4)) == 5
    assert kept_epochs(10, TrainingSettings(epochs=3, patience=4)) == 3


def test_a_sample_without_weight_and_a_loss_that_is_not_finite_are_refused() -> None:
    table, samples, members, _ = _problem(1)
    empty = Sample(samples[0].rows, np.zeros(len(samples[0].rows)), samples[0].target)
    with pytest.raises(TrainingError, match="toy: sample 0 has no events of positive weight"):
        train_many(Scaled, table, [empty, samples[1]], members, _loss, SETTINGS, what="toy")
    table[samples[0].rows[0], 0] = torch.nan
    with pytest.raises(TrainingError, match=r"epoch 0: a loss is not finite; lower training.learning_rate"):
        train_many(Scaled, table, samples, members, _loss, SETTINGS)
