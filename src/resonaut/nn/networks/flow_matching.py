"""Flow matching: a velocity field that carries normal noise to data along straight lines.

The path of a pair of noise x0 and data x1 is x_t = (1 - t) x0 + t x1, and the velocity learns x1 - x0
(arXiv:2210.02747, eq. 20-23 with sigma_min = 0; arXiv:2209.03003, eq. 1).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Solver = Literal["euler", "midpoint", "heun"]
Field = Callable[[Tensor, float | Tensor], Tensor]


def step(field: Field, values: Tensor, time: float | Tensor, length: float, solver: Solver) -> Tensor:
    """One step of dx/dt = field(x, t); euler is of first order, midpoint and heun are of second."""
    slope = field(values, time)
    if solver == "euler":
        return values + length * slope
    if solver == "midpoint":
        return values + length * field(values + 0.5 * length * slope, time + 0.5 * length)
    return values + 0.5 * length * (slope + field(values + length * slope, time + length))


def solve(
    field: Field,
    values: Tensor,
    solver: Solver,
    steps: int,
    *,
    start: float | Tensor = 0.0,
    span: float = 1.0,
) -> Tensor:
    """The solution of dx/dt = field(x, t) at start + span, from `values` at `start`, in equal steps.

    Args:
        field: dx/dt of rows at a time, or at a time of each row, (n,).
        values: (n, ...).
        solver: of each step.
        steps: number of steps.
        start: a time, or one of each row, (n,).
        span: how far in time; negative to go back.
    """
    length = span / steps
    for number in range(steps):
        values = step(field, values, start + number * length, length, solver)
    return values


def uniform_times(count: int, like: Tensor) -> Tensor:
    """Times in [0, 1), one in each of `count` equal intervals, in random order: less noise in a batch."""
    order = torch.randperm(count, device=like.device)
    return (order + torch.rand(count, device=like.device, dtype=like.dtype)) / count


def field_of(velocity: nn.Module, context: Tensor) -> Field:
    """dx/dt by a velocity of rows with this context, (n, n_context)."""

    def field(values: Tensor, time: float | Tensor) -> Tensor:
        times = torch.as_tensor(time, dtype=values.dtype, device=values.device).expand(len(values))
        return velocity(values, times, context)

    return field


class FlowMatching(nn.Module):
    """A velocity field, and copies of it that take few steps once they are distilled.

    Args:
        velocity: velocity(values, time (n,), context (n, n_context)), of the shape of the values.
        solver: of the equation for draws.
        steps: of the solver.
        students: numbers of steps of the distilled copies; see `nn.flow_distil`.
        drawn_with: number of steps of the copy that draws; None for the velocity itself.
    """

    def __init__(
        self,
        velocity: nn.Module,
        solver: Solver,
        steps: int,
        students: Sequence[int] = (),
        drawn_with: int | None = None,
    ) -> None:
        super().__init__()
        self.velocity = velocity
        self.solver: Solver = solver
        self.steps = steps
        self.students = nn.ModuleDict({str(number): copy.deepcopy(velocity) for number in students})
        self.drawn_with = drawn_with

    def loss(
        self, values: Tensor, context: Tensor, known: Tensor | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Mean squared error of the velocity of each row at a random time, (n,).

        Args:
            values: (n, ...), of about zero mean and unit width.
            context: (n, n_context).
            known: of the shape of one row; true where a number is one of the row's, not padding.
            weight: of the shape of one row or of all; factor of each squared error.
        """
        noise = torch.randn_like(values)
        if known is not None:
            noise = noise * known
        time = uniform_times(len(values), values)
        at = time.reshape(-1, *[1] * (values.dim() - 1))
        found = self.velocity(torch.lerp(noise, values, at), time, context)
        return mean_square(found - (values - noise), known, weight)

    def field(self, context: Tensor, student: int | None = None) -> Field:
        """dx/dt of rows with this context, (n, n_context)."""
        return field_of(self.velocity if student is None else self.students[str(student)], context)

    def draw(self, noise: Tensor, context: Tensor, student: int | None = None) -> Tensor:
        """What becomes of standard normal noise, (n, ...); by a student in its number of steps of Euler."""
        student = self.drawn_with if student is None else student
        with torch.no_grad():
            field = self.field(context, student)
            if student is not None:
                return solve(field, noise, "euler", student)
            return solve(field, noise, self.solver, self.steps)

    def log_prob(self, values: Tensor, context: Tensor, probes: int | None = None) -> Tensor:
        """Natural log of the density of the velocity's flow (arXiv:1806.07366, eq. 8), (n,).

        Args:
            values: (n, n_values).
            context: (n, n_context).
            probes: random directions in which the divergence is estimated (arXiv:1810.01367, eq. 8); None for
                the sum of all its terms, as many passes back as there are values.
        """
        field = self.field(context)
        directions = None
        if probes is not None:
            directions = torch.randint(0, 2, (probes, *values.shape), device=values.device) * 2.0 - 1

        def both(state: Tensor, time: float | Tensor) -> Tensor:
            slope, divergence = _divergence(field, state[:, :-1], time, directions)
            return torch.cat([slope, divergence[:, None]], dim=1)

        state = torch.cat([values, values.new_zeros(len(values), 1)], dim=1)
        state = solve(both, state, self.solver, self.steps, start=1.0, span=-1.0)
        noise, integral = state[:, :-1], state[:, -1]
        normal = -0.5 * noise.square().sum(1) - 0.5 * noise.shape[1] * math.log(2 * math.pi)
        return normal + integral


def mean_square(difference: Tensor, known: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """Mean of the squares of each row, (n,); over the known numbers only, each with its weight."""
    square = difference.square()
    if weight is not None:
        square = square * weight
    if known is None:
        return square.flatten(1).mean(1)
    return (square * known).flatten(1).sum(1) / known.sum()


def _divergence(
    field: Field, values: Tensor, time: float | Tensor, directions: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The field, and the sum over i of d field_i / d x_i, (n,), or its estimate."""
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        slope = field(values, time)
        total = values.new_zeros(len(values))
        if directions is None:
            for number in range(values.shape[1]):
                (back,) = torch.autograd.grad(slope[:, number].sum(), values, retain_graph=True)
                total = total + back[:, number]
        else:
            for direction in directions:
                (back,) = torch.autograd.grad((slope * direction).sum(), values, retain_graph=True)
                total = total + (back * direction).sum(1) / len(directions)
    return slope.detach(), total.detach()
