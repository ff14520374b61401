"""Quantile errors against the size of a sample, and equivalent true samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Errors:
    """Mean quantile errors of one kind of sample.

    Attributes:
        size: (n,) of the sample.
        error, standard: (n,) mean over repetitions, and its standard error.
    """

    label: str
    colour: str
    size: np.ndarray
    error: np.ndarray
    standard: np.ndarray


@dataclass(frozen=True)
class Factors:
    """Equivalent sample factors of one kind of sample.

    Attributes:
        n_cells: (n,) cells of the quantiles.
        factor, standard: (n,) and its standard error.
    """

    label: str
    colour: str
    n_cells: np.ndarray
    factor: np.ndarray
    standard: np.ndarray


def draw_errors(axes: Axes, curves: Sequence[Errors], expected: Errors, fit: Errors, n_training: int) -> None:
    """Quantile errors of generators between that of a true sample and that of a fit.

    Args:
        curves: of generators and of true samples.
        expected: closed form of true samples.
        fit: of the fitted function; one number, drawn as a line.
        n_training: points that were learnt, marked.
    """
    axes.plot(expected.size, expected.error, color=expected.colour, ls="--", lw=1.4, label=expected.label)
    for curve in curves:
        axes.errorbar(
            *(curve.size, curve.error, curve.standard), fmt="o-", ms=5, color=curve.colour, label=curve.label
        )
    low, high = fit.error[0] - fit.standard[0], fit.error[0] + fit.standard[0]
    axes.axhline(fit.error[0], color=fit.colour, label=fit.label)
    axes.axhspan(low, high, color=fit.colour, alpha=0.25, lw=0)
    axes.axvline(n_training, color="0.5", ls=":", lw=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("Size of the sample")
    axes.set_ylabel("Quantile error")
    add_legend(axes)


def draw_factors(axes: Axes, entries: Sequence[Factors]) -> None:
    """Size of the equivalent true sample over the number of training points."""
    for entry in entries:
        axes.errorbar(
            *(entry.n_cells, entry.factor, entry.standard),
            fmt="o-",
            ms=5,
            color=entry.colour,
            label=entry.label,
        )
    axes.axhline(1, color="0.5", ls="--", lw=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("Cells of the quantiles")
    axes.set_ylabel("Equivalent sample factor")
    add_legend(axes)
