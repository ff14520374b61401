"""A generator of every kind for tests of the driver: Gaussians whose means are linear in the conditions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.training import train

SEEN: list[torch.Tensor] = []
"""Conditions of the training rows of each fit."""


class Settings(GeneratorSettings):
    """None of its own."""


class Linear(nn.Module):
    """Mean and log width of flattened rows."""

    def __init__(self, shape):
        super().__init__()
        self.kind, self.dims, self.n = shape.kind, shape.dims, max(1, len(shape.conditions))
        size = int(torch.tensor(shape.dims).prod())
        self.mean = nn.Linear(self.n, size)
        self.log_width = nn.Parameter(torch.zeros(size))
        self.register_buffer("scale", torch.ones(self.n))
        self.register_buffer("centre", torch.zeros(self.n))

    def given(self, conditions):
        if not conditions.shape[1]:
            return conditions.new_ones(len(conditions), 1)
        return (conditions - self.centre) / self.scale

    def loss(self, values, conditions):
        pull = (values.flatten(1) - self.mean(self.given(conditions))) * (-self.log_width).exp()
        return (0.5 * pull.square() + self.log_width).sum(1)

    def forward(self, noise, conditions=None):
        conditions = noise.new_zeros(len(noise), 0) if conditions is None else conditions
        found = self.mean(self.given(conditions)) + self.log_width.exp() * noise
        found = found.relu() if self.kind in ("showers", "images") else found
        return found.view(-1, *self.dims)

    @torch.no_grad()
    def start(self, values, conditions):
        """Least squares: the training that follows only has to keep it."""
        given, rows = self.given(conditions), values.flatten(1)
        table = torch.cat([given, torch.ones(len(given), 1)], 1)
        found = torch.linalg.lstsq(table, rows, driver="gelsd").solution
        self.mean.weight.copy_(found[:-1].T)
        self.mean.bias.copy_(found[-1])
        self.log_width.copy_((rows - table @ found).std(0).clamp_min(1e-6).log())


def _rows(kind, values):
    """Rows, or the mean of the points of clouds, and conditions."""
    *inputs, conditions = values
    if kind == "clouds":
        padded, mask = inputs
        return padded.sum(1) / mask.sum(1, keepdim=True).clamp_min(1), conditions
    return inputs[0], conditions


def _loss(network, values):
    return network.loss(*_rows(network.kind, values))


@dataclass(frozen=True)
class Toy:
    settings: Settings
    kinds = ("features", "showers", "images", "clouds")

    def network(self, shape):
        return Linear(shape)

    def fit(self, network, training, validation, job):
        rows, conditions = _rows(network.kind, training.take(torch.arange(len(training))).values)
        SEEN.append(conditions)
        if conditions.shape[1]:
            network.centre.copy_(conditions.mean(0))
            network.scale.copy_(conditions.std(0))
        network.start(rows, conditions)
        return train(
            *(network, training, validation, _loss, self.settings.training),
            seed=job.seed,
            where=job.where,
            checkpoint_folder=job.checkpoint_folder,
            inputs=job.inputs,
            records=job.records,
        )

    def sample(self, network, conditions):
        size = network.log_width.numel()
        if network.kind != "clouds":
            return network(torch.randn(len(conditions), size), conditions)
        number = torch.randint(1, 6, (len(conditions),))
        mask = torch.arange(int(number.max())) < number[:, None]
        points = network(torch.randn(mask.numel(), size), conditions.repeat_interleave(mask.shape[1], 0))
        return points.view(*mask.shape, -1), mask


def build(settings):
    return Toy(settings)
