"""Fewer steps for a trained flow: progressive distillation (arXiv:2202.00512, algorithm 2).

A student of n steps of Euler learns to go in each of them where its teacher goes: the teacher of the first
student is the velocity itself with its solver, that of each further one the student before it. All end at the
same points from the same noise, so teacher and student are compared draw by draw.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resonaut.nn.networks.flow_matching import Field, FlowMatching, field_of, mean_square, solve
from resonaut.nn.samples import Samples
from resonaut.seeds import integer_seed

Prepared = Callable[[tuple[Tensor, ...]], tuple[Tensor, Tensor]]
"""Values and context of a batch of a sample."""

_N_PROJECTIONS = 64
_LEAST = 1e-9


def teacher_of(matching: FlowMatching, student: int) -> tuple[Callable[[Tensor], Field], int, str]:
    """Field (of a context), steps per step of the student, and solver of the teacher of a student."""
    numbers = sorted(int(number) for number in matching.students)
    larger = [number for number in numbers if number > student]
    if not larger:
        steps = max(1, -(-matching.steps // student))
        return matching.field, steps, matching.solver
    teacher = larger[0]
    return lambda context: matching.field(context, teacher), teacher // student, "euler"


def loss_of(
    matching: FlowMatching, student: int, prepared: Prepared, known: Tensor | None = None
) -> Callable[[nn.Module, tuple[Tensor, ...]], Tensor]:
    """Loss of a student, a copy of the velocity, for `nn.training.train`.

    Args:
        matching: with trained teachers.
        student: its number of steps.
        prepared: makes values and context of a batch.
        known: see `FlowMatching.loss`.
    """
    field, steps, solver = teacher_of(matching, student)

    def loss(velocity: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        with torch.no_grad():
            values, context = prepared(batch)
            noise = torch.randn_like(values)
            if known is not None:
                noise = noise * known
            time = torch.randint(student, (len(values),), device=values.device) / student
            here = torch.lerp(noise, values, time.reshape(-1, *[1] * (values.dim() - 1)))
            there = solve(field(context), here, solver, steps, start=time, span=1 / student)
            wanted = (there - here) * student
        return mean_square(velocity(here, time, context) - wanted, known)

    return loss


class Comparison:
    """Draws of a velocity with its solver and of its students, from the same noise; beside true rows.

    Args:
        matching: what draws.
        samples: rows that were not learnt from.
        prepared: makes values and context of a batch.
        n_rows: rows that are compared at most.
        seed: of the noise and of the projections.
        device: where.
    """

    def __init__(
        self,
        matching: FlowMatching,
        samples: Samples,
        prepared: Prepared,
        n_rows: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.matching = matching
        random = torch.Generator().manual_seed(integer_seed(seed, "comparison"))
        rows = torch.arange(min(n_rows, len(samples)))
        batch = samples.take(rows)
        with torch.no_grad():
            values, self.context = prepared(tuple(part.to(device) for part in batch.values))
        self.values = values
        self.noise = torch.randn(values.shape, generator=random).to(device)
        self.projections = torch.randn(
            values[0].numel(), min(_N_PROJECTIONS, values[0].numel()), generator=random
        ).to(device)
        self.projections /= self.projections.norm(dim=0)
        field = matching.field(self.context)
        with torch.no_grad():
            self.teacher = solve(field, self.noise, matching.solver, matching.steps)

    def of(self, student: nn.Module, steps: int) -> dict[str, float]:
        """How draws of a student in its steps differ from the velocity's and from the true rows.

        Returns:
            `rms_to_teacher`: root mean square of the difference draw by draw; `w1_teacher`, `w1_student`:
            mean Wasserstein distance to the true rows over random projections. All in widths of the values.
        """
        with torch.no_grad():
            drawn = solve(field_of(student, self.context), self.noise, "euler", steps)
        return {
            "rms_to_teacher": float((drawn - self.teacher).square().mean().sqrt()),
            "w1_teacher": self._distance(self.teacher),
            "w1_student": self._distance(drawn),
        }

    def _distance(self, drawn: Tensor) -> float:
        found, true = (part.flatten(1) @ self.projections for part in (drawn, self.values))
        width = true.std(0).clamp_min(_LEAST)
        return float(((found.sort(0).values - true.sort(0).values).abs().mean(0) / width).mean())
