"""Attributions by gradients, with captum: sensitivity, integrated gradients, expected gradients.

    gradient               d f / d x (arXiv:1312.6034)
    integrated gradients   (x - b) * integral over a from 0 to 1 of d f / d x at b + a (x - b)
                           (arXiv:1703.01365 eq. 1)
    expected gradients     the mean of the same over baselines b that are background rows, one point of the
                           path for each (arXiv:1906.10670 eq. 2): Shapley values of Aumann and Shapley

The last two add up to f(x) - f(b) (completeness); the *gap* is by how much they miss it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resonaut.nn.device import seeded

_AT_ONCE = 512


@dataclass(frozen=True)
class Attributed:
    """Attributions of rows.

    Attributes:
        values: of the shape of the inputs, float64.
        gap: (n,) f(x) - f(baseline) minus their sum; None of a gradient, which has no such rule.
    """

    values: Tensor
    gap: Tensor | None


def gradient(function: nn.Module, values: Tensor, *more: Tensor) -> Attributed:
    """Derivative of (n,) values of a function with respect to its first argument."""
    from captum.attr import Saliency

    with _quiet():
        found = Saliency(function).attribute(values, abs=False, additional_forward_args=more or None)
    return Attributed(found.detach().double(), None)


def integrated_gradients(
    function: nn.Module, values: Tensor, baseline: Tensor, n_steps: int, *more: Tensor
) -> Attributed:
    """Integrated gradients by the Gauss-Legendre rule.

    Args:
        function: (n,) of values (n, ...) and more.
        baseline: (1, ...) of the shape of a row.
        more: further arguments, which stay as they are.
    """
    from captum.attr import IntegratedGradients

    with _quiet():
        found, gap = IntegratedGradients(function).attribute(
            values,
            baseline.expand_as(values),
            additional_forward_args=more or None,
            n_steps=n_steps,
            method="gausslegendre",
            internal_batch_size=max(_AT_ONCE, len(values)),
            return_convergence_delta=True,
        )
    # captum says sum - (f(x) - f(b)).
    return Attributed(found.detach().double(), -gap.detach().double())


def expected_gradients(
    function: nn.Module, values: Tensor, background: Tensor, n_draws: int, seed: int, *more: Tensor
) -> Attributed:
    """Expected gradients with drawn background rows; the gap is that of the drawn baselines.

    Args:
        background: (m, ...) rows.
        n_draws: of a background row and a point of the path, for each row.
    """
    from captum.attr import GradientShap

    with _quiet(), seeded(seed):
        found, gap = GradientShap(function).attribute(
            values,
            background,
            n_samples=n_draws,
            stdevs=0.0,
            additional_forward_args=more or None,
            return_convergence_delta=True,
        )
    # One gap for each draw, those of a row behind each other.
    return Attributed(found.detach().double(), -gap.detach().double().unflatten(0, (-1, n_draws)).mean(dim=1))


def share_of_gap(gaps: Sequence[Tensor], sums: Sequence[Tensor]) -> float:
    """Root mean square of the gaps in units of that of the sums of attributions."""
    gap, total = torch.cat(list(gaps)), torch.cat(list(sums))
    return float(gap.square().mean().sqrt() / total.square().mean().sqrt().clamp_min(1e-30))


@contextmanager
def _quiet() -> Iterator[None]:
    """captum warns that it switches gradients of its inputs on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*require[ds]_grad.*")
        yield
